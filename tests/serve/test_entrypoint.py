"""What an image runs, and what it is given so that it runs vLLM."""

import pytest

from thorexp.errors import ConfigError
from thorexp.serve.entrypoint import Invocation, invocation

OPENAI = ("vllm", "serve")
MODULE = ("python3", "-m", "vllm.entrypoints.openai.api_server")
NVIDIA = ("/opt/nvidia/nvidia_entrypoint.sh",)


@pytest.mark.parametrize("server", [OPENAI, MODULE, ("/opt/venv/bin/vllm", "serve")])
def test_an_entrypoint_that_is_a_server_is_given_arguments_alone(server: tuple[str, ...]) -> None:
    """All words of the command are the image's."""
    assert Invocation(server, len(server), None) == invocation(server, None, ())


@pytest.mark.parametrize("none_or_wrapper", [(), NVIDIA, ("tini", "--")])
def test_any_other_entrypoint_is_given_the_whole_command(none_or_wrapper: tuple[str, ...]) -> None:
    """It sets up what it does and then runs that."""
    assert Invocation(("vllm", "serve"), 0, None) == invocation(none_or_wrapper, None, ())
    assert Invocation(MODULE, 0, None) == invocation(none_or_wrapper, None, MODULE)


def test_a_typed_command_takes_the_place_of_an_entrypoint_that_is_a_server() -> None:
    """What was typed is what runs."""
    assert Invocation(MODULE, 0, ()) == invocation(OPENAI, None, MODULE)


@pytest.mark.parametrize(("of_image", "given"), [(("vllm",), 1), (OPENAI, 2)])
def test_a_command_that_begins_as_the_entrypoint_does_is_given_its_rest(of_image: tuple[str, ...], given: int) -> None:
    """No word is said twice."""
    assert [Invocation(OPENAI, given, None)] * 2 == [invocation(of_image, None, command) for command in (OPENAI, ())]


def test_a_typed_entrypoint_takes_the_place_of_the_images() -> None:
    """It is read as the image's would be; an empty one is none."""
    assert Invocation(MODULE, 3, MODULE) == invocation(OPENAI, " ".join(MODULE), ())
    assert Invocation(("vllm", "serve"), 0, ()) == invocation(("bash",), "", ())


@pytest.mark.parametrize("shell", [("/bin/bash",), ("/bin/sh", "-c", "exec serve-model")])
def test_a_shell_is_refused(shell: tuple[str, ...]) -> None:
    """It would take the command for a script, or not at all; the refusal says how to be rid of it."""
    with pytest.raises(ConfigError) as refused:
        invocation(shell, None, ())
    assert "server.docker.entrypoint=\"''\"" in str(refused.value)

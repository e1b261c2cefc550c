"""What `docker run` prints when it cannot, and what to do then."""

import pytest

from thorexp.serve.diagnose import diagnose

HINT = "\nRun 'docker run --help' for more information"


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("docker: Error response from daemon: Unknown runtime specified nvidia.", "nvidia-ctk runtime configure"),
        ("nvidia-container-cli: initialization error: nvml error: driver not loaded: unknown.", "nvidia-smi"),
        ("docker: Error response from daemon: CDI: unresolvable CDI devices nvidia.com/gpu=all", "nvidia-ctk cdi list"),
        ("docker: Error response from daemon: invalid mount config: field Target must not be empty.", "docker.volumes"),
        (
            "docker: permission denied while trying to connect to the Docker daemon socket at unix:///var/run/x.sock",
            "server.docker.client='sudo -n docker'",
        ),
        (
            "docker: Cannot connect to the Docker daemon at unix:///var/run/x.sock. Is the docker daemon running?",
            "systemctl start docker",
        ),
        ("docker: Error response from daemon: No such image: sha256:0.", "it is pulled"),
        ("docker: invalid reference format", "server.docker.args"),
    ],
)
def test_what_docker_says_is_known(line: str, remedy: str) -> None:
    """By its own line, below which the client advises to read its help."""
    said = diagnose(line + HINT, 125)
    assert (line, (line,), True) == (said.cause, said.last, remedy in str(said.remedy))


def test_what_is_not_known_is_told_as_docker_says_it() -> None:
    """And not by the advice below it."""
    said = diagnose("docker: Error response from daemon: something new." + HINT, 125)
    assert ("docker: Error response from daemon: something new.", None) == (said.cause, said.remedy)


def test_an_exit_code_of_docker_run_says_that_it_was_killed() -> None:
    """137 is 128 and the 9 of SIGKILL."""
    assert diagnose("INFO all is well", 137).lacks_memory

"""An image: made to be here, and asked which vLLM it has."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.docker_of_ours import DIGEST, NAME, OPENAI, FakeDocker, fake_docker
from tests.serve.test_docker import a_container, tell
from thorexp.errors import ConfigError
from thorexp.serve.docker_client import ask
from thorexp.serve.image import find_image, known_of, pull

COMMAND = ("vllm", "serve")


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDocker]:
    """One that can pull the image."""
    with fake_docker(tmp_path) as running:
        monkeypatch.setenv("FAKE_DOCKER", running.env["FAKE_DOCKER"])
        yield running


def test_an_image_that_was_pulled_is_here(docker: FakeDocker) -> None:
    """Before, it is absent."""
    before = find_image(docker.client, NAME)
    pull(docker.client, NAME, 60)
    image = find_image(docker.client, NAME)
    assert (None, True) == (before, image is not None)
    assert image is not None
    assert (f"{NAME}@{DIGEST}", COMMAND) == (image.reference, image.entrypoint)


def test_progress_is_the_clients_own(docker: FakeDocker, capfd: pytest.CaptureFixture[str]) -> None:
    """On standard error, as it comes: standard output is for results."""
    pull(docker.client, NAME, 60)
    out, err = capfd.readouterr()
    assert ("", 4) == (out, err.count("a1b2c3: Downloading "))


@pytest.mark.parametrize(
    ("digests", "expected"),
    [
        (["other/name@sha256:1", "vllm/vllm-openai@sha256:2"], "sha256:2"),
        (["other/name@sha256:1"], "sha256:1"),
        ([], OPENAI["Id"]),
    ],
)
def test_the_digest_is_the_registrys_that_it_is_called_by(
    docker: FakeDocker, digests: list[str], expected: str
) -> None:
    """Else another registry's; of an image that was built here, its id."""
    (docker.state / "images").mkdir()
    (docker.state / "images" / "a.json").write_text(json.dumps({"Name": NAME, **OPENAI, "RepoDigests": digests}))
    image = find_image(docker.client, NAME)
    assert image is not None
    assert expected == image.digest


def test_a_pull_that_takes_too_long_is_refused(docker: FakeDocker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal names the key of the limit, doubled."""
    tell(docker, monkeypatch, pull_step_s=10)
    with pytest.raises(ConfigError, match=r"did not come within 0\.5 s") as refused:
        pull(docker.client, NAME, 0.5)
    assert "server.docker.pull_timeout_s=1:" in str(refused.value)


@pytest.mark.parametrize(
    ("printed", "headline", "remedy"),
    [
        (
            "Error response from daemon: manifest for a/b:c not found: manifest unknown: manifest unknown",
            "There is no such image",
            "server.docker.image=",
        ),
        (
            "Error response from daemon: pull access denied for a/b, repository does not exist or may "
            "require 'docker login': denied: requested access to the resource is denied",
            "There is no such image",
            "docker login",
        ),
        (
            "no matching manifest for linux/arm64/v8 in the manifest list entries",
            "not made for this machine's architecture",
            "server.docker.image=",
        ),
        (
            "failed to register layer: write /usr/lib/libtorch.so: no space left on device",
            "The disk is full",
            "docker image prune",
        ),
        (
            'Error response from daemon: Get "https://ghcr.io/v2/": dial tcp: lookup ghcr.io: no such host',
            "The registry cannot be reached",
            "docker image ls",
        ),
        ("toomanyrequests: You have reached your pull rate limit.", "enough for now", "docker login"),
        ("something new", f"The image {NAME} cannot be pulled", "by hand"),
    ],
)
def test_a_pull_that_fails_says_why(
    docker: FakeDocker, monkeypatch: pytest.MonkeyPatch, printed: str, headline: str, remedy: str
) -> None:
    """What Docker printed, what it means and what to try."""
    tell(docker, monkeypatch, pull_error=printed)
    with pytest.raises(ConfigError) as refused:
        pull(docker.client, NAME, 60)
    assert headline in refused.value.headline
    facts = {fact.label: fact.text for fact in refused.value.facts}
    assert printed == facts["says"]
    assert remedy in str(refused.value)


@pytest.mark.parametrize(
    ("printed", "headline", "remedy"),
    [
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
            "This user may not talk to the Docker daemon.",
            "server.docker.client='sudo -n docker'",
        ),
        (
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            "The Docker daemon does not run.",
            "sudo systemctl start docker",
        ),
        ("sudo: a password is required", "sudo wants a password", "usermod -aG docker"),
    ],
)
def test_a_docker_that_does_not_answer_says_why(
    docker: FakeDocker, monkeypatch: pytest.MonkeyPatch, printed: str, headline: str, remedy: str
) -> None:
    """Before anything is pulled or started."""
    tell(docker, monkeypatch, client_error=printed)
    with pytest.raises(ConfigError) as refused:
        find_image(docker.client, NAME)
    assert headline in refused.value.headline
    assert remedy in str(refused.value)


def test_a_docker_that_is_not_installed_is_said() -> None:
    """With the key of its command."""
    with pytest.raises(ConfigError, match="There is no docker command 'no-such-docker'") as refused:
        find_image(("no-such-docker",), NAME)
    assert "server.docker.client" in str(refused.value)


def test_a_command_that_hangs_is_ended() -> None:
    """And says how long it had."""
    assert "no answer within 0.2 s" == ask(("sleep", "60"), timeout_s=0.2).stderr


def test_an_image_is_asked_once(docker: FakeDocker, tmp_path: Path) -> None:
    """By two containers, which are gone then; the second time the answer comes from the cache."""
    pull(docker.client, NAME, 60)
    container = a_container(docker.client)
    known = [known_of(container, COMMAND, tmp_path / "cache") for _ in range(2)]
    assert known[0] == known[1]
    assert ("0.99.0", "2.9.0+fake", True) == (known[0].version, known[0].torch, "--max-num-seqs" in known[0].flags)
    assert (2, []) == (len(docker.commands("run")), docker.containers)


def test_a_version_that_was_not_told_is_asked_for_again(
    docker: FakeDocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What kept it from being told may be gone the next time."""
    pull(docker.client, NAME, 60)
    container = a_container(docker.client)
    tell(docker, monkeypatch, versions="")
    before = known_of(container, COMMAND, tmp_path / "cache").version
    tell(docker, monkeypatch)
    after = known_of(container, COMMAND, tmp_path / "cache").version
    assert ("unknown-cdab89efcdab", "0.99.0") == (before, after)


def test_another_image_of_that_name_is_asked_again(docker: FakeDocker, tmp_path: Path) -> None:
    """A tag that has moved is another vLLM."""
    pull(docker.client, NAME, 60)
    known_of(a_container(docker.client), COMMAND, tmp_path / "cache")
    with pytest.raises(ConfigError, match="Docker cannot run the image"):
        known_of(replace(a_container(docker.client), image="sha256:moved"), COMMAND, tmp_path / "cache")


def test_an_image_without_a_vllm_is_refused(docker: FakeDocker, tmp_path: Path) -> None:
    """It does not say which flags it has."""
    pull(docker.client, NAME, 60)
    container = replace(a_container(docker.client), entrypoint=(), given=0)
    with pytest.raises(ConfigError, match="does not say which flags it has") as refused:
        known_of(container, ("no-vllm", "serve"), tmp_path)
    assert "executable file not found" in str(refused.value)


def test_a_gpu_that_docker_cannot_give_is_said(
    docker: FakeDocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question fails as the server would, before anything is started."""
    pull(docker.client, NAME, 60)
    says = "docker: Error response from daemon: unknown or invalid runtime name: nvidia."
    tell(docker, monkeypatch, run_error=says)
    with pytest.raises(ConfigError, match=r"Docker cannot run the image\.") as refused:
        known_of(a_container(docker.client), COMMAND, tmp_path)
    assert "nvidia-ctk runtime configure" in str(refused.value)

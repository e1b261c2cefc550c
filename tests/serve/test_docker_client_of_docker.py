"""What the real client makes of our words, as its requests to a daemon say it; skipped where there is none."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.docker_of_ours import DIGEST, NAME, OPENAI
from tests.serve.docker_api import REFUSED, Api, Asked, docker_api
from tests.serve.test_docker import a_container, a_spec
from thorexp.serve.docker import LABEL, Container, env_file, remove_leftovers
from thorexp.serve.docker_client import ask
from thorexp.serve.image import find_image, pull
from thorexp.serve.owner import owner

CLIENT = ("docker",)
# What the real client makes of our words only that client can say; CI installs it, and forbids this.
pytestmark = pytest.mark.skipif(
    shutil.which("docker") is None and os.environ.get("THOREXP_REQUIRE_DOCKER") != "1",
    reason="no docker client: apt-get install docker.io",
)


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """A daemon that the client talks to, with a variable of the user's."""
    with docker_api(tmp_path) as running:
        monkeypatch.setenv("DOCKER_HOST", running.host)
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        monkeypatch.setenv("HF_ENDPOINT", "https://mirror")
        yield running


def created(api: Api, container: Container, command: tuple[str, ...] = ("vllm", "serve")) -> dict[str, object]:
    """What the client asks to be created."""
    spec = replace(a_spec(container), command=command)
    words = container.run_words("thorexp-1-a", spec.argv(8000), spec.model)
    variables = env_file(container.variables({"VLLM_SERVER_DEV_MODE": "1", "HF_TOKEN": "hf_secret", "ODD": " a=b # '"}))
    said = subprocess.run(words, stdin=variables, capture_output=True, text=True, check=False)
    os.close(variables)
    assert (125, True) == (said.returncode, REFUSED in said.stderr)
    asked = api.of("POST", "/containers/create")
    assert ["thorexp-1-a"] == asked.query["name"]
    return asked.body


def test_our_command_is_understood(api: Api) -> None:
    """Each word arrives as what it is meant to be."""
    body = created(api, a_container())
    host = body["HostConfig"]
    assert isinstance(host, dict)
    limits = {limit["Name"]: (limit["Soft"], limit["Hard"]) for limit in host["Ulimits"]}
    assert {"memlock": (-1, -1), "stack": (67108864, 67108864)} == limits
    assert ("host", "host", "nvidia", True, ["/cache:/root/.cache"]) == tuple(
        host[key] for key in ("NetworkMode", "IpcMode", "Runtime", "AutoRemove", "Binds")
    )
    assert (OPENAI["Id"], {LABEL: owner()}) == (body["Image"], body["Labels"])
    own = {"HF_ENDPOINT=https://mirror", "VLLM_SERVER_DEV_MODE=1", "HF_TOKEN=hf_secret", "ODD= a=b # '"}
    assert isinstance(body["Env"], list)
    assert own == set(body["Env"])
    expected = ["a/model", "--host", "127.0.0.1", "--port", "8000", "--max-num-seqs", "4"]
    assert (None, expected) == (body["Entrypoint"], body["Cmd"])


def test_another_entrypoint_is_understood(api: Api) -> None:
    """Its first word is the entrypoint, the rest leads the command."""
    module = ("python3", "-m", "vllm.entrypoints.openai.api_server")
    body = created(api, replace(a_container(), entrypoint=module, given=3), module)
    command = body["Cmd"]
    assert isinstance(command, list)
    assert (["python3"], [*module[1:], "--model", "a/model"]) == (body["Entrypoint"], command[:4])


def test_no_entrypoint_is_understood(api: Api) -> None:
    """An empty one is Docker's word for none."""
    body = created(api, replace(a_container(), entrypoint=(), given=0))
    command = body["Cmd"]
    assert isinstance(command, list)
    assert ([""], ["vllm", "serve", "a/model"]) == (body["Entrypoint"], command[:3])


def test_a_gpu_by_its_desktop_word_is_understood(api: Api) -> None:
    """`--gpus all`, as the hardware configs of desktops and servers say it."""
    host = created(api, replace(a_container(), args=("--gpus", "all")))["HostConfig"]
    assert isinstance(host, dict)
    assert [(-1, [["gpu"]])] == [(asked["Count"], asked["Capabilities"]) for asked in host["DeviceRequests"]]


def test_the_ending_is_understood(api: Api) -> None:
    """One request to end, one to remove by force."""
    for words in a_container().ending("thorexp-1-a"):
        ask(words)
    assert ["TERM"] == api.of("POST", "/containers/thorexp-1-a/kill").query["signal"]
    assert ["1"] == api.of("DELETE", "/containers/thorexp-1-a").query["force"]


def test_leftovers_are_found_by_their_owners(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """Of two containers the one whose owner has died is removed, and that is said."""
    host, boot, pid, _ = owner().split()
    described = {"Image": "i", "Command": "c", "Created": 1, "Status": "Up", "State": "running", "Ports": []}
    left = described | {"Id": "1" * 64, "Names": ["/left"], "Labels": {LABEL: f"{host} {boot} {pid} 1"}}
    used = described | {"Id": "2" * 64, "Names": ["/used"], "Labels": {LABEL: owner()}}

    def listed(asked: Asked) -> tuple[int, Any]:
        gone = any(each.method == "DELETE" for each in api.asked)
        of_one = "name" in json.loads(asked.query["filters"][0])
        return 200, [*([] if gone else [left]), *([] if of_one else [used])]

    api.answers |= {"GET /containers/json": listed, "DELETE /containers/left": (204, {})}
    remove_leftovers(CLIENT)
    assert ["1"] == api.of("DELETE", "/containers/left").query["force"]
    (said,) = [record.getMessage() for record in caplog.records]
    assert f"container left was left by a thorexp that has died (pid {pid}): removed" == said


def test_an_image_is_found_by_its_name(api: Api) -> None:
    """Id, digest and entrypoint, from what a daemon says."""
    api.answers[f"GET /images/{NAME}/json"] = (200, OPENAI)
    image = find_image(CLIENT, NAME)
    assert image is not None
    assert (OPENAI["Id"], DIGEST, ("vllm", "serve")) == (image.id, image.digest, image.entrypoint)


def test_an_image_that_is_not_there_is_absent(api: Api) -> None:
    """The client says so, and that is no error."""
    api.answers[f"GET /images/{NAME}/json"] = (404, {"message": f"No such image: {NAME}"})
    assert find_image(CLIENT, NAME) is None


def test_an_image_is_pulled_by_its_name(api: Api) -> None:
    """By the tag that was asked for."""
    api.answers["POST /images/create"] = (200, {"status": "Status: Downloaded newer image"})
    pull(CLIENT, NAME, 60)
    asked = api.of("POST", "/images/create").query
    assert (["vllm/vllm-openai"], ["latest"]) == (
        [name.removeprefix("docker.io/") for name in asked["fromImage"]],
        asked["tag"],
    )


def test_a_daemon_that_does_not_run_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the real client's words, whichever they are."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'none.sock'}")
    with pytest.raises(Exception, match=r"The Docker daemon does not run\."):
        find_image(CLIENT, NAME)

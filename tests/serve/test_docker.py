"""vLLM in a container: its command, its end, and that nothing of it is left."""

import json
import multiprocessing
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.docker_of_ours import DIGEST, NAME, OPENAI, FakeDocker, fake_docker
from thorexp.errors import DeathError, StartError
from thorexp.serve import guard
from thorexp.serve.docker import Container, model_volumes, remove_leftovers
from thorexp.serve.engine_args import EngineArg
from thorexp.serve.process import VllmProcess, start
from thorexp.serve.server import LaunchSpec, can_listen

ID = str(OPENAI["Id"])


def a_container(client: tuple[str, ...] = ("docker",)) -> Container:
    """Of vLLM's own image, on a Jetson."""
    return Container(
        client=client,
        image=ID,
        reference=f"{NAME}@{DIGEST}",
        given=2,
        entrypoint=None,
        args=("--runtime", "nvidia"),
        volumes=("/cache:/root/.cache",),
        handed_on=("HF_ENDPOINT",),
    )


def a_spec(container: Container, stop_timeout_s: float = 10, ready_timeout_s: float = 60) -> LaunchSpec:
    """`vllm serve` in it."""
    return LaunchSpec(
        command=("vllm", "serve"),
        model="a/model",
        args=(EngineArg("max_num_seqs", 4, "command line"),),
        env=(("HF_TOKEN", "hf_secret"), ("TRITON", "1")),
        host="127.0.0.1",
        port=None,
        ready_timeout_s=ready_timeout_s,
        stop_timeout_s=stop_timeout_s,
        memory_timeout_s=30,
        probe_len=32,
        container=container,
    )


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDocker]:
    """One that has the image; and a home of its own, where notes are of who runs what."""
    monkeypatch.setenv("HOME", str(tmp_path))
    with fake_docker(tmp_path) as running:
        (running.state / "images").mkdir()
        (running.state / "images" / "openai.json").write_text(json.dumps({"Name": NAME, **OPENAI}))
        monkeypatch.setenv("FAKE_DOCKER", running.env["FAKE_DOCKER"])
        yield running


def tell(docker: FakeDocker, monkeypatch: pytest.MonkeyPatch, **told: Any) -> None:
    """It behaves so from now on."""
    docker.told = told
    monkeypatch.setenv("FAKE_DOCKER", docker.env["FAKE_DOCKER"])


def test_the_command_is_what_jetson_users_type() -> None:
    """Network, shared memory and limits first, then the hardware's, volumes, where its variables are read, the image
    by its id, and behind it only what its entrypoint does not say.
    """
    spec = a_spec(a_container())
    words = a_container().run_words("a-name", spec.argv(8000), "a/model")
    label = words.index("--label")
    assert ("docker", "run", "--rm", "--pull", "never", "--name", "a-name") == words[:label]
    expected = (
        "--network host --ipc host --ulimit memlock=-1 --ulimit stack=67108864 "
        "--security-opt no-new-privileges --cap-drop NET_RAW --cap-drop MKNOD --runtime nvidia "
        f"-v /cache:/root/.cache --env-file /dev/stdin {ID} "
        "a/model --host 127.0.0.1 --port 8000 --max-num-seqs 4"
    )
    assert expected.split() == list(words[label + 2 :])


def test_an_entrypoint_of_several_words_leads_the_arguments() -> None:
    """`docker run` takes one word for it."""
    container = replace(a_container(), entrypoint=("python3", "-m", "vllm.api_server"), given=3)
    words = container.run_words("a-name", ("python3", "-m", "vllm.api_server", "--model", "m"), "m")
    assert f"--entrypoint python3 {ID} -m vllm.api_server --model m".split() == list(words[-7:])


def test_no_entrypoint_is_said_as_an_empty_one() -> None:
    """So that the command stands alone."""
    container = replace(a_container(), entrypoint=(), given=0)
    assert ("--entrypoint", "", ID, "vllm", "serve") == container.run_words("a-name", ("vllm", "serve"), "m")[-5:]


def test_two_images_never_share_a_server() -> None:
    """Nor do two volumes, or two ways to run one image; a second container of the same would."""
    specs = [
        a_spec(container)
        for container in (
            a_container(),
            replace(a_container(), image="sha256:other"),
            replace(a_container(), volumes=()),
            replace(a_container(), args=()),
        )
    ]
    assert len(specs) == len({spec.fingerprint for spec in specs})
    assert specs[0].fingerprint == a_spec(a_container()).fingerprint


def test_a_local_model_is_mounted_with_what_its_links_lead_to(tmp_path: Path) -> None:
    """A snapshot of the Hub is nothing but links into the blobs beside it."""
    snapshot, blobs = tmp_path / "snapshots" / "1", tmp_path / "blobs"
    for folder in (snapshot, blobs):
        folder.mkdir(parents=True)
    (blobs / "abc").touch()
    (snapshot / "config.json").symlink_to("../../blobs/abc")
    assert (f"{snapshot}:{snapshot}:ro", f"{blobs}:{blobs}:ro") == model_volumes(str(snapshot))
    assert () == model_volumes("a/model")


def test_a_server_in_a_container_runs_and_ends(docker: FakeDocker, tmp_path: Path) -> None:
    """It answers, its log is in the file, it is asked to end and gone: container, client, port."""
    server = start(a_spec(a_container(docker.client)), tmp_path / "log")
    guard = psutil.Process(server._guard.pid)
    tree, inside = [guard, *guard.children(recursive=True)], docker.processes
    assert (1, 1, "a/model") == (len(docker.containers), len(inside), server.endpoint.served_model)
    server.stop()
    assert ([], []) == (docker.containers, docker.processes)
    assert [] == [p for p in tree if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert can_listen("127.0.0.1", server._port)
    assert ["kill", "rm"] == [words[0] for words in docker.commands() if words[0] in ("kill", "rm")][:2]


def through_sudo(docker: FakeDocker) -> tuple[str, ...]:
    """Its client as sudo runs it: with no variable of whoever asks."""
    kept = (f"PATH={os.environ['PATH']}", f"FAKE_DOCKER={docker.env['FAKE_DOCKER']}")
    return "env", "-i", *kept, *docker.client


@pytest.mark.parametrize("client", [lambda docker: docker.client, through_sudo], ids=["own", "sudo"])
def test_a_server_gets_the_variables_that_a_process_would(
    docker: FakeDocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: Callable[[FakeDocker], tuple[str, ...]]
) -> None:
    """Dev mode, what was asked for, a secret as it is, and what is the user's; also where the client has none of them
    in its own environment.
    """
    monkeypatch.setenv("HF_ENDPOINT", "https://user:pass@mirror")
    server = start(a_spec(a_container(client(docker))), tmp_path / "log")
    (inside,) = docker.processes
    seen = inside.environ()
    server.stop()
    expected = {
        "VLLM_SERVER_DEV_MODE": "1",
        "TRITON": "1",
        "HF_TOKEN": "hf_secret",
        "HF_ENDPOINT": "https://user:pass@mirror",
    }
    assert expected == {name: seen.get(name) for name in expected}


def test_no_command_line_holds_a_secret(docker: FakeDocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its variable is called: neither the guard's nor the client's."""
    monkeypatch.setenv("HF_ENDPOINT", "https://user:pass@mirror")
    server = start(a_spec(a_container(docker.client)), tmp_path / "log")
    guard = psutil.Process(server._guard.pid)
    words = [word for process in (guard, *guard.children()) for word in process.cmdline()]
    server.stop()
    assert (True, []) == ("--env-file" in words, [word for word in words if "hf_secret" in word or "pass@" in word])


def test_a_command_that_hangs_and_is_not_ours_to_kill_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a sudo of root's: the guard goes on without it."""
    left: list[subprocess.Popen[bytes]] = []

    def not_ours(process: "subprocess.Popen[bytes]") -> None:
        left.append(process)
        raise PermissionError

    monkeypatch.setattr(subprocess.Popen, "kill", not_ours)
    began = time.monotonic()
    assert (False, True) == (guard._succeeds(["sleep", "60"], 0), time.monotonic() - began < 50)
    left[0].send_signal(signal.SIGKILL)
    assert -signal.SIGKILL == left[0].wait()


def test_a_server_deaf_to_sigterm_is_removed_when_its_time_is_up(
    docker: FakeDocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removal follows the request after stop_timeout_s."""
    tell(docker, monkeypatch, vllm={"ignore_sigterm": True})
    server = start(a_spec(a_container(docker.client), stop_timeout_s=0.2), tmp_path / "log")
    assert 1 == len(docker.processes)
    server.stop()
    assert ([], []) == (docker.containers, docker.processes)


def test_a_server_that_dies_at_start_says_why(
    docker: FakeDocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its log is read as a process's is."""
    tell(docker, monkeypatch, vllm={"die_at_start": "torch.OutOfMemoryError: CUDA out of memory."})
    with pytest.raises(StartError, match=r"vLLM exited with code 1: torch\.OutOfMemoryError"):
        start(a_spec(a_container(docker.client)), tmp_path / "log")
    assert [] == docker.containers


@pytest.mark.parametrize(
    ("printed", "remedy"),
    [
        ("docker: Error response from daemon: unknown or invalid runtime name: nvidia.", "nvidia-container-toolkit"),
        (
            'docker: Error response from daemon: could not select device driver "" with capabilities: [[gpu]].',
            "hardware.docker_args=[--runtime,nvidia]",
        ),
        ("docker: Error response from daemon: write /var/lib/x: no space left on device.", "docker image prune"),
        ("unknown flag: --runtme", "server.docker.args"),
        (
            'docker: Error response from daemon: runc create failed: exec: "vllm": '
            "executable file not found in $PATH: unknown.",
            "server.docker.entrypoint",
        ),
    ],
)
def test_a_container_that_docker_cannot_run_says_what_to_do(
    docker: FakeDocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: str, remedy: str
) -> None:
    """The client's own line is the cause."""
    tell(docker, monkeypatch, run_error=printed)
    with pytest.raises(StartError) as error:
        start(a_spec(a_container(docker.client)), tmp_path / "log")
    assert f"vLLM exited with code 125: {printed}"[:100] == error.value.headline[:100]
    assert remedy in str(error.value)


def test_a_container_killed_for_memory_is_known_to_be(docker: FakeDocker, tmp_path: Path) -> None:
    """`docker run` says 137 where a process of ours would say -9."""
    server = start(a_spec(a_container(docker.client)), tmp_path / "log")
    docker.processes[0].kill()
    server._guard.wait(30)
    with pytest.raises(DeathError, match=r"code 137: .* lack of memory"):
        server.check_alive()
    server.stop()


def test_a_client_that_is_killed_takes_the_container_along(docker: FakeDocker, tmp_path: Path) -> None:
    """By itself it would not: the guard removes it."""
    server = start(a_spec(a_container(docker.client)), tmp_path / "log")
    (client,) = psutil.Process(server._guard.pid).children()
    client.kill()
    docker.until_gone(10)
    server.stop()


def test_a_container_that_comes_late_is_removed_too(
    docker: FakeDocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked to end before it was there, its client is killed so that it never comes."""
    tell(docker, monkeypatch, create_delay_s=30)
    with pytest.raises(StartError, match="not ready after 1 s"):
        start(a_spec(a_container(docker.client), ready_timeout_s=1, stop_timeout_s=0.5), tmp_path / "log")
    assert ([], []) == (docker.containers, docker.processes)


def holding(docker: FakeDocker, log: Path) -> tuple[Any, psutil.Process]:
    """A process of its own that holds a server in a container, and the guard of that."""
    context = multiprocessing.get_context("spawn")
    told, give = context.Pipe(duplex=False)
    holder = context.Process(target=_hold, args=(a_spec(a_container(docker.client)), log, give))
    holder.start()
    return holder, psutil.Process(told.recv())


def _hold(spec: LaunchSpec, log: Path, give: Any) -> None:
    server: VllmProcess = start(spec, log)
    give.send(server._guard.pid)
    time.sleep(600)


def test_no_container_outlives_a_thorexp_that_is_killed(docker: FakeDocker, tmp_path: Path) -> None:
    """After SIGKILL it is gone in 10 s."""
    holder, _ = holding(docker, tmp_path / "log")
    assert 1 == len(docker.processes)
    holder.kill()
    holder.join()
    docker.until_gone(10)


def test_what_a_killed_guard_leaves_is_found_and_removed(
    docker: FakeDocker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The next start does, and says so; not as long as the thorexp that started it lives."""
    holder, guard = holding(docker, tmp_path / "log")
    remove_leftovers(docker.client)
    assert 1 == len(docker.processes)
    os.kill(guard.pid, 9)
    holder.kill()
    holder.join()
    time.sleep(0.5)
    assert 1 == len(docker.processes)
    remove_leftovers(docker.client)
    docker.until_gone(5)
    assert [True] == [f"(pid {holder.pid}): removed" in record.getMessage() for record in caplog.records]


def test_a_fake_that_nobody_told_anything_fails(tmp_path: Path) -> None:
    """It keeps nothing in the folder of whoever calls it by mistake, as by a note of another test."""
    stranger = {name: value for name, value in os.environ.items() if name != "FAKE_DOCKER"}
    asked = subprocess.run([*FakeDocker(tmp_path).client, "ps", "--all"], cwd=tmp_path, env=stranger, check=False)
    assert (1, []) == (asked.returncode, list(tmp_path.iterdir()))

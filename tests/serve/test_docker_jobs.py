"""Jobs in a container, as a user runs them."""

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.command_line import FAKE, Ran, command_of, running, thorexp, tracked_runs
from tests.docker_of_ours import DIGEST, NAME, FakeDocker, fake_docker
from tests.machine.test_board import held
from tests.serve.test_docker import tell
from thorexp.rundir import MACHINE, REPORT, SERVER_LOG

REFERENCE = f"{NAME}@{DIGEST}"
SMALL = ("hardware=cpu", "model=tiny_qwen3", "load.num_prompts=2", "load.num_warmups=1", "telemetry.enabled=false")
UNTRACKED = (*SMALL, "tracking.enabled=false")


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDocker]:
    """One that can pull the image."""
    with fake_docker(tmp_path) as told:
        monkeypatch.setenv("FAKE_DOCKER", told.env["FAKE_DOCKER"])
        yield told


def test_a_sweep_runs_in_one_container(docker: FakeDocker, tmp_path: Path) -> None:
    """Two loads, one server, its log beside both, the image in record, result, report, machine and MLflow, and nothing
    left.
    """
    ran = thorexp(tmp_path, "-m", *SMALL, *docker.words, "load=high,low")
    assert 0 == ran.code, ran.err
    assert (1, [], []) == (len(docker.servers), docker.containers, docker.processes)
    assert [("finished", REFERENCE)] * 2 == [(record.status, record.tags["image"]) for record in ran.records]
    assert [REFERENCE] * 2 == [result["thorexp"]["image"] for result in ran.results]
    assert [REFERENCE] * 2 == [kept.read_json(MACHINE)["server"]["image"] for kept in ran.run_dirs]
    assert [True] * 2 == [f"image: {REFERENCE}" in " ".join(d.read_text(REPORT).split()) for d in ran.run_dirs]
    assert [True] * 2 == [d.has(SERVER_LOG) for d in ran.run_dirs]
    tracked = [run.tags.get("image") for run in tracked_runs(tmp_path) if run.kind == "job"]
    assert [REFERENCE] * 2 == tracked


def test_the_pull_is_shown_as_it_goes(docker: FakeDocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour of silence would be taken for a hang."""
    tell(docker, monkeypatch, pull_step_s=1.0)
    with running(tmp_path, *UNTRACKED, *docker.words) as going:
        going.until_it_says("a1b2c3: Downloading 0%")
        assert "Downloading 75%" not in going.err.read_text()
        ran = going.ended()
    assert (0, True) == (ran.code, f"image: pulling {NAME}" in ran.err + ran.out)


@pytest.mark.parametrize("how", [(), ("-m",)], ids=["job", "sweep"])
def test_a_board_that_is_taken_is_not_disturbed(docker: FakeDocker, tmp_path: Path, how: tuple[str, ...]) -> None:
    """Neither by a pull of many gigabytes, nor by containers that ask the image: another thorexp measures."""
    with held(tmp_path / "board.lock"):
        ran = thorexp(tmp_path, *how, *UNTRACKED, *docker.words)
    assert (1, True) == (ran.code, "Another thorexp measures on this board." in ran.err)
    assert [] == docker.commands()


def test_a_plan_needs_no_board(docker: FakeDocker, tmp_path: Path) -> None:
    """While another thorexp measures, a dry run only looks whether the image is here, and says so."""
    with held(tmp_path / "board.lock"):
        ran = thorexp(tmp_path, "-m", *UNTRACKED, *docker.words, "dry_run=true")
    assert (0, [["image", "inspect", NAME]]) == (ran.code, docker.commands())
    assert f"The image {NAME} is not here: it is pulled before anything starts." in ran.out


def test_the_plan_of_a_job_has_its_command(docker: FakeDocker, tmp_path: Path) -> None:
    """As it will run, but for what is secret and for what is not known before."""
    ran = thorexp(
        tmp_path, *UNTRACKED, *docker.words, "dry_run=true", "+server.env.HF_TOKEN=SECRET", "engine.api_key=SECRET"
    )
    (command,) = (line for line in ran.out.splitlines() if " run --rm " in line)
    assert " --name NAME " in command
    assert f" {NAME} vllm serve " in command
    assert "api-key" not in command
    assert ("SECRET" in ran.out, "is here" in ran.out) == (False, False)


def test_nothing_is_left_of_a_pull_that_is_interrupted(
    docker: FakeDocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM ends the client too; nothing was started."""
    tell(docker, monkeypatch, pull_step_s=60)
    with running(tmp_path, *UNTRACKED, *docker.words) as going:
        going.until_it_says("Downloading 0%")
        (client,) = [p for p in psutil.Process(going.process.pid).children() if "pull" in command_of(p)]
        going.process.send_signal(signal.SIGTERM)
        assert 130 == going.ended(60).code
    assert (False, []) == (client.is_running(), docker.commands("run"))


def failed(docker: FakeDocker, folder: Path) -> Ran:
    """A job that must not have succeeded, and has left nothing in Docker."""
    ran = thorexp(folder, *UNTRACKED, *docker.words)
    assert (1, []) == (ran.code, docker.containers)
    return ran


def test_a_pull_that_fails_is_refused_before_anything_starts(
    docker: FakeDocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One message, no record, no container."""
    tell(docker, monkeypatch, pull_error="failed to register layer: no space left on device")
    ran = failed(docker, tmp_path)
    assert ("The disk is full." in ran.err, [], ()) == (True, docker.commands("run"), ran.records)


def test_a_container_that_dies_at_start_is_a_failed_record(
    docker: FakeDocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its cause, as of a process."""
    tell(docker, monkeypatch, vllm={"die_at_start": "RuntimeError: no kernel image is available"})
    ran = failed(docker, tmp_path)
    assert ["failed"] == [record.status for record in ran.records]
    assert [REFERENCE] == [record.tags["image"] for record in ran.records]
    assert "vLLM exited with code 1: RuntimeError: no kernel image is available" in ran.err


def test_a_port_that_is_taken_inside_is_said(
    docker: FakeDocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network is the host's, so that the container may lose a race for its port."""
    tell(docker, monkeypatch, vllm={"die_at_start": "OSError: [Errno 98] Address already in use"})
    ran = failed(docker, tmp_path)
    assert "server.port=null for a free port" in ran.err


def test_a_killed_thorexp_leaves_no_container(docker: FakeDocker, tmp_path: Path) -> None:
    """10 s after SIGKILL it is gone; its guard has seen to that."""
    with running(tmp_path, *UNTRACKED, *docker.words, "load.num_prompts=10000") as going:
        going.until(lambda: len(docker.servers) == 1 and len(docker.processes) == 1)
        going.process.kill()
        docker.until_gone(10)


@pytest.mark.parametrize("kind", ["docker", "vllm"])
def test_what_a_killed_guard_leaves_is_removed_by_the_next_run(docker: FakeDocker, tmp_path: Path, kind: str) -> None:
    """Of whatever kind: it says so, and then has the board to itself."""
    with running(tmp_path, *UNTRACKED, *docker.words, "load.num_prompts=10000") as going:
        going.until_it_says("server: ready")
        (guard,) = [p for p in psutil.Process(going.process.pid).children() if "guard.py" in command_of(p)]
        (left,) = docker.containers
        guard.suspend()
        going.process.kill()
        guard.kill()
    assert [left] == docker.containers
    words = docker.words if kind == "docker" else (f"server.command='{FAKE}'",)
    ran = thorexp(tmp_path, *UNTRACKED, *words)
    assert (0, []) == (ran.code, docker.containers)
    assert f"container {left} was left by a thorexp that has died" in " ".join((ran.err + ran.out).split())

"""Secrets are planted wherever one can stand, and looked for wherever anything is left of a run."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.command_line import SMALL_LOAD, Ran, environment, running, thorexp
from tests.docker_of_ours import FakeDocker, fake_docker

PLANTED = re.compile(rb"[\w-]*PLANTED\w*")
ENVIRONMENT = {
    "HF_TOKEN": "hf_PLANTED_hf_token",
    "OPENAI_API_KEY": "sk-PLANTED_openai_key",
    "WANDB_API_KEY": "PLANTED_wandb_key",
    "MLFLOW_TRACKING_PASSWORD": "PLANTED_mlflow_password",
    "AWS_SECRET_ACCESS_KEY": "PLANTED_aws/key+with/signs",
}
TYPED = (
    "engine.api_key=sk-PLANTED_api_key",
    "engine.hf_token=hf_PLANTED_engine_token",
    "+server.env.MY_SECRET=PLANTED_my_secret",
    "+server.env.HF_ENDPOINT='https://ann:PLANTED_in_url@hub.example'",
    "+endpoint.extra_body.api_key=PLANTED_in_body",
)
TOLD = {"tells_all": True}
SMALL = ("model=tiny_qwen3", "hardware=cpu", "telemetry.enabled=false", *SMALL_LOAD, *TYPED)
LOCAL = ("tracking=mlflow", *SMALL)
NOWHERE = "http://ann:PLANTED_in_uri@127.0.0.1:9"


def leaks(ran: Ran, words: set[str]) -> str:
    """Where what is planted is found: in files of the run's folder, whose home it is, on the terminal, in processes."""
    told = {"stdout": ran.out.encode(), "stderr": ran.err.encode(), "processes": "\0".join(words).encode()}
    there = {str(path.relative_to(ran.folder)): path for path in ran.folder.rglob("*")}
    kept = {name: path.read_bytes() for name, path in there.items() if path.is_file()}
    names = {f"{name} by name": path.name.encode() for name, path in there.items()}
    return "\n".join(
        f"{where}: {found.decode()}"
        for where, content in sorted((told | kept | names).items())
        for found in sorted(set(PLANTED.findall(content)))
    )


def watched(folder: Path, *words: str, fake: dict[str, Any] | None = None) -> tuple[Ran, set[str]]:
    """Run it; the command lines of all processes below it meanwhile. Its own is the user's."""
    seen: set[str] = set()
    with running(folder, *words, fake=TOLD if fake is None else fake) as going:
        while going.process.poll() is None:
            seen |= set(_below(psutil.Process(going.process.pid)))
            time.sleep(0.05)
        return going.ended(), seen


def _below(process: psutil.Process) -> Iterator[str]:
    """A child that has not become another program yet has its parent's words."""
    with suppress(psutil.Error):
        own = process.cmdline()
        yield from (word for child in process.children(recursive=True) for word in child.cmdline() if word not in own)


def _without(*keys: str) -> list[str]:
    return [word for word in LOCAL if not word.startswith(keys)]


@pytest.fixture(autouse=True)
def _planted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def docker(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDocker]:
    """Outside of what is looked through: a container has secrets."""
    with fake_docker(tmp_path_factory.mktemp("docker")) as told:
        monkeypatch.setenv("FAKE_DOCKER", told.env["FAKE_DOCKER"])
        yield told


def test_a_job_leaves_no_secret(tmp_path: Path) -> None:
    """Its server prints its own command line and environment."""
    ran, words = watched(tmp_path, *LOCAL)
    assert (0, 1) == (ran.code, len(ran.run_dirs)), ran.err
    assert any("fake_vllm" in word for word in words)
    assert "" == leaks(ran, words)


def test_a_sweep_leaves_no_secret(tmp_path: Path) -> None:
    """Its table, page and summary neither."""
    ran, words = watched(tmp_path, "-m", *LOCAL, "load=high,low")
    assert (0, 2) == (ran.code, len(ran.run_dirs)), ran.err
    assert "" == leaks(ran, words)


def test_another_launcher_leaves_no_secret(tmp_path: Path) -> None:
    """In the file that Hydra puts beside the jobs neither."""
    ran, words = watched(tmp_path, "-m", "hydra/launcher=basic", *LOCAL, "load=high")
    assert (0, 1) == (ran.code, len(list(ran.folder.rglob("multirun.yaml")))), ran.err
    assert "" == leaks(ran, words)


@pytest.mark.parametrize("how", [(), ("-m",)], ids=["job", "sweep"])
def test_hydras_own_copies_have_no_secret(tmp_path: Path, how: tuple[str, ...]) -> None:
    """Where somebody wants them."""
    ran, words = watched(tmp_path, *how, *LOCAL, "hydra.output_subdir=.hydra")
    assert (0, 1) == (ran.code, len(list((tmp_path / "outputs").rglob(".hydra/overrides.yaml")))), ran.err
    assert "" == leaks(ran, words)


@pytest.mark.parametrize("how", [(), ("-m",)], ids=["job", "sweep"])
def test_a_server_that_dies_leaves_no_secret(tmp_path: Path, how: tuple[str, ...]) -> None:
    """Its last line is quoted in the error, the record and MLflow."""
    dies = {
        "tells_all": True,
        "die_at_start": "ValueError: --api-key sk-PLANTED_api_key is none, nor PLANTED_my_secret",
    }
    ran, words = watched(tmp_path, *how, *LOCAL, fake=dies)
    assert (1, "ValueError" in ran.err) == (ran.code, True), ran.err
    assert "" == leaks(ran, words)


@pytest.mark.parametrize(
    "typed",
    [
        ("engine.api_kye=sk-PLANTED_misspelt_as_long_as_keys_are",),
        ("-m", "server.evn.HF_TOKEN=PLANTED_misplaced"),
        ("+endpoint.headers.X-Api-Key=PLANTED_header",),
        ("-m", "server=attach", "server.base_url=http://ann:PLANTED_in_address@a"),
        ("load=hgih",),
        ("load.num_prompts=many",),
        ("-m", "load.num_prompts=many"),
        ("server.env={HF_TOKEN: PLANTED_unclosed",),
        ("server.command='vllm serve --api-key PLANTED_in_command'",),
    ],
    ids=lambda words: words[-1].partition("PLANTED")[0],
)
def test_a_refusal_shows_no_secret(tmp_path: Path, typed: tuple[str, ...]) -> None:
    """That of another word than the secret's neither."""
    how = (word for word in typed if word == "-m")
    ran, words = watched(tmp_path, *how, *LOCAL, *(word for word in typed if word != "-m"))
    assert 1 == ran.code, ran.out
    assert "" == leaks(ran, words)


@pytest.mark.parametrize("how", [(), ("-m",)], ids=["job", "sweep"])
def test_a_store_that_is_down_leaves_no_secret(tmp_path: Path, how: tuple[str, ...]) -> None:
    """Its address has a password in it."""
    ran, words = watched(tmp_path, *how, *LOCAL, f"tracking.uri='{NOWHERE}'")
    assert (1, "127.0.0.1:9" in ran.err) == (ran.code, True), ran.err
    assert "" == leaks(ran, words)


def test_a_container_leaves_no_secret(tmp_path: Path, docker: FakeDocker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its client is told none in words."""
    docker.told["vllm"] = TOLD
    monkeypatch.setenv("FAKE_DOCKER", docker.env["FAKE_DOCKER"])
    ran, words = watched(tmp_path, *_without("server.command"), *docker.words)
    assert (0, 1) == (ran.code, len(ran.run_dirs)), ran.err
    assert "" == leaks(ran, words)
    assert [] == PLANTED.findall((docker.state / "argv.jsonl").read_bytes())


PREDICTED = ("hardware=jetson_agx_thor", "predict=true")


def test_a_prediction_leaves_no_secret(tmp_path: Path) -> None:
    """Nor does a sweep of them, over a secret."""
    swept = "engine.api_key=sk-PLANTED_one,sk-PLANTED_other"
    ran, words = watched(tmp_path, "-m", *_without("engine.api_key", "hardware="), swept, *PREDICTED)
    assert (0, 2) == (ran.code, len(ran.run_dirs)), ran.err
    assert "" == leaks(ran, words)


def test_a_record_without_its_secrets_is_read_and_gone_on_with(tmp_path: Path) -> None:
    """The same command with the same secrets goes on; judge, tracking and compare take the record as it is."""
    swept = ("-m", *_without("hardware="), *PREDICTED)
    (earlier,) = thorexp(tmp_path, *swept, "load=low").run_dirs
    again = thorexp(tmp_path, *swept, "load=low,high")
    first, second = again.run_dirs
    assert (0, True) == (again.code, earlier in (first, second)), again.err
    folders = [str(first.path), str(second.path)]
    for words in (("judge", folders[0]), ("tracking", *folders), ("compare", *folders)):
        done = subprocess.run(
            [sys.executable, "-m", f"thorexp.{words[0]}", *words[1:]],
            cwd=tmp_path,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr
        assert (done.returncode, done.stderr.count("***")) == (0, 0), (words, done.stdout, done.stderr)
        assert "" == leaks(Ran(0, done.stdout, done.stderr, tmp_path), set())


def test_a_search_leaves_no_secret(tmp_path: Path) -> None:
    """Its study is a file of its own."""
    search = ("hydra/sweeper=optuna", "hydra.sweeper.trials=2", "engine.max_num_seqs=4,8", *PREDICTED)
    ran, words = watched(tmp_path, "-m", *_without("hardware="), *search)
    assert 0 == ran.code, ran.err
    assert "" == leaks(ran, words)


def test_the_environment_has_what_is_planted() -> None:
    """Or all of the above would pass by itself."""
    assert ENVIRONMENT.items() <= dict(os.environ).items()

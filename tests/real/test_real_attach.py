"""A vLLM that its owner has started with a key of his own; thorexp attaches, and leaves it as it was."""

import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.command_line import Ran, thorexp
from tests.real.test_real_server import TINY
from tests.real.vllm_command import vllm_command
from thorexp.rundir import REPORT, SERVER, RunDir
from thorexp.serve.dummy_model import write_dummy_model
from thorexp.serve.http import HttpError, get_text
from thorexp.serve.server import claim_port

KEY = "sk-of-its-owner"
START_S = 300.0
SMALL = ("load=low", "load.num_prompts=6", "workload.input_len=512", "workload.output_len=8")
WORDS = (*SMALL, "hardware=cpu", "model=tiny_qwen3", "server=attach")


@contextmanager
def owned(folder: Path, *flags: str, dev_mode: bool) -> Iterator[str]:
    """The URL of a vLLM with --api-key, started without thorexp."""
    model, port = write_dummy_model(folder / "model", TINY, None, 32_000), claim_port("127.0.0.1", None)
    words = f"--model {model} --served-model-name alias --load-format dummy --max-model-len 4096 --enforce-eager"
    env = {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_SERVER_DEV_MODE": "1" if dev_mode else "0"}
    with (folder / "owner.log").open("wb") as log:
        process = subprocess.Popen(
            [*shlex.split(vllm_command()), *words.split(), "--port", str(port), "--api-key", KEY, *flags],
            env={**os.environ, **env},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        until_healthy(process, url, folder / "owner.log")
        yield url
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def until_healthy(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while True:
        assert process.poll() is None, log.read_text()[-3000:]
        try:
            get_text(f"{url}/health")
        except HttpError:
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.5)
        else:
            return


def only(ran: Ran) -> RunDir:
    """What it kept of its one job, which finished."""
    assert 0 == ran.code, ran.err[-3000:]
    (run_dir,) = ran.run_dirs
    print(f"\n{run_dir.read_text(REPORT)}")
    return run_dir


def told(run_dir: RunDir, label: str) -> str:
    """What stands beside it in the report."""
    (line,) = (line for line in run_dir.read_text(REPORT).splitlines() if line.startswith(f"{label}:"))
    return line.partition(":")[2].strip()


def standings(run_dir: RunDir) -> dict[str, str]:
    """Of the reasons against its result, by name."""
    verdict = run_dir.verdict()
    assert verdict is not None
    return {reason.name: reason.standing for reason in verdict.reasons}


def test_a_server_in_dev_mode_is_known_cold_and_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what it is, twice the same load finds nothing of itself, and nobody else is blamed; without the key it
    fails, and the key is kept nowhere.
    """
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    rans = []
    with owned(tmp_path, dev_mode=True) as url:
        for name in ("first", "again"):
            (tmp_path / name).mkdir()
            rans.append(only(thorexp(tmp_path / name, *WORDS, f"server.base_url={url}/v1")))
        again = thorexp(tmp_path / "first", "-m", *WORDS, f"server.base_url={url}/v1", "sweep.repeats=2")
        monkeypatch.delenv("OPENAI_API_KEY")
        keyless = thorexp(tmp_path, *WORDS, f"server.base_url={url}")
    said = rans[0].read_json(SERVER)
    print(json.dumps(said, indent=1))
    model = str(tmp_path / "model")
    assert ("alias", model, 4096) == tuple(said["model"][key] for key in ("id", "root", "max_model_len"))
    assert ("4096", "on", "auto") == tuple(
        told(rans[0], label) for label in ("max model len", "prefix caching", "kv cache dtype")
    )
    assert [("verified", "0")] * 2 == [
        (told(run_dir, "cold cache"), told(run_dir, "prefix cache hits tokens")) for run_dir in rans
    ]
    assert [set()] * 2 == [standings(run_dir).keys() & {"other_load", "prefix_cache_hits"} for run_dir in rans]
    assert (0, 3) == (again.code, len(again.records)), again.err[-3000:]
    assert (1, True) == (keyless.code, "The server wants another key." in keyless.err)
    kept = [path for name in ("first", "again") for path in (tmp_path / name).rglob("*") if path.is_file()]
    assert len(kept) > 20
    assert [] == [path for path in kept if KEY.encode() in path.read_bytes()]


def test_a_server_without_dev_mode_is_told_by_its_hits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same load again is INVALID, for it finds what the first one left."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    rans = []
    with owned(tmp_path, dev_mode=False) as url:
        for name in ("first", "again"):
            (tmp_path / name).mkdir()
            rans.append(only(thorexp(tmp_path / name, *WORDS, "tracking.enabled=false", f"server.base_url={url}")))
    assert ["not verified"] * 2 == [told(run_dir, "cold cache") for run_dir in rans]
    assert [None, "INVALID"] == [standings(run_dir).get("prefix_cache_hits") for run_dir in rans]


def test_a_server_without_a_prefix_cache_needs_no_reset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its own word."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with owned(tmp_path, "--no-enable-prefix-caching", dev_mode=False) as url:
        run_dir = only(thorexp(tmp_path, *WORDS, "tracking.enabled=false", f"server.base_url={url}", "endpoint=chat"))
    assert ("no cache", "off") == (told(run_dir, "cold cache"), told(run_dir, "prefix caching"))

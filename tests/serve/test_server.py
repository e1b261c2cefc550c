"""What decides a server, and where it is reached."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.serve.test_process import a_spec
from tests.sim.makers import SPEC as SIMULATED
from thorexp.serve.engine_args import EngineArg
from thorexp.serve.process import start
from thorexp.serve.server import Endpoint, LaunchSpec, url_of

SPEC = LaunchSpec(
    ("vllm", "serve"), "Qwen/Qwen3-8B", (EngineArg("max_num_seqs", 8, "x"),), (), "127.0.0.1", None, 1, 1, 1, 32
)


def test_vllm_serve_takes_the_model_as_its_argument() -> None:
    """The command that ends in `serve` gets the model bare, then host, port and flags."""
    words = "vllm serve Qwen/Qwen3-8B --host 127.0.0.1 --port 9 --max-num-seqs 8"
    assert tuple(words.split()) == SPEC.argv(9)


def test_the_module_takes_the_model_as_a_flag() -> None:
    """`python -m vllm.entrypoints.openai.api_server` gets --model."""
    spec = replace(SPEC, command=("python", "-m", "vllm.entrypoints.openai.api_server"))
    assert ("--model", "Qwen/Qwen3-8B") == spec.argv(9)[3:5]


@pytest.mark.parametrize(
    "change",
    [{"model": "x"}, {"args": ()}, {"env": (("A", "1"),)}, {"command": ("vllm2", "serve")}, {"port": 7}],
)
def test_what_the_server_sees_changes_its_fingerprint(change: dict[str, object]) -> None:
    """Model, flags, environment, command and address each make another server."""
    assert SPEC.fingerprint != replace(SPEC, **change).fingerprint  # type: ignore[arg-type]


def test_patience_and_provenance_do_not_change_the_fingerprint() -> None:
    """Time limits, and where a value came from, leave the server the same."""
    other = replace(SPEC, ready_timeout_s=99, args=(EngineArg("max_num_seqs", 8, "command line"),))
    assert SPEC.fingerprint == other.fingerprint


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:9"), ("0.0.0.0", "http://127.0.0.1:9"), ("::", "http://[::1]:9")],
)
def test_a_server_on_all_addresses_is_reached_on_loopback(host: str, url: str) -> None:
    """The wildcard is an address to listen on, not one to connect to."""
    assert url == url_of(host, 9)


@pytest.mark.parametrize(
    ("version", "simulated"), [("0.32.0+simulated", True), ("+simulated", True), ("0.32.0", False), (None, False)]
)
def test_a_server_is_simulated_by_its_own_word(version: str | None, simulated: bool) -> None:
    """The end of its version; one that says none is taken for real."""
    assert simulated == Endpoint("http://127.0.0.1:9", "m", version).simulated


def test_a_simulated_server_says_how_fast_its_time_passes(tmp_path: Path) -> None:
    """And what it is, to whoever asks for its version."""
    spec = replace(SIMULATED, speedup=4.0)
    simulator = replace(
        SPEC,
        command=(sys.executable, "-m", "thorexp.sim", "serve"),
        env=(("THOREXP_SIM", spec.as_json()),),
        ready_timeout_s=60.0,
        stop_timeout_s=10.0,
    )
    server = start(simulator, tmp_path / "log")
    server.stop()
    assert (4.0, True, "tiny") == (server.endpoint.speedup, server.endpoint.simulated, server.endpoint.served_model)


def test_a_real_server_is_in_our_time(tmp_path: Path) -> None:
    """It says nothing of it."""
    server = start(a_spec(), tmp_path / "log")
    server.stop()
    assert (1.0, False) == (server.endpoint.speedup, server.endpoint.simulated)

"""The server as thorexp starts it, plays against it and ends it."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.records import a_plan, some_asks
from tests.sim.makers import SPEC
from thorexp.cold import make_cold
from thorexp.errors import StartError
from thorexp.load.generator import play
from thorexp.load.target import Api, Target
from thorexp.measure.plan import LoadPlan
from thorexp.measure.records import RunRecord
from thorexp.measure.workload import Ask
from thorexp.serve.engine_args import EngineArg
from thorexp.serve.process import VllmProcess, start
from thorexp.serve.server import LaunchSpec, claim_port
from thorexp.sim.spec import from_json

COMMAND = (sys.executable, "-m", "thorexp.sim", "serve")
HALF_EXPERTS = SPEC.as_json().replace('"experts": null', '"experts": 8')
LAUNCH = LaunchSpec(
    command=COMMAND,
    model="Qwen/Qwen3-0.6B",
    args=(EngineArg("max_num_seqs", 4, "here"), EngineArg("enforce_eager", True, "here")),
    env=(("THOREXP_SIM", SPEC.as_json()),),
    host="127.0.0.1",
    port=None,
    ready_timeout_s=60.0,
    stop_timeout_s=10.0,
    memory_timeout_s=1.0,
    probe_len=64,
)


@contextmanager
def started(log: Path, launch: LaunchSpec = LAUNCH) -> Iterator[VllmProcess]:
    """One that is ready, and is ended with the block."""
    server = start(launch, log)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmProcess]:
    """For all tests that only ask."""
    with started(tmp_path_factory.mktemp("sim") / "server.log") as server:
        yield server


def played(server: VllmProcess, plan: LoadPlan, api: Api = "completions", *, stream: bool = True) -> RunRecord:
    """By thorexp's own client."""
    target = Target(server.endpoint.base_url, server.endpoint.served_model, api, stream)
    return play(plan, target, check_alive=server.check_alive)


def test_it_serves_under_the_name_of_its_spec(server: VllmProcess) -> None:
    """Whatever model was named on its command line, and it says what it is."""
    assert "tiny" == server.endpoint.served_model
    assert str(server.endpoint.version).endswith("+simulated")


def test_its_log_says_what_is_simulated(server: VllmProcess) -> None:
    """Model, speedup, KV cache and budget; the last line is vLLM's own."""
    assert server.log is not None
    log = server.log.read_text(encoding="utf-8")
    for words in ("Qwen/Qwen3-0.6B, served as tiny", "Speedup: 1 s", "16,384 tokens, 1024 blocks", "512 tokens of 4"):
        assert words in log
    assert log.endswith("Application startup complete.\n")


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_the_client_gets_every_token(server: VllmProcess, stream: bool) -> None:
    """12 requests of 9 tokens, 4 at a time."""
    run = played(server, a_plan(*some_asks(12, tokens=9), max_concurrency=4), stream=stream)
    assert [(True, 8, 9, "length")] * 12 == [
        (each.ok, each.input_tokens, each.output_tokens, each.finish_reason) for each in run.requests
    ]


def test_the_client_sees_every_token_of_a_stream(server: VllmProcess) -> None:
    """Each with a time of its own."""
    run = played(server, a_plan(*some_asks(4, tokens=9), max_concurrency=4))
    assert [9] * 4 == [len(each.token_ns) for each in run.requests]


def test_the_client_chats(server: VllmProcess) -> None:
    """The message that opens a chat is no token."""
    run = played(server, a_plan(Ask("Why is the sky blue?", 9)), "chat")
    assert [(True, 20 // 4 + 3, 9)] == [(each.ok, each.input_tokens, len(each.token_ns)) for each in run.requests]


def test_the_cache_is_proven_cold(server: VllmProcess) -> None:
    """Warmed up, reset and asked again."""
    coldness, metrics = make_cold(
        server.endpoint.base_url, a_plan(*some_asks(2, input_len=64)), lambda plan: played(server, plan)
    )
    assert ("verified", 0) == (coldness.state, coldness.probe_hits)
    assert metrics is not None


def test_it_ends_at_sigterm_in_the_midst_of_an_answer() -> None:
    """By itself, with code 0; who was reading loses the connection."""
    slow = replace(SPEC, reach=replace(SPEC.reach, step_s=0.1))
    port = claim_port("127.0.0.1", None)
    command = [*COMMAND, "a model", "--host", "127.0.0.1", "--port", str(port), "--max-model-len", "64"]
    with subprocess.Popen(command, env={**os.environ, "THOREXP_SIM": slow.as_json()}, stderr=subprocess.PIPE) as sim:
        try:
            assert sim.stderr is not None
            while b"startup complete" not in sim.stderr.readline():
                assert sim.poll() is None
            asked = json.dumps({"prompt": [1, 2, 3], "max_tokens": 4000, "stream": True}).encode()
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: sim\r\n")
                client.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(asked), asked))
                assert client.recv(12) == b"HTTP/1.1 200"
                sim.terminate()
                while client.recv(4096):
                    pass
            assert 0 == sim.wait(60.0)
        finally:
            sim.kill()


def test_a_port_that_is_taken_is_said() -> None:
    """In one line, and code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sim = subprocess.run(
            [*COMMAND, "a model", "--port", str(port)],
            env={**os.environ, "THOREXP_SIM": SPEC.as_json()},
            capture_output=True,
            text=True,
            check=False,
        )
    assert 1 == sim.returncode
    assert f"Cannot listen on 127.0.0.1:{port}" in sim.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ((("THOREXP_SIM", "{"),), "THOREXP_SIM is no SimSpec as JSON"),
        ((("THOREXP_SIM", "{}"),), "KeyError: 'model'"),
        ((("THOREXP_SIM", HALF_EXPERTS),), "ConfigError: model.architecture.num_experts_per_tok is absent"),
        ((), "THOREXP_SIM is not in the environment"),
    ],
    ids=["no JSON", "no spec", "no model", "absent"],
)
def test_without_a_spec_nothing_is_served(env: tuple[tuple[str, str], ...], words: str, tmp_path: Path) -> None:
    """The last line of the log says why, and so does thorexp."""
    with pytest.raises(StartError, match="exited with code 1") as raised:
        start(replace(LAUNCH, env=env), tmp_path / "server.log")
    assert words in (tmp_path / "server.log").read_text(encoding="utf-8").splitlines()[-1]
    assert words in str(raised.value)


def test_a_spec_is_what_it_was_written_as() -> None:
    """Through the environment nothing of it is lost."""
    assert SPEC == from_json(SPEC.as_json())


def test_its_help_says_how_it_is_told_what_to_simulate() -> None:
    """The lines that it has for a shell make a spec, of the config that they name."""
    said = subprocess.run([*COMMAND[:-1], "--help"], capture_output=True, text=True, check=True).stdout
    begin, end = said.index("export THOREXP_SIM"), said.index("python -m thorexp.sim serve MODEL")
    shell = "\n".join(line.strip() for line in said[begin:end].splitlines())
    with_python = f'python() {{ {sys.executable} "$@"; }}\n{shell}\nprintf %s "$THOREXP_SIM"'
    made = subprocess.run(["bash", "-c", with_python], capture_output=True, text=True, check=True).stdout
    assert ("Qwen/Qwen3-32B-AWQ", 20.0) == ((spec := from_json(made)).name, spec.speedup)

"""One real vLLM on random weights: it starts, answers, forgets, says what it cannot do, and leaves."""

import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.real.vllm_command import vllm_command
from thorexp.errors import StartError
from thorexp.serve.dummy_model import write_dummy_model
from thorexp.serve.engine_args import check, resolve
from thorexp.serve.flags import known_flags
from thorexp.serve.http import get_text, post_json
from thorexp.serve.prefix_cache import PrefixCache, prefix_cache, reset_prefix_cache
from thorexp.serve.process import VllmProcess, start
from thorexp.serve.server import LaunchSpec, can_listen

TINY: dict[str, Any] = {
    "model_type": "qwen3",
    "num_hidden_layers": 2,
    "hidden_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "intermediate_size": 256,
    "vocab_size": 32768,
    "max_position_embeddings": 4096,
    "rope_theta": 1e6,
    "tie_word_embeddings": False,
}
ENGINE = {"enforce_eager": True, "max_model_len": 4096, "load_format": "dummy"}
PROMPT = list(range(100, 100 + 2048))


def a_spec(folder: Path, **engine: Any) -> LaunchSpec:
    """The tiny model, with engine arguments on top of those it needs."""
    return LaunchSpec(
        command=tuple(shlex.split(vllm_command())),
        model=str(write_dummy_model(folder / "model", TINY, None, 32_000)),
        args=resolve((("model", ENGINE), ("test", engine))),
        env=(("VLLM_CPU_KVCACHE_SPACE", "1"),),
        host="127.0.0.1",
        port=None,
        ready_timeout_s=300,
        stop_timeout_s=30,
        memory_timeout_s=60,
        probe_len=32,
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmProcess]:
    """Started once; the last test stops it."""
    folder = tmp_path_factory.mktemp("real_server")
    server = start(a_spec(folder), folder / "server.log")
    yield server
    server.stop()


def cached_of(server: VllmProcess) -> PrefixCache:
    """Lookups and hits of the long prompt, sent now and counted after the engine has reported."""
    url = server.endpoint.base_url
    before = counters(url)
    asked = {"model": server.endpoint.served_model, "prompt": PROMPT, "max_tokens": 1, "temperature": 0}
    post_json(f"{url}/v1/completions", asked)
    deadline = time.monotonic() + 30
    while (use := counters(url) - before).queries < len(PROMPT) and time.monotonic() < deadline:
        time.sleep(0.1)
    return use


def counters(url: str) -> PrefixCache:
    """As /metrics has them."""
    found = prefix_cache(get_text(f"{url}/metrics"))
    assert found is not None
    return found


def test_its_flags_are_known_and_remembered(tmp_path: Path) -> None:
    """The arguments used here pass, and the second question does not start a vLLM."""
    command = tuple(shlex.split(vllm_command()))
    began = time.monotonic()
    known = known_flags(command, tmp_path)
    asked_s = time.monotonic() - began
    check(resolve((("model", ENGINE),)), known)
    began = time.monotonic()
    assert known == known_flags(command, tmp_path)
    print(f"\n{len(known.flags)} flags of vLLM {known.version}: {asked_s:.1f} s, then {time.monotonic() - began:.2f} s")
    assert 1 == len(list(tmp_path.iterdir()))


def test_it_says_its_version(server: VllmProcess, tmp_path: Path) -> None:
    """GET /version and the files that were read without importing vLLM name one version."""
    version = known_flags(tuple(shlex.split(vllm_command())), tmp_path).version
    assert version.split("+")[0] == str(server.endpoint.version).split("+")[0]


def test_a_reset_empties_its_prefix_cache(server: VllmProcess) -> None:
    """A prompt sent twice is found but for its last block; after the reset nothing of it is."""
    first, second = cached_of(server), cached_of(server)
    assert reset_prefix_cache(server.endpoint.base_url)
    third = cached_of(server)
    print(f"\nhits of {len(PROMPT)} tokens: {first.hits}, again {second.hits}, after the reset {third.hits}")
    assert (0, 0) == (first.hits, third.hits)
    assert 0 < second.hits < len(PROMPT)


def test_stopping_it_frees_its_port_and_ends_its_processes(server: VllmProcess) -> None:
    """API server, engine, worker and tracker are gone when stop returns."""
    guard = psutil.Process(server._guard.pid)
    tree = [guard, *guard.children(recursive=True)]
    began = time.monotonic()
    server.stop()
    print(f"\n{len(tree)} processes ended in {time.monotonic() - began:.1f} s")
    assert len(tree) >= 4
    assert [] == [p for p in tree if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert can_listen("127.0.0.1", server._port)


def test_a_length_beyond_the_model_is_told_from_its_log(tmp_path: Path) -> None:
    """vLLM's own words on max_model_len are the headline, and the remedy is the most that it takes."""
    with pytest.raises(StartError, match="User-specified max_model_len") as error:
        start(a_spec(tmp_path, max_model_len=8192), tmp_path / "server.log")
    print(f"\n{error.value}")
    assert "engine.max_model_len=4096" == {fact.label: fact.text for fact in error.value.facts}["try"]

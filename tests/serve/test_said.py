"""What a server says of itself: the models that it serves, its version, and how its KV cache is set up."""

import socket
from dataclasses import replace

import pytest

from tests.serve.saying import saying
from tests.somebody import MODEL, somebodys
from thorexp.serve.http import HttpError
from thorexp.serve.said import Model, Said, differences, is_busy, said_by

BASE = {"id": "qwen", "root": "Qwen/Qwen3-8B", "parent": None, "max_model_len": 4096, "owned_by": "vllm", "created": 17}
ADAPTER = {"id": "lawyer", "root": "/adapters/lawyer", "parent": "qwen", "owned_by": "vllm", "created": 17}
CACHE = {"block_size": "16", "cache_dtype": "fp8", "enable_prefix_caching": "True", "num_gpu_blocks": "7"}
SAID = Said(Model("qwen", "Qwen/Qwen3-8B", max_model_len=4096), (), "0.32.0", cache=tuple(CACHE.items()), started_s=1.0)


def test_all_that_a_vllm_says_is_kept() -> None:
    """Each model with what its card has, the version, and the labels of its cache but for the engine's number."""
    with somebodys(card=BASE, cache_config=CACHE) as url:
        said = said_by(url)
    model = Model("qwen", "Qwen/Qwen3-8B", None, 4096, "vllm", 17)
    assert Said(model, (model,), "0.99.0", 1.0, tuple(sorted(CACHE.items()))) == said
    assert (4096, True, "fp8") == (said.max_model_len, said.prefix_caching, said.kv_cache_dtype)


def test_what_another_server_does_not_say_is_absent() -> None:
    """One with nothing but an OpenAI API is a server all the same."""
    with somebodys(lacks=["/version", "/metrics"]) as url:
        said = said_by(url)
    assert Said(Model(MODEL), (Model(MODEL),)) == said
    assert (None, None, None) == (said.max_model_len, said.prefix_caching, said.kv_cache_dtype)


@pytest.mark.parametrize("path", ["/v1/models", "/version", "/metrics"])
def test_a_server_that_is_too_busy_to_say_it_has_not_said_it(path: str) -> None:
    """What it says the next time would make another server of it."""
    with somebodys(busy=[path]) as url, pytest.raises(HttpError) as late:
        said_by(url)
    assert (503, True) == (late.value.status, is_busy(late.value))


def test_a_server_that_does_not_answer_in_time_has_not_said_it() -> None:
    """As one that is busy."""
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(HttpError) as late:
        said_by(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.1)
    assert (None, True) == (late.value.status, is_busy(late.value))


@pytest.mark.parametrize(
    ("model", "repository", "is_from"),
    [
        (Model("Qwen/Qwen3-8B"), "Qwen/Qwen3-8B", True),
        (Model("qwen", "Qwen/Qwen3-8B"), "Qwen/Qwen3-8B", True),
        (Model("qwen", "/models/Qwen3-8B"), "Qwen/Qwen3-8B", True),
        (Model("qwen", "/models/Qwen3-8B/"), "Qwen/Qwen3-8B", True),
        (Model("qwen", "/hub/models--Qwen--Qwen3-8B/snapshots/9c92"), "Qwen/Qwen3-8B", True),
        (Model("qwen", "Other/Qwen3-8B"), "Qwen/Qwen3-8B", False),
        (Model("qwen", "/models/Qwen3-8B-AWQ"), "Qwen/Qwen3-8B", False),
        (Model("qwen"), "Qwen/Qwen3-8B", False),
    ],
)
def test_a_model_is_that_of_a_repository(model: Model, repository: str, is_from: bool) -> None:
    """By its name, by what it was loaded from, or by a directory of that name."""
    assert is_from == model.is_from(repository)


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [
        ("lawyer", "lawyer"),
        ("Qwen/Qwen3-8B", "qwen"),
        ("/adapters/lawyer", "lawyer"),
        ("other", "lawyer"),
        (None, "lawyer"),
    ],
)
def test_of_several_models_the_wanted_one_is_asked(wanted: str | None, asked: str) -> None:
    """By its id, or by what it was loaded from; else the first."""
    with somebodys(card=BASE, other_models=[ADAPTER]) as url:
        said = said_by(url, wanted=wanted)
    assert (asked, ["lawyer", "qwen"]) == (said.model.id, [model.id for model in said.models])


def test_an_adapter_takes_what_its_base_takes() -> None:
    """vLLM says the length with the base alone."""
    with somebodys(card=BASE, other_models=[ADAPTER]) as url:
        assert 4096 == said_by(url, wanted="lawyer").max_model_len


@pytest.mark.parametrize("body", ["", "<html>", "[]", '{"data": []}', '{"data": [{"name": "m"}]}', '{"data": ["m"]}'])
def test_a_server_that_lists_no_model_is_none(body: str) -> None:
    """Whatever else it says."""
    answer = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()
    with saying(answer) as url, pytest.raises(ValueError, match=r"Expecting value|no models|without an id"):
        said_by(url)


def test_a_server_that_refuses_is_an_error() -> None:
    """With the status, and without the key that it quotes."""
    with somebodys(require_key="right-key") as url, pytest.raises(HttpError) as refused:
        said_by(url, {"Authorization": "Bearer wrong-key"})
    assert (401, True, False) == (refused.value.status, "***" in str(refused.value), "wrong" in str(refused.value))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"version": "0.33.0"}, ("version 0.32.0, then 0.33.0",)),
        ({"model": Model("qwen", "Qwen/Qwen3-8B", max_model_len=8192)}, ("max_model_len 4096, then 8192",)),
        ({"cache": tuple((CACHE | {"cache_dtype": "auto"}).items())}, ("cache_dtype fp8, then auto",)),
        ({"cache": tuple((CACHE | {"num_gpu_blocks": "9"}).items())}, ()),
        ({"started_s": 2.0}, ()),
        ({"version": None, "cache": ()}, ()),
    ],
    ids=["version", "length", "chosen label", "label that follows", "started again", "unsaid"],
)
def test_two_servers_differ_in_what_decides_figures(change: dict[str, object], what: tuple[str, ...]) -> None:
    """Not in when they started, in how much memory was free then, or in what one of them did not say."""
    assert what == differences(SAID, replace(SAID, **change))  # type: ignore[arg-type]

from typing import Any

import pytest

from thorexp.tracking.load_input import LoadInput, load_input_of

PLAN: dict[str, Any] = {
    "digest": "6763e3bb1bdf0c314c7588a66cab9fa9fed09518feca5c345310948ed225d272",
    "max_concurrency": 8,
    "request_rate": "inf",
    "input_tokens": 4096,
    "output_tokens": 256,
    "stages": [{"name": "warm", "requests": [{}]}, {"name": "hot", "requests": [{}, {}]}],
}
CONFIG: dict[str, Any] = {
    "load": {"name": "high"},
    "workload": {"name": "random", "input_len": 2048, "output_len": 128, "seed": 7},
}


def test_a_load_is_its_plan() -> None:
    """Named for people, told apart by the digest that result.json has, with all stages' requests counted."""
    expected = LoadInput(
        name="random 2048/128 high",
        digest="6763e3bb1bdf0c31",
        profile={
            "num_requests": 1 + 2,
            "max_concurrency": 8,
            "request_rate": "inf",
            "input_tokens": 4096,
            "output_tokens": 256,
        },
        source={"workload": "random", "load": "high", "seed": 7},
    )
    assert expected == load_input_of(PLAN, CONFIG)


def test_what_is_not_known_of_a_load_is_left_out() -> None:
    """A file of prompts has no length of its own, and may not say how many tokens it has."""
    config = {"load": {"name": "users"}, "workload": {"name": "jsonl", "input_len": None, "output_len": 64}}
    found = load_input_of(PLAN | {"input_tokens": None, "max_concurrency": None}, config)
    assert found is not None
    assert "jsonl 64 users" == found.name
    assert {"num_requests", "request_rate", "output_tokens"} == set(found.profile)


@pytest.mark.parametrize("key", ["stages", "digest"])
def test_an_older_plan_is_no_load(key: str) -> None:
    """It does not say how many requests there were, or which."""
    assert load_input_of({name: value for name, value in PLAN.items() if name != key}, CONFIG) is None

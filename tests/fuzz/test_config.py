"""Whatever is typed is composed and planned, or refused in words."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.bounded import bounded, trying
from tests.fuzz.typed_values import FIELDS, values, with_value
from thorexp.capacity import capacity, check_fit
from thorexp.compose import job_config
from thorexp.conf_tree import tree_of
from thorexp.config import JobConfig
from thorexp.errors import ConfigError
from thorexp.execution import check_store
from thorexp.prepare import prepare
from thorexp.ranges import check_ranges
from thorexp.sweep.plan import plan_of_one

SMALL = ("dry_run=true", "server.command=none-is-there", "load.num_prompts=2", "workload.input_len=16", "tracking=off")
STARTS = (
    (),
    ("predict=true",),
    ("load=poisson",),
    ("load=ramp",),
    ("load=users", "workload=conversation"),
    ("load=spike", "predict=true"),
    ("load=bursts",),
    ("server=sim", "model=qwen3_30b_a3b_fp8"),
    ("server=docker", "server.docker.client=no-docker"),
    ("server=attach", "server.base_url=http://127.0.0.1:9"),
    ("rehearse=true",),
    ("workload=prefix_repetition", "predict=true"),
    ("workload=trace", "load=trace"),
    ("workload=sharegpt",),
    ("hardware=cpu", "model=tiny_qwen3"),
)


@cache
def base(start: tuple[str, ...]) -> JobConfig:
    """Without what a preset knows of another load's length."""
    return job_config(tree_of((*start, *SMALL)))


def dry(config: JobConfig) -> str:
    """What a dry run does, and what it says."""
    check_ranges(config)
    check_store(config.tracking)
    prepared = prepare(config, frozenset())
    said = plan_of_one(prepared)
    check_fit(prepared, capacity(prepared))
    assert 64 == len(prepared.point)
    return said


CHANGES = st.lists(
    st.sampled_from(sorted(FIELDS)).flatmap(lambda key: st.tuples(st.just(key), values(key))), min_size=1, max_size=4
)


@trying(100)
@given(st.sampled_from(STARTS), CHANGES)
def test_every_value_of_the_right_type_is_planned_or_refused(
    start: tuple[str, ...], changes: list[tuple[str, object]]
) -> None:
    """In no more than seconds, and in little memory."""
    config = base(start)
    for key, value in changes:
        config = with_value(config, key, value)
    with bounded():
        try:
            said = dry(config)
        except ConfigError as refused:
            said = str(refused)
    said.encode()


@pytest.mark.parametrize(
    ("start", "key", "value"),
    [
        ((), "load.num_prompts", 10**12),
        (("load=poisson",), "workload.turns", 2**31),
        ((), "load.num_warmups", 10**12),
        ((), "model.architecture.head_dim", 10**400),
        (("load=poisson",), "load.burstiness", 1e-300),
        (("load=poisson",), "load.request_rate", 1e-300),
        (("server=docker", "server.docker.client=no-docker"), "server.docker.client", "'"),
        (("predict=true",), "endpoint.first_token_timeout_s", float("inf")),
        (("predict=true",), "endpoint.first_token_timeout_s", 7e-78),
        ((), "sweep.cooldown_s", float("nan")),
        ((), "server.command", "\0"),
    ],
)
def test_what_was_found_is_refused_by_its_key(start: tuple[str, ...], key: str, value: object) -> None:
    """Each of these filled the memory, never ended, or was a traceback."""
    with bounded(), pytest.raises(ConfigError, match=key.split(".")[-1]):
        dry(with_value(base(start), key, value))

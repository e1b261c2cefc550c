"""What is asked."""

import numpy as np
import pytest

from thorexp.errors import ConfigError
from thorexp.measure.workload import Ask, RandomWorkload

QWEN3_IDS = 151643
VLLM_STARTS = (128991, 96590, 77510, 40911, 46680, 6213, 11409, 2506, 26578, 123326)


def test_prompts_start_where_those_of_vllm_do() -> None:
    """Prompt i starts i ids after the i-th offset that vLLM draws from seed 0."""
    asks = RandomWorkload(input_len=4, output_len=8, token_ids=QWEN3_IDS).asks(10, np.random.default_rng(0))
    assert [start + i for i, start in enumerate(VLLM_STARTS)] == [ask.prompt[0] for ask in asks]


def test_a_prompt_is_a_run_of_consecutive_ids() -> None:
    """The ids after a prompt's first follow it one by one."""
    (ask,) = RandomWorkload(input_len=4, output_len=8, token_ids=QWEN3_IDS).asks(1, np.random.default_rng(0))
    assert Ask((128991, 128992, 128993, 128994), 8) == ask


def test_ids_wrap_at_the_end_of_the_vocabulary() -> None:
    """The id after the last one is 0."""
    (ask,) = RandomWorkload(input_len=7, output_len=1, token_ids=3).asks(1, np.random.default_rng(0))
    first = ask.prompt[0]
    assert ((0, 1, 2) * 4)[first : first + 7] == ask.prompt


@pytest.mark.parametrize("count", [1, 10, 99])
def test_a_shorter_load_asks_the_first_prompts_of_a_longer_one(count: int) -> None:
    """The first k prompts of a seed are the same however many follow."""
    workload = RandomWorkload(input_len=4, output_len=8, token_ids=QWEN3_IDS)
    longer = workload.asks(100, np.random.default_rng(0))
    assert longer[:count] == workload.asks(count, np.random.default_rng(0))


def test_another_seed_asks_other_prompts() -> None:
    """The ten prompts of seed 0 are none of those of seed 1."""
    workload = RandomWorkload(input_len=4, output_len=8, token_ids=QWEN3_IDS)
    zero, one = (workload.asks(10, np.random.default_rng(seed)) for seed in (0, 1))
    assert set() == {ask.prompt for ask in zero} & {ask.prompt for ask in one}


def test_one_prefix_opens_every_prompt() -> None:
    """A prefix comes before the input length, and is the same for all."""
    workload = RandomWorkload(input_len=4, output_len=8, token_ids=QWEN3_IDS, prefix_len=6)
    asks = workload.asks(10, np.random.default_rng(0))
    assert {6 + 4} == {len(ask.prompt) for ask in asks}
    assert 1 == len({ask.prompt[:6] for ask in asks})


def test_a_prefix_leaves_the_prompts_behind_it_as_they_were() -> None:
    """The prefix is drawn after the offsets, as in vLLM."""
    asks = RandomWorkload(input_len=4, output_len=8, token_ids=QWEN3_IDS, prefix_len=6).asks(
        10, np.random.default_rng(0)
    )
    assert [start + i for i, start in enumerate(VLLM_STARTS)] == [ask.prompt[6] for ask in asks]


def test_a_range_ratio_spreads_lengths_over_the_whole_range() -> None:
    """A ratio of 0.5 draws 10 in from 5 to 15, and 4 out from 2 to 6, both ends included."""
    workload = RandomWorkload(input_len=10, output_len=4, token_ids=QWEN3_IDS, range_ratio=0.5)
    asks = workload.asks(1000, np.random.default_rng(0))
    assert set(range(5, 16)) == {len(ask.prompt) for ask in asks}
    assert set(range(2, 7)) == {ask.output_len for ask in asks}


def test_an_output_is_never_shorter_than_one_token() -> None:
    """One token less nine tenths of it is still one token."""
    workload = RandomWorkload(input_len=10, output_len=1, token_ids=QWEN3_IDS, range_ratio=0.9)
    assert {1, 2} == {ask.output_len for ask in workload.asks(100, np.random.default_rng(0))}


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("workload.input_len=0", {"input_len": 0}),
        ("workload.output_len=0", {"output_len": 0}),
        ("workload.prefix_len=-1", {"prefix_len": -1}),
        ("model.prompt_token_ids=0", {"token_ids": 0}),
        ("workload.range_ratio=1.0", {"range_ratio": 1.0}),
        ("workload.range_ratio=-0.1", {"range_ratio": -0.1}),
    ],
)
def test_a_workload_that_cannot_be_is_refused_by_its_key(key: str, changes: dict[str, float]) -> None:
    """The error names the config key and its value."""
    numbers = {"input_len": 4, "output_len": 8, "token_ids": QWEN3_IDS, **changes}
    with pytest.raises(ConfigError, match=f"^{key} is "):
        RandomWorkload(**numbers)  # type: ignore[arg-type]  # ints and one float, by name

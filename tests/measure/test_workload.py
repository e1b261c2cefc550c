"""What is asked."""

from typing import Any

import numpy as np
import pytest

from thorexp.errors import ConfigError
from thorexp.measure.workload import Ask, Conversation, Lengths, RandomWorkload

QWEN3_IDS = 151643
VLLM_STARTS = (128991, 96590, 77510, 40911, 46680, 6213, 11409, 2506, 26578, 123326)
# The six draws that follow those of ten lengths in, ten lengths out and ten offsets.
PREFIX = (98479, 138412, 76371, 91992, 147206, 110623)


def a_workload(**changes: Any) -> RandomWorkload:
    """4 tokens in, 8 out, of Qwen3's vocabulary."""
    return RandomWorkload(**{"input_len": 4, "output_len": 8, "token_ids": QWEN3_IDS, **changes})


def conversations(count: int, seed: int = 0, **changes: Any) -> tuple[Conversation, ...]:
    return a_workload(**changes).conversations(count, np.random.default_rng(seed))


def asks(count: int, seed: int = 0, **changes: Any) -> tuple[Ask, ...]:
    """The first turns."""
    return tuple(conversation[0] for conversation in conversations(count, seed, **changes))


def ids(ask: Ask) -> tuple[int, ...]:
    """A prompt of token ids."""
    return tuple(part for part in ask.prompt if isinstance(part, int))


def test_prompts_start_where_those_of_vllm_do() -> None:
    """Prompt i starts i ids after the i-th offset that vLLM draws from seed 0."""
    assert [start + i for i, start in enumerate(VLLM_STARTS)] == [ask.prompt[0] for ask in asks(10)]


def test_a_prompt_is_a_run_of_consecutive_ids() -> None:
    """The ids after a prompt's first follow it one by one."""
    assert (Ask((128991, 128992, 128993, 128994), 8),) == asks(1)


def test_ids_wrap_at_the_end_of_the_vocabulary() -> None:
    """The id after the last one is 0."""
    (ask,) = asks(1, input_len=7, output_len=1, token_ids=3)
    first = ids(ask)[0]
    assert ((0, 1, 2) * 4)[first : first + 7] == ask.prompt


@pytest.mark.parametrize("count", [1, 10, 99])
def test_a_shorter_load_asks_the_first_prompts_of_a_longer_one(count: int) -> None:
    """The first k prompts of a seed are the same however many follow."""
    assert asks(100)[:count] == asks(count)


def test_another_seed_asks_other_prompts() -> None:
    """The ten prompts of seed 0 are none of those of seed 1."""
    zero, one = (asks(10, seed) for seed in (0, 1))
    assert set() == {ask.prompt for ask in zero} & {ask.prompt for ask in one}


def test_one_prefix_opens_every_prompt() -> None:
    """A prefix comes before the input length, and is what seed 0 draws after ten prompts."""
    drawn = asks(10, prefix_len=6)
    assert {6 + 4} == {ask.input_len for ask in drawn}
    assert {PREFIX} == {ask.prompt[:6] for ask in drawn}


def test_a_prefix_leaves_the_prompts_behind_it_as_they_were() -> None:
    """The prefix is drawn after the offsets, as in vLLM."""
    assert [ask.prompt for ask in asks(10)] == [ask.prompt[6:] for ask in asks(10, prefix_len=6)]


def test_several_prefixes_are_dealt_evenly() -> None:
    """Of 12 conversations behind 3 prefixes, each opens 4."""
    opened = [ask.prompt[:6] for ask in asks(12, prefix_len=6, num_prefixes=3)]
    assert [4, 4, 4] == [opened.count(prefix) for prefix in set(opened)]


def test_several_prefixes_are_dealt_in_no_order() -> None:
    """The prefixes do not come round by turns."""
    opened = [ask.prompt[:6] for ask in asks(12, prefix_len=6, num_prefixes=3)]
    assert opened[:3] * 4 != opened


def test_prompts_behind_different_prefixes_are_those_behind_one() -> None:
    """How many prefixes there are changes nothing behind them."""
    behind = [ask.prompt[6:] for ask in asks(12, prefix_len=6, num_prefixes=3)]
    assert [ask.prompt[6:] for ask in asks(12, prefix_len=6)] == behind


def test_a_range_ratio_spreads_lengths_over_the_whole_range() -> None:
    """A ratio of 0.5 draws 10 in from 5 to 15, and 4 out from 2 to 6, both ends included."""
    drawn = asks(1000, input_len=10, output_len=4, range_ratio=0.5)
    assert set(range(5, 16)) == {ask.input_len for ask in drawn}
    assert set(range(2, 7)) == {ask.output_len for ask in drawn}


def test_an_output_is_never_shorter_than_one_token() -> None:
    """One token less nine tenths of it is still one token."""
    assert {1, 2} == {ask.output_len for ask in asks(100, input_len=100, output_len=1, range_ratio=0.9)}


def test_a_range_that_makes_empty_prompts_is_refused() -> None:
    """Of nothing no answer can be asked; behind a prefix it can."""
    with pytest.raises(ConfigError, match=r"^workload.range_ratio=0.5 makes prompts of no tokens"):
        RandomWorkload(input_len=1, output_len=1, token_ids=9, range_ratio=0.5)
    assert 4 == RandomWorkload(input_len=1, output_len=1, token_ids=9, range_ratio=0.5, prefix_len=4).prefix_len


@pytest.mark.parametrize("lengths", [Lengths.normal, Lengths.lognormal])
def test_drawn_lengths_have_the_mean_and_deviation_asked_for(lengths: Lengths) -> None:
    """10,000 lengths of 1000 ± 250 tokens come within four standard errors of both."""
    drawn = [ask.input_len for ask in asks(10_000, input_len=1000, lengths=lengths, std_ratio=0.25)]
    assert pytest.approx(1000, abs=4 * 250 / 10_000**0.5) == np.mean(np.array(drawn))
    assert pytest.approx(250, rel=0.05) == np.std(np.array(drawn))


def test_lognormal_lengths_lean_to_the_short_side() -> None:
    """Half of them are below mean / sqrt(1 + ratio²)."""
    drawn = [ask.output_len for ask in asks(10_000, output_len=1000, lengths=Lengths.lognormal, std_ratio=1.0)]
    assert pytest.approx(1000 / 2**0.5, rel=0.05) == np.median(np.array(drawn))


@pytest.mark.parametrize("lengths", [Lengths.normal, Lengths.lognormal])
def test_a_drawn_length_is_one_token_at_least(lengths: Lengths) -> None:
    """Of lengths that spread as far as their mean, the shortest is one token."""
    drawn = asks(1000, input_len=3, output_len=3, lengths=lengths, std_ratio=1.0)
    assert (1, 1) == (min(ask.input_len or 0 for ask in drawn), min(ask.output_len or 0 for ask in drawn))


@pytest.mark.parametrize("lengths", list(Lengths))
def test_lengths_that_do_not_spread_are_exact(lengths: Lengths) -> None:
    """With no ratio, every length is the mean, however lengths spread."""
    assert {(4, 8)} == {(ask.input_len, ask.output_len) for ask in asks(10, lengths=lengths)}


def test_a_conversation_has_the_turns_asked_for() -> None:
    """Each conversation of three turns has three."""
    assert [3, 3, 3, 3] == [len(conversation) for conversation in conversations(4, turns=3)]


def test_first_turns_are_the_same_however_many_follow() -> None:
    """Later turns are drawn after all first ones."""
    assert asks(10, prefix_len=6) == asks(10, prefix_len=6, turns=3)


def test_later_turns_have_a_length_of_their_own() -> None:
    """First turns bring prefix and input length, later ones only theirs."""
    lengths = {
        tuple(ask.input_len for ask in turns) for turns in conversations(9, turns=3, turn_input_len=2, prefix_len=6)
    }
    assert {(6 + 4, 2, 2)} == lengths


def test_later_turns_are_as_long_as_first_ones_unless_told() -> None:
    """Without a length of their own, later turns have that of first ones."""
    assert {(4, 4)} == {tuple(ask.input_len for ask in turns) for turns in conversations(9, turns=2)}


def test_no_two_turns_ask_the_same() -> None:
    """30 turns of 10 conversations are 30 different prompts."""
    assert 30 == len({ask.prompt for turns in conversations(10, turns=3) for ask in turns})


def test_thinking_comes_before_later_turns_only() -> None:
    """A first turn is asked at once; nobody asks the next in no time."""
    first, second = zip(*conversations(100, turns=2, think_time_s=2.0), strict=True)
    assert {0} == {ask.think_ns for ask in first}
    assert 0 < min(ask.think_ns for ask in second)


def test_thinking_takes_the_mean_time() -> None:
    """10,000 exponential times of 2 s on average come within four standard errors of it."""
    thought_ns = [turns[1].think_ns for turns in conversations(10_000, turns=2, think_time_s=2.0)]
    assert pytest.approx(2e9, abs=4 * 2e9 / 10_000**0.5) == np.mean(thought_ns)


def test_nobody_thinks_unless_told() -> None:
    """Without a think time, a later turn is asked at once."""
    assert {0} == {ask.think_ns for turns in conversations(9, turns=3) for ask in turns}


def test_a_seed_asks_the_same_every_time() -> None:
    """Two draws of one seed are equal in all there is to draw."""
    changes: dict[str, Any] = {"turns": 3, "prefix_len": 6, "num_prefixes": 2, "think_time_s": 1.0, "std_ratio": 0.5}
    one, other = (conversations(9, 7, lengths=Lengths.lognormal, **changes) for _ in range(2))
    assert one == other


def test_a_random_workload_has_no_end() -> None:
    """All there is cannot be asked: the error names the key that says how much."""
    with pytest.raises(ConfigError, match=r"^load\.num_prompts is missing: random workloads do not end"):
        a_workload().conversations(None, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("ask", "tokens"),
    [
        (Ask((5, 6, 7), 1), 3),
        (Ask((), 1), 0),
        (Ask("three words here", 1), None),
        (Ask("three words here", 1, counted=4), 4),
        (Ask(({"role": "user", "content": "hi"},), 1), None),
        (Ask(({"role": "user", "content": "hi"},), 1, counted=9), 9),
    ],
)
def test_only_token_ids_count_themselves(ask: Ask, tokens: int | None) -> None:
    """Ids are as many as they are; text and messages as many as the server counted, if it has."""
    assert tokens == ask.input_len


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("workload.input_len=0", {"input_len": 0}),
        ("workload.output_len=0", {"output_len": 0}),
        ("workload.prefix_len=-1", {"prefix_len": -1}),
        ("workload.num_prefixes=0", {"num_prefixes": 0}),
        ("workload.num_prefixes=2", {"num_prefixes": 2}),
        ("workload.turns=0", {"turns": 0}),
        ("workload.turn_input_len=0", {"turns": 2, "turn_input_len": 0}),
        ("model.prompt_token_ids=0", {"token_ids": 0}),
        ("workload.range_ratio=1.0", {"range_ratio": 1.0}),
        ("workload.range_ratio=-0.1", {"range_ratio": -0.1}),
        ("workload.range_ratio=nan", {"range_ratio": float("nan")}),
        ("workload.range_ratio=0.5", {"range_ratio": 0.5, "lengths": Lengths.normal}),
        ("workload.range_ratio=0.5", {"range_ratio": 0.5, "lengths": Lengths.lognormal}),
        ("workload.std_ratio=0.5", {"std_ratio": 0.5}),
        ("workload.std_ratio=-0.5", {"std_ratio": -0.5, "lengths": Lengths.normal}),
        ("workload.std_ratio=nan", {"std_ratio": float("nan"), "lengths": Lengths.normal}),
        ("workload.std_ratio=50", {"std_ratio": 50, "lengths": Lengths.lognormal}),
        ("workload.think_time_s=-1", {"think_time_s": -1}),
        ("workload.think_time_s=inf", {"think_time_s": float("inf")}),
    ],
)
def test_a_workload_that_cannot_be_is_refused_by_its_key(key: str, changes: dict[str, Any]) -> None:
    """The error names the config key and its value."""
    with pytest.raises(ConfigError, match=f"^{key} is "):
        a_workload(**changes)

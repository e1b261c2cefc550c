"""A machine that changed meanwhile: within a run, between repeats; and points that did not do the same work."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest

from tests.records import MS, a_record
from thorexp.measure.grounds.steadiness import (
    Halves,
    Rest,
    drift,
    halves,
    lengths_differ,
    repeats_disagree,
    unsteady_rest,
)
from thorexp.measure.records import RequestRecord

A_TENTH = 0.1


def played(*tpots_ms: int) -> list[RequestRecord]:
    """One request after another, each of two tokens that far apart."""
    return [
        a_record(index=i, sent_ns=i * 1000 * MS, token_ns=(i * 1000 * MS, (i * 1000 + tpot) * MS), output_tokens=2)
        for i, tpot in enumerate(tpots_ms)
    ]


def served(seed: int, *, output_lens: tuple[int, int], slower: float = 1.0) -> list[RequestRecord]:
    """104 requests, 8 at once, on a machine that all under way share.

    A step of some 20 ms gives each of them a token; before it up to 4 new prompts are computed together, 100 ms each,
    and all others wait. `output_lens`: the least and the most. `slower`: by this, once half of the requests are sent.
    """
    rng = np.random.default_rng(seed)
    lengths = [int(length) for length in rng.integers(*output_lens, size=104, endpoint=True)]
    sent: list[int] = []
    tokens: list[list[int]] = [[] for _ in lengths]
    now = 0

    def after(ms: float) -> int:
        pace = slower if len(sent) > len(lengths) // 2 else 1.0
        return now + round(ms * MS * pace * rng.uniform(0.98, 1.02))

    def open_ones() -> list[int]:
        return [i for i in range(len(sent)) if len(tokens[i]) < lengths[i]]

    while len(sent) < len(lengths) or open_ones():
        room = min(8 - len(open_ones()), len(lengths) - len(sent))
        sent += [now + k for k in range(room)]
        fresh = [i for i in open_ones() if not tokens[i]][:4]
        now = after(100 * len(fresh) if fresh else 20)
        for i in fresh or open_ones():
            tokens[i].append(now)
    return [
        a_record(index=i, sent_ns=sent[i], token_ns=tuple(tokens[i]), output_tokens=length)
        for i, length in enumerate(lengths)
    ]


def of(found: Halves | None) -> Halves:
    """Halves that must be there."""
    assert found is not None
    return found


def test_halves_are_means_of_the_first_and_the_last() -> None:
    """Of 10, 20 and 60 ms, then of 40, 50 and 90."""
    found = of(halves(played(10, 20, 60, 40, 50, 90), at_once=1))
    assert ((10 + 20 + 60) / 3, (40 + 50 + 90) / 3) == (found.first_ms, found.second_ms)


def test_halves_go_by_the_order_of_sending() -> None:
    """However the records lie."""
    records = played(10, 10, 10, 10, 50, 50, 50, 50)
    random.Random(0).shuffle(records)
    found = of(halves(records, at_once=1))
    assert (10.0, 50.0) == (found.first_ms, found.second_ms)


def test_the_error_is_that_of_a_difference_of_means() -> None:
    """Of 9, 9, 11, 11 ms, s² = 4 / 3; of a half that does not vary 0: √(4/3/4 + 0)."""
    found = of(halves(played(9, 9, 11, 11, 20, 20, 20, 20), at_once=1))
    assert pytest.approx(math.sqrt(4 / 3 / 4)) == found.error_ms


def test_the_error_is_of_blocks_of_those_that_share_their_steps() -> None:
    """Two at once: blocks of 9, 10 and 11 ms have s² = 1, of 20, 20 and 20 none, however far apart two of a block."""
    blocks = (5, 13, 6, 14, 7, 15, 15, 25, 15, 25, 15, 25)
    found = of(halves(played(1, 1, *blocks, 1, 1), at_once=2))
    assert (10.0, 20.0) == (found.first_ms, found.second_ms)
    assert pytest.approx(math.sqrt(1 / 3)) == found.error_ms


@pytest.mark.parametrize(("count", "is_there"), [(0, False), (5, False), (6, True)])
def test_a_half_has_three_requests_at_least(count: int, is_there: bool) -> None:
    """Of five, one half has two."""
    assert is_there == (halves(played(*[10] * count), at_once=1) is not None)


def test_the_first_and_the_last_are_left_out() -> None:
    """As many at either end as are under way at once: beside them there are fewer."""
    found = of(halves(played(1, 2, *[10] * 6, *[50] * 6, 3, 4), at_once=2))
    assert (10.0, 50.0, 0.0) == (found.first_ms, found.second_ms, found.error_ms)


def test_one_after_another_none_is_left_out() -> None:
    """The first has nothing beside it, as all others have."""
    found = of(halves(played(4, 10, 10, 10, 10, 16), at_once=1))
    assert ((4 + 10 + 10) / 3, (10 + 10 + 16) / 3) == (found.first_ms, found.second_ms)


@pytest.mark.parametrize(("count", "is_there"), [(2, False), (5, False), (6, False), (23, False), (24, True)])
def test_a_half_has_three_blocks_of_those_that_are_left(count: int, is_there: bool) -> None:
    """With three at once, six of 24 are left out and two halves of nine left; of six or fewer none is left."""
    assert is_there == (halves(played(*[10] * count), at_once=3) is not None)


def test_what_fills_no_block_is_not_in_a_half() -> None:
    """Two at once: of seven in either half three blocks of two count."""
    found = of(halves(played(1, 1, *[10] * 6, 99, *[50] * 6, 99, 1, 1), at_once=2))
    assert (10.0, 50.0) == (found.first_ms, found.second_ms)


@pytest.mark.parametrize("changes", [{"output_tokens": 1}, {"sent_ns": None}, {"streamed": False}])
def test_requests_without_a_tpot_make_no_half(changes: dict[str, object]) -> None:
    """Of six requests five are left, which are too few."""
    records = played(*[10] * 6)
    assert halves(records, at_once=1) is not None
    assert halves([replace(records[0], **changes), *records[1:]], at_once=1) is None  # type: ignore[arg-type]


TOGETHER = (32, 32)  # answers of one length, whose requests begin and end together
APART = (26, 38)
SEEDS = pytest.mark.parametrize("seed", range(10))
OVERLAPS = pytest.mark.parametrize("output_lens", [TOGETHER, APART], ids=["begun together", "begun apart"])


@SEEDS
@OVERLAPS
def test_requests_that_wait_for_each_others_prompts_are_no_drift(output_lens: tuple[int, int], seed: int) -> None:
    """A constant machine is believed, though the TPOT of one request is half as long again as that of another."""
    records = served(seed, output_lens=output_lens)
    tpots_ms = [(r.token_ns[-1] - r.token_ns[0]) / MS / (len(r.token_ns) - 1) for r in records]
    assert 1.5 * min(tpots_ms) < max(tpots_ms)
    assert drift(of(halves(records, at_once=8)), A_TENTH) is None


@SEEDS
@OVERLAPS
def test_a_machine_that_all_under_way_share_drifts_if_it_slows_down(output_lens: tuple[int, int], seed: int) -> None:
    """By a quarter in its second half, however the requests wait for each other."""
    reason = drift(halves(served(seed, output_lens=output_lens, slower=1.25), at_once=8), A_TENTH)
    assert reason is not None
    assert "drift" == reason.name


def test_a_board_that_slows_down_is_suspect() -> None:
    """From 50 to 60 ms; decoding and all that counts it in, not the first token."""
    reason = drift(Halves(50.0, 60.0, error_ms=0.1), A_TENTH)
    assert reason is not None
    assert ("drift", "SUSPECT") == (reason.name, reason.standing)
    assert ("tpot", "itl", "e2el", "mbu", "throughput", "goodput", "tokens_per_s", "energy") == reason.metrics
    assert "mean TPOT 50.00 ms in the first half, 60.00 ms in the second (+20 %)" == reason.evidence
    assert "load.num_warmups" in reason.remedy


def test_a_board_that_becomes_faster_is_suspect() -> None:
    """As one that was not warm yet."""
    reason = drift(Halves(50.0, 40.0, error_ms=0.1), A_TENTH)
    assert reason is not None
    assert "(-20 %)" in reason.evidence


@pytest.mark.parametrize("second_ms", [55.0, 45.0, 50.0])
def test_a_board_that_changes_by_a_tenth_is_believed(second_ms: float) -> None:
    """Up or down from 50 ms."""
    assert drift(Halves(50.0, second_ms, error_ms=0.1), A_TENTH) is None


@pytest.mark.parametrize(("error_ms", "is_suspect"), [(2.4, True), (2.5, False), (5.0, False)])
def test_a_change_within_chance_is_believed(error_ms: float, is_suspect: bool) -> None:
    """10 ms more are believed to be chance up to four standard errors."""
    assert is_suspect == (drift(Halves(50.0, 60.0, error_ms), A_TENTH) is not None)


@pytest.mark.parametrize("found", [None, Halves(0.0, 10.0, 0.0)])
def test_halves_that_cannot_be_compared_accuse_nobody(found: Halves | None) -> None:
    """Absent, or a first of 0 that nothing can be a share of."""
    assert drift(found, A_TENTH) is None


def test_a_machine_that_was_at_work_while_it_rested_is_suspect() -> None:
    """From 30 to 51 W are more than half of 40; the load drew far more."""
    reason = unsteady_rest(Rest(30.0, 40.0, 51.0, 90.0))
    assert reason is not None
    assert ("unsteady_rest", "SUSPECT") == (reason.name, reason.standing)
    assert "30.0 to 51.0 W at rest, mean 40.0 W; 90.0 W under load" == reason.evidence
    assert "telemetry.idle_s" in reason.remedy


@pytest.mark.parametrize(
    ("key", "is_touched"),
    [
        ("idle_power_w", True),
        ("energy_above_idle_j", True),
        ("energy_above_idle_per_output_token_j", True),
        ("energy_above_idle_per_request_j", True),
        ("energy_j", False),
        ("mean_power_w", False),
        ("output_throughput", False),
    ],
)
def test_an_unsteady_rest_touches_what_is_above_it_alone(key: str, is_touched: bool) -> None:
    """The whole of what the load drew is told without it."""
    reason = unsteady_rest(Rest(30.0, 40.0, 51.0, 90.0))
    assert reason is not None
    assert is_touched == reason.touches(key)


@pytest.mark.parametrize(("most_w", "is_suspect"), [(40.0, False), (50.0, False), (50.1, True)])
def test_a_rest_may_vary_by_half_of_its_mean(most_w: float, is_suspect: bool) -> None:
    """From 30 W on that is up to 50, of a mean of 40."""
    assert is_suspect == (unsteady_rest(Rest(30.0, 40.0, most_w, 90.0)) is not None)


@pytest.mark.parametrize(("load_w", "is_suspect"), [(40.1, False), (40.0, True), (35.0, True)])
def test_a_rest_that_draws_what_the_load_draws_is_suspect(load_w: float, is_suspect: bool) -> None:
    """However steady its 40 W are: nothing would be left above them."""
    assert is_suspect == (unsteady_rest(Rest(39.0, 40.0, 41.0, load_w)) is not None)


def test_a_rest_that_nobody_sampled_accuses_nobody() -> None:
    """Nothing is told above it, either."""
    assert unsteady_rest(None) is None


def test_repeats_that_disagree_are_suspect_by_their_own_keys() -> None:
    """Of three numbers the one that is further apart than 5 %."""
    reason = repeats_disagree({"output_throughput": 0.01, "p99_ttft_ms": 0.062, "median_tpot_ms": 0.05}, 0.05)
    assert reason is not None
    assert ("repeats_disagree", "SUSPECT", ("p99_ttft_ms",)) == (reason.name, reason.standing, reason.metrics)
    assert "p99_ttft_ms 6.2 %" == reason.evidence
    assert "sweep.repeats" in reason.remedy


@pytest.mark.parametrize("spreads", [{"p99_ttft_ms": 0.05, "median_tpot_ms": 0.0}, {"p99_ttft_ms": None}, {}])
def test_repeats_that_agree_are_believed(spreads: dict[str, float | None]) -> None:
    """Up to 5 %; where there is no spread; where nothing was repeated."""
    assert repeats_disagree(spreads, 0.05) is None


def test_points_with_answers_of_different_length_are_suspect() -> None:
    """The shortest and the longest are named, and those metrics that count whole answers are touched."""
    reason = lengths_differ({"a": 128.0, "b": 124.21, "c": 126.75})
    assert reason is not None
    assert ("output_lengths_differ", "SUSPECT") == (reason.name, reason.standing)
    assert ("e2el", "throughput", "goodput", "tokens_per_s", "energy") == reason.metrics
    assert "124.21 tokens an answer at b, 128.00 at a" == reason.evidence
    assert "workload.ignore_eos=true" in reason.remedy


@pytest.mark.parametrize("lengths", [{"a": 128.0, "b": 128.0}, {"a": 128.0}, {}])
def test_points_with_answers_of_one_length_are_believed(lengths: dict[str, float]) -> None:
    """One point, or none, differs from nothing."""
    assert lengths_differ(lengths) is None


@pytest.mark.parametrize(("shortest", "is_suspect"), [(199.0, False), (198.99, True)])
def test_answers_may_differ_by_half_a_percent(shortest: float, is_suspect: bool) -> None:
    """Of 200 tokens that is one."""
    assert is_suspect == (lengths_differ({"a": 200.0, "b": shortest, "c": 199.5}) is not None)

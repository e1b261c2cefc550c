"""What a search tries next."""

import statistics
from collections.abc import Callable, Iterable

import numpy as np
import optuna
import pytest

from tests.bench.search import LANDSCAPES, STARTUP, Landscape, is_won
from thorexp.sweep.sampler import MISSED, distributions, random_params, sampler, spread
from thorexp.sweep.search_space import Choice, Interval, Ladder, Params, Space

SMALL = Space((), (Ladder("a", ("1", "2", "3", "4")), Choice("b", ("x", "y", "z"))))
MIXED = Space(
    (),
    (
        Ladder("seqs", tuple(str(2**i) for i in range(8))),
        Interval("share", 0.1, 0.9, log=False),
        Interval("tokens", 256, 8191, log=True),
        Choice("cache", ("auto", "fp8")),
    ),
)
Found = tuple[float, float]  # the objective, and by how much the limit is missed


def asked(space: Space, trials: int, find: Callable[[Params], Found], seed: int = 0) -> list[tuple[Params, Found]]:
    """All trials of a search, in their order."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=sampler(space, seed, STARTUP))
    found: list[tuple[Params, Found]] = []
    for _ in range(trials):
        trial = study.ask(fixed_distributions=distributions(space))
        value, missed = find(trial.params)
        trial.set_user_attr(MISSED, [missed])
        study.tell(trial, value)
        found.append((trial.params, (value, missed)))
    return found


def throughput(params: Params) -> Found:
    """Rises with the sequences, the share and FP8; the latency that it costs is limited, and is best in the middle of
    the tokens' orders of magnitude.
    """
    seqs, share = float(params["seqs"]), float(params["share"])
    off = abs(np.log2(float(params["tokens"])) - 11)
    value = seqs * (0.5 + share) * (1.2 if params["cache"] == "fp8" else 1.0)
    return value, seqs * share + off - 4.0


def test_no_point_is_asked_for_twice() -> None:
    """A space of twelve points is known after twelve trials."""
    trials = asked(SMALL, 12, lambda params: (float(params["a"]), 0.0))
    assert 12 == len({tuple(params.values()) for params, _ in trials})


def test_the_same_seed_asks_for_the_same_points() -> None:
    """And another one for others."""
    first, again, other = (asked(MIXED, 12, throughput, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_draws_stay_in_the_space() -> None:
    """Whole numbers from an interval of whole ones, up to its ends."""
    rng = np.random.default_rng(0)
    drawn = [
        random_params(Space((), (Interval("a", 1, 3, log=True), Interval("b", 5, 6, log=False))), rng)
        for _ in range(99)
    ]
    assert {1, 2, 3} == {each["a"] for each in drawn}
    assert {5, 6} == {each["b"] for each in drawn}
    assert all(0.1 <= float(random_params(MIXED, rng)["share"]) < 0.9 for _ in range(99))


def test_the_first_points_are_spread() -> None:
    """Each dimension has one of them in each of as many equal parts."""
    points = spread(MIXED, 4, np.random.default_rng(0))
    assert [0, 1, 2, 3] == sorted(int(point["seqs"]) // 2 for point in points)
    assert [0, 1, 2, 3] == sorted(int((float(point["share"]) - 0.1) / 0.2) for point in points)
    assert 2 * ["auto"] + 2 * ["fp8"] == sorted(str(point["cache"]) for point in points)


def test_a_search_beats_chance_at_equal_budget() -> None:
    """By the median of ten seeds, of a function that is known."""
    ours = [best(found for _, found in asked(MIXED, 24, throughput, seed)) for seed in range(10)]
    rngs = [np.random.default_rng(seed) for seed in range(10)]
    theirs = [best(throughput(random_params(MIXED, rng)) for _ in range(24)) for rng in rngs]
    assert statistics.median(ours) > statistics.median(theirs)


@pytest.mark.parametrize("of", LANDSCAPES, ids=[each.name for each in LANDSCAPES])
def test_a_search_beats_chance_on_a_simulated_board(of: Landscape) -> None:
    """By the median of ten seeds, of 24 trials each."""
    assert is_won(of, 24, 10)


def test_a_search_leaves_where_nothing_can_win() -> None:
    """Half of the space cannot win: of what is asked for once that can be known, less than a quarter lies there."""
    trials = asked(MIXED, 32, lambda params: (1.0, 1.0 if float(params["seqs"]) >= 4 else -1.0))
    behind = [missed > 0 for _, (_, missed) in trials[8:]]
    assert sum(behind) < len(behind) / 4


def best(found: Iterable[Found]) -> float:
    """Of those that keep the limit; 0 without any."""
    return max((value for value, missed in found if missed <= 0), default=0.0)

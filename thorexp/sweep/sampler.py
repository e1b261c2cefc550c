"""What a search tries next: Optuna's TPE, of which no point is asked for twice."""

import itertools
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from thorexp.errors import ConfigError
from thorexp.sweep.search_space import Choice, Interval, Ladder, Params, Space, Value

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

MISSED = "missed"  # the attribute of a trial that its constraints are in
GOOD = 0.2  # of the trials, those that TPE takes for good: twice its own share, for trials are few and plateaus wide
MOST_GOOD = 25  # as TPE has it
LISTED = 100_000  # points at most, of which those that are left are listed


def distributions(space: Space) -> dict[str, "BaseDistribution"]:
    """The dimensions as Optuna has them, by their keys. ConfigError where there is no Optuna."""
    try:
        from optuna import distributions as of
    except ImportError:
        raise ConfigError("hydra/sweeper=optuna needs Optuna.", ("try", "pip install 'thorexp[search]'")) from None
    found: dict[str, BaseDistribution] = {}
    for each in space.dimensions:
        match each:
            case Choice():
                found[each.key] = of.CategoricalDistribution(each.values)
            case Ladder():
                found[each.key] = of.IntDistribution(0, len(each.values) - 1)
            case Interval(low=int()):
                found[each.key] = of.IntDistribution(int(each.low), int(each.high), log=each.log)
            case _:
                found[each.key] = of.FloatDistribution(each.low, each.high, log=each.log)
    return found


def sampler(space: Space, seed: int, startup: int, drawn: int = 0) -> "BaseSampler":
    """TPE over all dimensions together, with constraints, behind `startup` trials that are spread over the space.

    `drawn`: trials of a study that goes on, so that what is drawn goes on too.
    """
    from thorexp.sweep.unrepeated import Unrepeated

    return Unrepeated(space, _tpe(seed + drawn), spread(space, startup, np.random.default_rng(seed)), seed)


def random_params(space: Space, rng: np.random.Generator) -> dict[str, Value]:
    """A point, any as likely as the others."""
    return {each.key: _at(each, rng.random()) for each in space.dimensions}


def spread(space: Space, count: int, rng: np.random.Generator) -> list[dict[str, Value]]:
    """So many points, of which each dimension has one in each of as many equal parts: a Latin hypercube."""
    shares = {each.key: (rng.permutation(count) + rng.random(count)) / count for each in space.dimensions}
    return [{each.key: _at(each, float(shares[each.key][i])) for each in space.dimensions} for i in range(count)]


def _at(of: Choice | Ladder | Interval, share: float) -> Value:
    """The value that lies so far on the way from the first one; `share` is below 1."""
    match of:
        case Choice():
            return of.values[int(share * len(of.values))]
        case Ladder():
            return int(share * len(of.values))
        case Interval():
            is_whole = isinstance(of.low, int)
            end = of.high + 1 if is_whole else of.high
            value = of.low * (end / of.low) ** share if of.log else of.low + share * (end - of.low)
            return min(int(value), int(of.high)) if is_whole else min(value, of.high)


def _tpe(seed: int) -> "BaseSampler":
    """Optuna 4 takes several dimensions together only when told, and warns that this is new; Optuna 5 warns that
    constraints will be told otherwise in Optuna 7.
    """
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return optuna.samplers.TPESampler(
            seed=seed,
            multivariate=True,
            n_startup_trials=2,
            gamma=lambda trials: min(math.ceil(GOOD * trials), MOST_GOOD),
            constraints_func=lambda trial: tuple(trial.user_attrs[MISSED]),
        )


def is_whole(space: Space, trial: "FrozenTrial") -> bool:
    """Whether it was asked for in all its dimensions: a kill may leave a part."""
    return all(each.key in trial.params for each in space.dimensions)


def key_of(space: Space, params: Params) -> tuple[Value, ...]:
    """The same for the same point."""
    return tuple(params[each.key] for each in space.dimensions)


def all_points(space: Space) -> Iterator[Params]:
    """Every point, where they are few enough to be listed; else none."""
    if space.size > LISTED:
        return
    keys = [each.key for each in space.dimensions]
    for values in itertools.product(*(_values(each) for each in space.dimensions)):
        yield dict(zip(keys, values, strict=True))


def _values(of: Choice | Ladder | Interval) -> Sequence[Value]:
    match of:
        case Choice():
            return of.values
        case Ladder():
            return range(len(of.values))
        case Interval():
            return range(int(of.low), int(of.high) + 1)

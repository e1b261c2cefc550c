"""An Optuna sampler that asks for no point twice. To be imported where Optuna is known to be there."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from thorexp.sweep.sampler import all_points, distributions, is_whole, key_of, random_params
from thorexp.sweep.search_space import Params, Space, Value

PATIENCE = 20  # draws that were tried before, until an untried point is drawn from all that are left


class Unrepeated(BaseSampler):
    """The `first` points, then what another sampler draws: again what was asked for before, and where that does not
    help, from all that is left.
    """

    def __init__(self, space: Space, then: BaseSampler, first: Sequence[Params], seed: int) -> None:
        self._space = space
        self._distributions = distributions(space)
        self._then = then
        self._first = first
        self._seed = seed

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All of it."""
        return self._distributions

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """One value for each dimension."""
        tried = {self._key(each.params) for each in study.get_trials(deepcopy=False) if is_whole(self._space, each)}
        if trial.number < len(self._first) and self._key(self._first[trial.number]) not in tried:
            return dict(self._first[trial.number])
        rng = np.random.default_rng((self._seed, trial.number))
        params: Params = {}
        for _ in range(PATIENCE):
            params = self._then.sample_relative(study, trial, search_space) or random_params(self._space, rng)
            if self._key(params) not in tried:
                return dict(params)
        left = [each for each in all_points(self._space) if self._key(each) not in tried]
        return dict(left[rng.integers(len(left))] if left else params)

    def sample_independent(self, study: Study, trial: FrozenTrial, name: str, of: BaseDistribution) -> Any:
        """Never asked for: every dimension is in the space."""
        raise AssertionError(f"{name} is of no search space")

    def after_trial(self, study: Study, trial: FrozenTrial, state: Any, values: Sequence[float] | None) -> None:
        """The other sampler keeps the constraints."""
        self._then.after_trial(study, trial, state, values)

    def _key(self, params: Params) -> tuple[Value, ...]:
        return key_of(self._space, params)

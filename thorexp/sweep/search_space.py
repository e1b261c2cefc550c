"""What a search chooses from: the swept words of a command line, as dimensions."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException

from thorexp.errors import ConfigError

Value: TypeAlias = int | float | str  # what a sampler draws
Params: TypeAlias = Mapping[str, Value]  # by the key of a dimension


@dataclass(frozen=True, slots=True)
class Choice:
    """Values without an order, as one types them. A value is drawn as it is."""

    key: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.key}: {', '.join(self.values)}"

    @property
    def size(self) -> float:
        """How many values it has."""
        return len(self.values)

    def typed(self, value: Value) -> str:
        """Behind `key=`."""
        return str(value)

    def samples(self) -> tuple[Value, ...]:
        """All of them: each may be a typing error of its own."""
        return self.values


@dataclass(frozen=True, slots=True)
class Ladder:
    """Rising numbers, as one types them. Drawn is the place of one, so that 8, 16 and 32 are equally far apart."""

    key: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        few = self.values if len(self.values) <= 8 else (*self.values[:3], "...", self.values[-1])
        return f"{self.key}: {', '.join(few)}"

    @property
    def size(self) -> float:
        """How many values it has."""
        return len(self.values)

    def typed(self, value: Value) -> str:
        """Behind `key=`."""
        return self.values[int(value)]

    def samples(self) -> tuple[Value, ...]:
        """Its ends."""
        return (0, len(self.values) - 1)


@dataclass(frozen=True, slots=True)
class Interval:
    """All numbers from `low` to `high`, whole ones where these are; `log`: drawn by their order of magnitude."""

    key: str
    low: int | float
    high: int | float
    log: bool

    def __str__(self) -> str:
        return f"{self.key}: {self.low} to {self.high}{', by magnitude' if self.log else ''}"

    @property
    def size(self) -> float:
        """How many values it has; infinite unless they are whole."""
        return self.high - self.low + 1 if isinstance(self.low, int) else math.inf

    def typed(self, value: Value) -> str:
        """Behind `key=`: real numbers to six digits, within the ends."""
        if isinstance(value, float):
            return str(min(max(float(f"{value:.6g}"), self.low), self.high))
        return str(value)

    def samples(self) -> tuple[Value, ...]:
        """Its ends."""
        return (self.low, self.high)


Dimension: TypeAlias = Choice | Ladder | Interval


@dataclass(frozen=True, slots=True)
class Space:
    """`fixed`: words that every point has, as typed."""

    fixed: tuple[str, ...]
    dimensions: tuple[Dimension, ...]

    @property
    def size(self) -> float:
        """How many points it has; infinite with an interval of real numbers."""
        return math.prod(each.size for each in self.dimensions)

    @property
    def is_finite(self) -> bool:
        """Whether its points can be counted."""
        return math.isfinite(self.size)

    def chosen(self, params: Params) -> tuple[str, ...]:
        """The words that set this point apart."""
        return tuple(f"{each.key}={each.typed(params[each.key])}" for each in self.dimensions)

    def words(self, params: Params) -> tuple[str, ...]:
        """The point as a command line has it."""
        return (*self.fixed, *self.chosen(params))

    def samples(self) -> Iterator[Params]:
        """The point of all first values; then, one at a time, other values in its place."""
        first: Params = {each.key: each.samples()[0] for each in self.dimensions}
        yield first
        for each in self.dimensions:
            yield from ({**first, each.key: value} for value in each.samples()[1:])


def space_of(overrides: Iterable[Override]) -> Space:
    """By what is swept among them; of a key that comes twice the last counts. ConfigError when nothing is swept."""
    last = {override.get_key_element(): override for override in overrides}
    found = [_dimension(key, override) for key, override in last.items() if override.is_sweep_override()]
    fixed = [str(override.input_line) for override in last.values() if not override.is_sweep_override()]
    # A sweep of one value leaves no choice.
    fixed += [f"{each.key}={each.typed(each.samples()[0])}" for each in found if each.size == 1]
    dimensions = tuple(each for each in found if each.size > 1)
    if not dimensions:
        raise ConfigError(
            "A search has nothing to choose from.",
            ("try", "a key with several values: engine.max_num_seqs=8,16,32"),
            ("or", "hydra/sweeper=thorexp, which runs what is asked for"),
        )
    return Space(tuple(fixed), dimensions)


def _dimension(key: str, override: Override) -> Dimension:
    swept = override.value()
    if isinstance(swept, IntervalSweep):
        return _interval(key, swept)
    try:
        if isinstance(swept, RangeSweep):
            values: Sequence[Any] = tuple(_range(swept))
            words = tuple(map(str, values))
        else:
            words, values = tuple(override.sweep_string_iterator()), tuple(override.sweep_iterator())
    except (HydraException, ValueError) as wrong:
        raise ConfigError(f"{override.input_line} cannot be enumerated.", ("says", str(wrong))) from None
    if not words:
        raise ConfigError(f"{override.input_line} has no value.", ("try", f"{key}=8,16,32 or {key}=range(8,33,8)"))
    by_word = dict(zip(words, values, strict=True))
    if all(map(_is_number, values)):
        return Ladder(key, tuple(sorted(by_word, key=lambda word: float(by_word[word]))))
    return Choice(key, tuple(by_word))


def _range(swept: RangeSweep) -> Iterator[int | float]:
    """As in Python up to the stop and without it; in decimals as typed, for in binary 0.5 + 3 x 0.1 is below 0.8."""
    start, stop, step = (Decimal(str(each)) for each in (swept.start, swept.stop, swept.step))
    if step == 0:
        raise ValueError("a step of 0")
    for i in range(max(0, math.ceil((stop - start) / step))):
        value = start + i * step
        yield int(value) if all(isinstance(each, int) for each in (swept.start, swept.step)) else float(value)


def _interval(key: str, swept: IntervalSweep) -> Interval:
    """As Hydra has it: `low` <= value < `high`; of whole numbers, so, up to the last one before."""
    low, end = swept.start, swept.end
    if low is None or end is None or not math.isfinite(low) or not math.isfinite(end) or not low < end:
        raise ConfigError(f"{key}=interval({low},{end}) has no value.", ("try", f"{key}=interval(0.5,0.9)"))
    is_log = "log" in swept.tags
    if is_log and low <= 0:
        raise ConfigError(
            f"{key}: a logarithm of {low} does not exist.", ("try", f"{key}=tag(log,interval(0.1,{end}))")
        )
    return Interval(key, low, end - 1 if isinstance(low, int) and isinstance(end, int) else end, is_log)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)

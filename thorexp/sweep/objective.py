"""What a search is after: a metric, and the limits that a point has to keep."""

import difflib
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from thorexp.errors import ConfigError
from thorexp.measure.stats import percentile_word
from thorexp.report import COUNTS, LATENCIES

DEFAULT = "output_throughput"
OURS = (
    "mfu_percent", "mbu_percent", "mbu_uniform_routing_percent", "energy_j", "mean_power_w", "idle_power_w",
    "energy_above_idle_j", "energy_per_output_token_j", "energy_above_idle_per_output_token_j", "energy_per_request_j",
    "energy_above_idle_per_request_j", "tokens_per_s_per_w", "hottest_c", "throttle_events", "throttled_percent",
    "prefix_cache_hit_rate_percent", "preemptions", "mean_server_queue_ms", "kv_cache_used_percent",
    "goodput_percent", "unsent_requests", "tokens_per_chunk", "client_cpu_percent", "late_tokens_percent",
)  # fmt: skip
FROM_SCHEDULE = ("ttft_from_schedule", "e2el_from_schedule", "schedule_lag")  # of an open loop, in ms


@dataclass(frozen=True, slots=True)
class Limit:
    """At most, or at least, that much of a metric."""

    metric: str
    bound: float
    is_most: bool

    def missed(self, value: float) -> float:
        """By how much, as a share of the bound; kept where it is 0 or below."""
        over = value - self.bound if self.is_most else self.bound - value
        return over / (abs(self.bound) or 1.0)

    def __str__(self) -> str:
        return f"{self.metric} {'≤' if self.is_most else '≥'} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Aim:
    """The best of `metric` among the points that keep all limits; with `valid` those alone whose verdict is VALID."""

    metric: str
    maximize: bool
    limits: tuple[Limit, ...]
    valid: bool

    @property
    def metrics(self) -> tuple[str, ...]:
        """All that it looks at, once each."""
        return tuple(dict.fromkeys((self.metric, *(limit.metric for limit in self.limits))))

    def __str__(self) -> str:
        kept = [*map(str, self.limits), *(["verdict VALID"] if self.valid else [])]
        under = f" with {', '.join(kept)}" if kept else ""
        return f"{'most' if self.maximize else 'least'} {self.metric}{under}"


def aim_of(
    maximize: str | None,
    minimize: str | None,
    at_most: Mapping[str, object],
    at_least: Mapping[str, object],
    valid: bool,
    percentiles: Sequence[float],
) -> Aim:
    """As asked for under hydra.sweeper; output throughput where neither says what for.

    `percentiles`: those that results will have. ConfigError for what no result has, or a bound that is no number.
    """
    if maximize is not None and minimize is not None:
        raise ConfigError(
            "A search has one objective.",
            ("where", f"hydra.sweeper.maximize={maximize} hydra.sweeper.minimize={minimize}"),
            ("try", f"hydra.sweeper.at_most={{{minimize}:...}} in place of hydra.sweeper.minimize"),
        )
    known = frozenset(metric_names(percentiles))
    limits = [_limit("at_most", *each) for each in at_most.items()]
    limits += [_limit("at_least", *each) for each in at_least.items()]
    key = "maximize" if minimize is None else "minimize"
    found = Aim(minimize or maximize or DEFAULT, minimize is None, tuple(limits), valid)
    _check(found.metric, f"hydra.sweeper.{key}", known)
    for limit in limits:
        _check(limit.metric, f"hydra.sweeper.{'at_most' if limit.is_most else 'at_least'}", known)
    return found


def metric_names(percentiles: Sequence[float]) -> Iterator[str]:
    """What a result may have, by vLLM's names and ours; some of it only where a sensor or the server tells it."""
    yield from (key for _, key in COUNTS)
    for section in LATENCIES:
        yield from _statistics(section.key, percentiles)
    for name in FROM_SCHEDULE:
        yield from _statistics(name, percentiles)
    yield from OURS


def _statistics(name: str, percentiles: Sequence[float]) -> Iterator[str]:
    words = ("mean", "median", "std", *map(percentile_word, percentiles))
    return (f"{word}_{name}_ms" for word in words)


def _limit(key: str, metric: str, bound: object) -> Limit:
    if isinstance(bound, bool) or not isinstance(bound, int | float) or not math.isfinite(bound):
        raise ConfigError(
            f"hydra.sweeper.{key}.{metric}={bound} is no number.", ("try", f"hydra.sweeper.{key}={{{metric}:2000}}")
        )
    return Limit(str(metric), float(bound), key == "at_most")


def _check(metric: str, key: str, known: Iterable[str]) -> None:
    """What MLflow shows under `system/` and the figures of a stage are there as MLflow names them."""
    name = metric.removeprefix("system/")
    if name in known or name.startswith("stages/"):
        return
    percentile = re.fullmatch(r"p([\d.]+)_(.+)_ms", name)
    if percentile is not None and f"median_{percentile[2]}_ms" in known:
        tries = f"metrics.percentiles=[...,{percentile[1]}], for results have it only where it is asked for"
    else:
        tries = " or ".join(difflib.get_close_matches(name, sorted(known), n=3)) or f"{key}={DEFAULT}"
    raise ConfigError(f"No result has a metric {metric}.", ("where", key), ("try", tries))

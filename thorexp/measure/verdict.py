"""May a number be believed; if not, why, and what to do."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

Standing = Literal["VALID", "SUSPECT", "INVALID"]
# imported: measured by others; rehearsed: of a tiny model that stands for another
Origin = Literal["measured", "simulated", "imported", "rehearsed"]
WORSE: tuple[Standing, ...] = ("VALID", "SUSPECT", "INVALID")
MARKS: Mapping[Standing, str] = {"VALID": "", "SUSPECT": "?", "INVALID": "!"}  # behind a number in a table
# Behind a number in a table, which nobody measured of the model or the board that it stands beside.
UNREAL: Mapping[Origin, str] = {"simulated": "~", "rehearsed": "^"}
ALL = "all"  # every metric of a result
# All that divides work by time or energy, and so is wrong of work that was not done.
WORK_DONE = ("throughput", "goodput", "tokens_per_s", "energy")


@dataclass(frozen=True)
class Thresholds:
    """What is still believed. A number beyond it is kept, and marked."""

    below_limit: float
    """[share] That a latency may be read below the limit of the hardware, for clocks above the datasheet's."""
    cache_hits: float
    """[share] Of looked up tokens that may be found, beyond what the workload itself repeats."""
    failed: float
    """[share] Of all requests, above which a result is INVALID; below it SUSPECT."""
    client_lag: float
    """[share] Of TTFT, that the client may add to it."""
    client_cpu: float
    """[share] Of the one core that the client has."""
    one_read: float
    """[share] Of tokens, that came in one read with the token before, or may be stamped late."""
    server_queue: float
    """[share] Of TTFT, spent in the server's own queue."""
    kv_cache: float
    """[share] Of its blocks, in use at the worst moment."""
    throttled: float
    """[share] Of the load, during which the machine slowed itself down."""
    drift: float
    """[share] Between the first half of the requests and the second."""
    spread: float
    """[share] Between repeats, (largest − smallest) / median."""
    accept: list[str] = field(default_factory=list)
    """Names of reasons that are known and do not count."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a number is not to be believed as it stands.

    `metrics`: what it touches, by words of a result's keys: `ttft` is all of `median_ttft_ms`, `p99_ttft_ms`, …, and a
    whole key itself; `all` everything. `evidence` in numbers; `remedy` as one would do or type it.
    """

    name: str
    standing: Standing
    metrics: tuple[str, ...]
    evidence: str
    remedy: str

    def touches(self, key: str) -> bool:
        """Whether a number of a result, by its key, is one of those that it is about."""
        return any(word in (ALL, key) or re.search(rf"(^|_){re.escape(word)}(_|$)", key) for word in self.metrics)


@dataclass(frozen=True, slots=True)
class Verdict:
    """On one result: the reasons against it, those that its user accepts (`verdict.accept`), and where it is from."""

    reasons: tuple[Reason, ...] = ()
    accepted: tuple[Reason, ...] = ()
    origin: Origin = "measured"

    @property
    def standing(self) -> Standing:
        """The worst of its reasons; VALID without any."""
        return _worst(self.reasons)

    @property
    def words(self) -> str:
        """The standing; before it the origin, where that is another than our own measuring: `SIMULATED, VALID`."""
        return self.standing if self.origin == "measured" else f"{self.origin.upper()}, {self.standing}"

    def as_json(self) -> dict[str, Any]:
        """Standing, reasons, what is accepted and origin, as JSON takes it; `from_json` gives it back."""
        return {"standing": self.standing, **asdict(self)}

    def with_reason(self, reason: Reason) -> "Verdict":
        """With one reason more."""
        return replace(self, reasons=verdict((*self.reasons, reason)).reasons)

    def of(self, key: str) -> Standing:
        """The standing of one number of the result, by its key."""
        return _worst(reason for reason in self.reasons if reason.touches(key))


def verdict(reasons: Iterable[Reason], accept: Iterable[str] = (), origin: Origin = "measured") -> Verdict:
    """The reasons weighed, the worst first; else in their order."""
    accepted = frozenset(accept)
    ranked = sorted(reasons, key=lambda reason: -WORSE.index(reason.standing))
    return Verdict(
        tuple(reason for reason in ranked if reason.name not in accepted),
        tuple(reason for reason in ranked if reason.name in accepted),
        origin,
    )


def standing_of(found: Verdict | None, key: str) -> Standing:
    """Of one number of a result, by its key; SUSPECT where nobody judged it."""
    return "SUSPECT" if found is None else found.of(key)


def joined(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Each name once, the worst first: at its worst, or the first of equals, and about all that any of it is about."""
    kinds: dict[str, Reason] = {}
    for reason in verdict(reasons).reasons:
        worst = kinds.get(reason.name, reason)
        kinds[reason.name] = replace(worst, metrics=tuple(dict.fromkeys((*worst.metrics, *reason.metrics))))
    return tuple(kinds.values())


def from_json(values: Mapping[str, Any]) -> Verdict:
    """What `as_json` wrote; measured where it says no origin, KeyError for a word that is no standing or no origin."""
    reasons, accepted = (tuple(map(_reason, values[kind])) for kind in ("reasons", "accepted"))
    return Verdict(reasons, accepted, origin_of(values))


def origin_of(values: Mapping[str, Any]) -> Origin:
    """What a record says under "origin"; measured where it says nothing, KeyError for a word that is no origin."""
    origin: Origin = values.get("origin", "measured")
    if origin not in get_args(Origin):
        raise KeyError(origin)
    return origin


def _reason(values: Mapping[str, Any]) -> Reason:
    if values["standing"] not in WORSE:
        raise KeyError(values["standing"])
    return Reason(**{**values, "metrics": tuple(values["metrics"])})


def _worst(reasons: Iterable[Reason]) -> Standing:
    return max((reason.standing for reason in reasons), key=WORSE.index, default="VALID")

"""Part of a run as a run of its own."""

import math
from dataclasses import asdict, dataclass, replace

from thorexp.errors import ConfigError, LoadError
from thorexp.measure.records import RequestRecord, RunRecord

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Exclusion:
    """What is left out at either end of a run, as `load.exclude_first` and the like say.

    `first`, `last`: so many requests, in the order of their sending. `first_s`, `last_s`: so many seconds from the
    run's start, and before its end. Where both are given, the one that leaves out more holds.
    """

    first: int = 0
    first_s: float = 0.0
    last: int = 0
    last_s: float = 0.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 <= value < math.inf:
                raise ConfigError(
                    f"load.exclude_{name}={value} cannot be left out of a load.",
                    ("try", f"load.exclude_{name}=0, which leaves nothing out"),
                )

    def __str__(self) -> str:
        """The settings that leave something out, as typed."""
        return " ".join(f"load.exclude_{name}={value}" for name, value in asdict(self).items() if value)


def steady(run: RunRecord, exclusion: Exclusion) -> RunRecord:
    """The run between its ramp-up and its tail: the requests sent in [a, b), as a run from a to b.

    a: run.start, where the head is whole; else the later of start + first_s and of the sending of the first
    request that is not left out. b: run.end, where the tail is whole; else the earlier of end − last_s and of the
    sending of the first of the `last` requests. One that was never sent is always counted.

    By time of sending, because in a steady state as many requests are sent in a window as end in it, so that
    throughput over it is unbiased: one sent before b that ended after it counts whole, for the one that was sent
    before a and does not. Counting only those that lie in the window as a whole would favour short ones.

    LoadError when that leaves nothing.
    """
    if exclusion == Exclusion():
        return run
    order = sorted((record for record in run.requests if record.sent_ns is not None), key=_sent_ns)
    kept = order[exclusion.first : max(len(order) - exclusion.last, 0)]
    if not kept:
        raise _nothing_left(run, exclusion)
    start_ns, end_ns = run.start_ns, run.end_ns
    if exclusion.first or exclusion.first_s:
        start_ns = max(run.start_ns + _ns(exclusion.first_s), _sent_ns(kept[0]))
    if exclusion.last or exclusion.last_s:
        end_ns = run.end_ns - _ns(exclusion.last_s)
    if exclusion.last:
        end_ns = min(end_ns, _sent_ns(order[-exclusion.last]))
    requests = tuple(record for record in run.requests if record.sent_ns is None or start_ns <= record.sent_ns < end_ns)
    if not requests:
        raise _nothing_left(run, exclusion)
    return replace(run, start_ns=start_ns, end_ns=end_ns, requests=requests)


def of_stage(run: RunRecord, stage: int) -> RunRecord:
    """One stage of a whole run, from its begin until its last request had ended."""
    played = run.stages[stage]
    requests = tuple(record for record in run.requests if record.stage == stage)
    return replace(run, start_ns=played.start_ns, end_ns=played.end_ns, requests=requests)


def _sent_ns(record: RequestRecord) -> int:
    return record.released_ns if record.sent_ns is None else record.sent_ns


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)


def _nothing_left(run: RunRecord, exclusion: Exclusion) -> LoadError:
    return LoadError(
        "Nothing of the load is left to be measured.",
        ("left out", str(exclusion)),
        ("of", f"{len(run.requests)} requests in {(run.end_ns - run.start_ns) / NS_PER_S:.1f} s"),
        ("try", "a longer load, or to leave out less of it"),
    )

"""What backs the numbers of a load: verdict, use of the hardware, energy."""

from dataclasses import dataclass, replace

from thorexp.found import findings
from thorexp.left import Left
from thorexp.measure.energy import Energy, energy_of
from thorexp.measure.findings import judge
from thorexp.measure.heat import Throttling, hottest
from thorexp.measure.limits import (
    Utilization,
    decoding_of,
    mean_lengths,
    utilization,
)
from thorexp.measure.metrics import output_tokens
from thorexp.measure.position import Position, position
from thorexp.measure.power import Power, power_of
from thorexp.measure.reuse import Reuse, reuse_of
from thorexp.measure.verdict import Verdict
from thorexp.prepare import PreparedJob
from thorexp.rooflines import roofline
from thorexp.watching import gpus_of


@dataclass(frozen=True, slots=True)
class Trust:
    """What backs the numbers of a load. Each is absent where nothing tells.

    `reusable_tokens`: what a prefix cache could find of it. `hottest`: a sensor and its highest reading in °C.
    `sampling`: what telling all this cost of a core.
    """

    verdict: Verdict
    utilization: Utilization
    position: Position
    reusable_tokens: int | None
    power: Power | None
    energy: Energy | None
    hottest: tuple[str, float] | None
    throttling: Throttling | None
    sampling: float | None


def trust(job: PreparedJob, left: Left) -> Trust:
    """All that can be said of a load beside its figures."""
    limits = roofline(job.config, job.args)
    reuse = reuse_of(job.plan, left.sent, left.block)
    decoding = decoding_of(left.good, left.summary.duration_s)
    prefilled = _prefilled(left, reuse)
    used = utilization(left.summary, limits, prefilled=prefilled, decoding=decoding)
    power, energy = _energy(job, left)
    found = findings(job, left, limits, reuse, used, power)
    return Trust(
        verdict=replace(judge(found, job.config.verdict), origin=left.origin),
        utilization=used,
        position=position(left.summary, limits, prefilled=prefilled, decoding=decoding),
        reusable_tokens=None if reuse is None else reuse.total,
        power=power,
        energy=energy,
        hottest=hottest(left.during),
        throttling=left.throttling,
        sampling=left.during.cpu_share,
    )


def _prefilled(left: Left, reuse: Reuse | None) -> float | None:
    """Tokens of a mean prompt that no cache held, as the server counts, or as the workload has it that repeats nothing.

    Absent where hits cannot be told apart: those of requests that do not count, or more than prompts have tokens, of
    requests that were looked up again.
    """
    lengths = mean_lengths(left.summary)
    if lengths is None:
        return None
    if left.cache is None:
        return lengths[0] if reuse is not None and reuse.total == 0 else None
    if left.cache.hits and left.counting is not left.played:
        return None
    computed = lengths[0] - left.cache.hits / left.summary.completed
    return computed if computed > 0 else None


def _energy(job: PreparedJob, left: Left) -> tuple[Power | None, Energy | None]:
    """Of the whole load, what `load.exclude_*` leaves out too."""
    played, power = left.played, power_of(left.telemetry, gpus_of(job.config))
    if power is None:
        return None, None
    good = [record for record in played.requests if record.ok]
    span = (played.start_ns, played.end_ns)
    return power, energy_of(power, span, left.watched.idle, sum(map(output_tokens, good)), len(good))

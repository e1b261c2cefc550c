"""Ends a load that cannot reach what was asked of it any more."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from thorexp.load.exchange import Exchange, Newcomers
from thorexp.measure.metrics import Slo, is_good

LEAST_ENDED = 20  # before a share of what has ended means anything


@dataclass(frozen=True, slots=True)
class StopWhen:
    """`error_rate`: the largest share of requests that may fail. `goodput`: the smallest share that must keep every
    limit of `slo`. Absent ones stop nothing.
    """

    error_rate: float | None = None
    goodput: float | None = None
    slo: Slo = field(default_factory=Slo)

    @property
    def is_set(self) -> bool:
        """Whether anything stops a load."""
        return self.error_rate is not None or self.goodput is not None


class Stopper:
    """Told what has `begun`, of a load of `total` requests. No forecast: it speaks when even if all that is left
    went well, the share would be missed. Where the total is not known, the share is of what has ended.
    """

    def __init__(self, when: StopWhen, begun: Sequence[Exchange], total: int | None) -> None:
        self._when = when
        self._newcomers = Newcomers(begun)
        self._total = total
        self._flying: list[Exchange] = []
        self._ended = self._failed = self._bad = 0

    def reason(self) -> str | None:
        """Why the load is to end; absent while it may go on."""
        flying: list[Exchange] = []
        landed: list[Exchange] = []
        for exchange in (*self._flying, *self._newcomers.take()):
            (landed if exchange.ended else flying).append(exchange)
        self._flying = flying
        self._ended += len(landed)
        for record in (exchange.record() for exchange in landed):
            self._failed += not record.ok
            self._bad += not (record.ok and is_good(record, self._when.slo))
        if self._total is None and self._ended < LEAST_ENDED:
            return None
        total = self._ended if self._total is None else self._total
        return self._errors(total) or self._missed(total)

    def _errors(self, total: int) -> str | None:
        most = self._when.error_rate
        if most is None or self._failed <= most * total:
            return None
        return f"{self._failed} of {total} requests failed, load.stop_when.error_rate={most:g}"

    def _missed(self, total: int) -> str | None:
        least = self._when.goodput
        if least is None or total - self._bad >= least * total:
            return None
        return f"{self._bad} of {total} requests missed the SLO, load.stop_when.goodput={least:g}"

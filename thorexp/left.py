"""What a load that was played has left behind."""

from dataclasses import dataclass
from functools import cached_property

from thorexp.cold import Coldness, Metrics
from thorexp.machine.server_metrics import KV_CACHE
from thorexp.machine.throttle import is_counter
from thorexp.measure.heat import Throttling, throttling
from thorexp.measure.metrics import Summary
from thorexp.measure.records import RequestRecord, RunRecord
from thorexp.measure.signals import Telemetry
from thorexp.measure.verdict import Origin
from thorexp.samples import Sample
from thorexp.serve.engine_counters import EngineCounters, counters
from thorexp.serve.prefix_cache import PrefixCache, block_size
from thorexp.serve.said import Model
from thorexp.watching import Watched

BLOCK = 16  # tokens of a KV cache block, where the server does not say


@dataclass(frozen=True)
class Left:
    """By a load that was played. `counting`: the part of it that `summary` is of. `before`, `after`: the server's
    metrics, absent where it has none. `log`: what it printed since its start; empty where nobody sees it. `samples`:
    none of a model that has nothing to say. `version`: of vLLM, where the server says one. `model`: that it says to
    serve.
    """

    played: RunRecord
    counting: RunRecord
    summary: Summary
    coldness: Coldness
    before: Metrics | None
    after: Metrics | None
    log: str
    samples: tuple[Sample, ...]
    watched: Watched
    origin: Origin = "measured"
    version: str | None = None
    model: Model | None = None

    @property
    def cache(self) -> PrefixCache | None:
        """Lookups and hits of this load alone; absent where they are not counted."""
        if self.before is None or self.after is None or self.before.cache is None or self.after.cache is None:
            return None
        return self.after.cache - self.before.cache

    @cached_property
    def counted(self) -> EngineCounters:
        """What the server did meanwhile; all of it absent where it does not count."""
        before, after = (None if page is None else counters(page.page) for page in (self.before, self.after))
        return EngineCounters() if before is None or after is None else after - before

    @property
    def block(self) -> int:
        """Tokens of a block of the server's KV cache."""
        return (self.after and block_size(self.after.page)) or BLOCK

    @cached_property
    def sent(self) -> frozenset[int]:
        """Requests of the load that went out, by index."""
        return frozenset(record.index for record in self.played.requests if record.sent_ns is not None)

    @cached_property
    def good(self) -> tuple[RequestRecord, ...]:
        """The successes that count."""
        return tuple(record for record in self.counting.requests if record.ok)

    @property
    def telemetry(self) -> Telemetry:
        """All that was sampled, from the warm-up on; empty where nothing was."""
        return self.watched.telemetry or Telemetry()

    @cached_property
    def during(self) -> Telemetry:
        """What was sampled of the load alone."""
        return self.telemetry.within(self.played.start_ns, self.played.end_ns)

    @property
    def kv_cache_percent(self) -> float | None:
        """The most of the KV cache that was in use; absent where the server does not say."""
        used = self.during.signals.get(KV_CACHE)
        return used.largest if used else None

    @cached_property
    def throttling(self) -> Throttling | None:
        """What slowed the machine down meanwhile; absent where nothing tells."""
        return throttling(self.telemetry, self.played.start_ns, self.played.end_ns, is_counter)

"""What a load looks like while it is played, from reads that nobody has decoded yet."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what is shown needs no HTTP client
    from thorexp.load.client import Exchange

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000

# As vLLM writes them. [DONE] is no JSON, and the usage message is the one without choices.
MESSAGE = b"data: {"
USAGE = b'"choices":[]'


@dataclass(frozen=True, slots=True)
class LoadState:
    """A load at one moment, for the eye alone: never recorded.

    `done`: requests that have ended, the `failed` ones among them. `tokens_per_s`: since the look before; absent
    until the first token. `ttft_ms` and `tpot_ms`: means over the requests that last ended well; absent until
    one has.
    """

    done: int
    failed: int
    total: int
    tokens_per_s: float | None
    ttft_ms: float | None
    tpot_ms: float | None


class Onlooker:
    """Looks at a load again and again; a look costs what has come since the one before.

    It is told of each request, in the order of the plan, how to ask whether it has ended. It may look from
    another thread than the load's, from one at a time.
    """

    def __init__(self, requests: "Iterable[tuple[Exchange, Callable[[], bool]]]", start_ns: int) -> None:
        self._waiting = deque(_Flight(exchange, ended) for exchange, ended in requests)
        self._flying: list[_Flight] = []
        self._total = len(self._waiting)
        self._done = self._failed = self._tokens = 0
        self._ttft_ms: float | None = None
        self._tpot_ms: float | None = None
        self._looked_ns = start_ns

    def look(self, now_ns: int) -> LoadState:
        """The load as it is now."""
        while self._waiting and self._waiting[0].has_begun():
            self._flying.append(self._waiting.popleft())
        ended = [flight.ended() for flight in self._flying]  # asked first: once it has, all its reads are there
        tokens = sum(flight.new_tokens() for flight in self._flying)
        self._land(list(compress(self._flying, ended)))
        self._flying = [flight for flight, over in zip(self._flying, ended, strict=True) if not over]
        return LoadState(
            self._done, self._failed, self._total, self._rate(tokens, now_ns), self._ttft_ms, self._tpot_ms
        )

    def _land(self, landed: "list[_Flight]") -> None:
        well = [flight for flight in landed if not flight.failed]
        self._done += len(landed)
        self._failed += len(landed) - len(well)
        self._ttft_ms = _mean((flight.ttft_ms for flight in well), self._ttft_ms)
        self._tpot_ms = _mean((flight.tpot_ms for flight in well), self._tpot_ms)

    def _rate(self, tokens: int, now_ns: int) -> float | None:
        passed_s = (now_ns - self._looked_ns) / NS_PER_S
        self._looked_ns = now_ns
        self._tokens += tokens
        return tokens / passed_s if self._tokens and passed_s > 0 else None


@dataclass(slots=True)
class _Flight:
    """A request, and how much of it was seen."""

    exchange: "Exchange"
    ended: Callable[[], bool]
    reads_seen: int = 0
    tokens: int = 0

    def has_begun(self) -> bool:
        return self.exchange.sent_ns is not None or self.ended()

    def new_tokens(self) -> int:
        reads = self.exchange.reads[self.reads_seen :]
        data = b"".join([read.data for read in reads])
        tokens = data.count(MESSAGE) - data.count(USAGE)
        self.reads_seen += len(reads)
        self.tokens += tokens
        return tokens

    @property
    def failed(self) -> bool:
        return self.exchange.error is not None or not self.exchange.reads

    @property
    def ttft_ms(self) -> float | None:
        sent_ns = self.exchange.sent_ns
        return None if sent_ns is None else (self.exchange.reads[0].at_ns - sent_ns) / NS_PER_MS

    @property
    def tpot_ms(self) -> float | None:
        if self.tokens < 2:
            return None
        first, last = self.exchange.reads[0], self.exchange.reads[-1]
        return (last.at_ns - first.at_ns) / NS_PER_MS / (self.tokens - 1)


def _mean(values: Iterable[float | None], otherwise: float | None) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else otherwise

"""What a load looks like while it is played, from reads that nobody has decoded yet."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import compress

from thorexp.load.exchange import Exchange, Newcomers

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000

# As vLLM writes them. [DONE] is no JSON, and the usage message is the one without choices.
MESSAGE = b"data: {"
USAGE = b'"choices":[]'


@dataclass(frozen=True, slots=True)
class LoadState:
    """A load at one moment, for the eye alone: never recorded.

    `total`: absent where it depends on what the server manages. `done`: requests that have ended, the `failed` ones
    among them. `tokens_per_s`: since the look before; absent until the first token. `ttft_ms` and `tpot_ms`: means
    over the requests that last ended well; absent until one has. `over`: whether there is nothing more to come,
    though not all may be done. `simulated`: whether no server was measured.
    """

    done: int
    failed: int
    total: int | None
    tokens_per_s: float | None
    ttft_ms: float | None
    tpot_ms: float | None
    over: bool = False
    simulated: bool = False


class Onlooker:
    """Looks at a load again and again; a look costs what has come since the one before.

    It is told of what has `begun`, a list that grows, of `total` requests where that is known. It may look from
    another thread than the load's, from one at a time.
    """

    def __init__(self, begun: Sequence[Exchange], total: int | None, start_ns: int) -> None:
        self._newcomers = Newcomers(begun)
        self._flying: list[_Flight] = []
        self._total = total
        self._done = self._failed = self._tokens = 0
        self._ttft_ms: float | None = None
        self._tpot_ms: float | None = None
        self._looked_ns = start_ns

    def look(self, now_ns: int, *, over: bool = False) -> LoadState:
        """The load as it is now."""
        self._flying += map(_Flight, self._newcomers.take())
        ended = [flight.exchange.ended for flight in self._flying]  # asked first: once it has, all its reads are there
        tokens = sum(flight.new_tokens() for flight in self._flying)
        self._land(list(compress(self._flying, ended)))
        self._flying = [flight for flight, landed in zip(self._flying, ended, strict=True) if not landed]
        return LoadState(
            self._done, self._failed, self._total, self._rate(tokens, now_ns), self._ttft_ms, self._tpot_ms, over
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

    exchange: Exchange
    reads_seen: int = 0
    tokens: int = 0

    def new_tokens(self) -> int:
        reads = self.exchange.reads[self.reads_seen :]
        data = b"".join([data for _, data in reads])
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
        return None if sent_ns is None else (self.exchange.reads[0][0] - sent_ns) / NS_PER_MS

    @property
    def tpot_ms(self) -> float | None:
        if self.tokens < 2:
            return None
        (first, _), (last, _) = self.exchange.reads[0], self.exchange.reads[-1]
        return (last - first) / NS_PER_MS / (self.tokens - 1)


def _mean(values: Iterable[float | None], otherwise: float | None) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else otherwise

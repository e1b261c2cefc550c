"""How long is waited for the parts of an answer."""

from collections.abc import Iterator
from dataclasses import dataclass

from thorexp.load.exchange import Exchange

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, from sending to the first token, from one read to the next, and for all of a request.

    Absent for as long as it takes. `speedup`: how much shorter they are than they were asked for.
    """

    connect_s: float | None = 30.0
    first_token_s: float | None = None
    idle_s: float | None = None
    total_s: float | None = 21600.0
    speedup: float = 1.0

    def faster(self, speedup: float) -> "Timeouts":
        """For a server whose time passes that much faster; to connect takes what it takes."""
        waits = (self.first_token_s, self.idle_s, self.total_s)
        first_token_s, idle_s, total_s = (None if wait_s is None else wait_s / speedup for wait_s in waits)
        return Timeouts(self.connect_s, first_token_s, idle_s, total_s, speedup)


@dataclass(frozen=True, slots=True, order=True)
class Deadline:
    """When it is too late, and what to say then."""

    at_ns: int
    words: str


def deadline(exchange: Exchange, begun_ns: int, timeouts: Timeouts) -> Deadline | None:
    """The next one of a request that began then; absent where nothing limits it."""
    return min(_deadlines(exchange, begun_ns, timeouts), default=None)


def look_again_s(due: Deadline | None, now_ns: int, timeouts: Timeouts) -> float | None:
    """From now until the next deadline, or until one could be that is not there yet; absent where nothing limits."""
    to_come = [limit_s for limit_s in (timeouts.first_token_s, timeouts.idle_s) if limit_s is not None]
    left = [] if due is None else [(due.at_ns - now_ns) / NS_PER_S]
    return min([*left, *to_come], default=None)


def _deadlines(exchange: Exchange, begun_ns: int, timeouts: Timeouts) -> Iterator[Deadline]:
    waits = [("its end", "timeout_s", begun_ns, timeouts.total_s)]
    if exchange.reads:
        waits.append(("the next token", "idle_timeout_s", exchange.reads[-1][0], timeouts.idle_s))
    elif exchange.sent_ns is not None and exchange.streamed:
        waits.append(("the first token", "first_token_timeout_s", exchange.sent_ns, timeouts.first_token_s))
    for what, key, since_ns, limit_s in waits:
        if limit_s is not None:
            yield Deadline(
                since_ns + round(limit_s * NS_PER_S),
                f"{what} did not come within endpoint.{key}={limit_s * timeouts.speedup:g}",
            )

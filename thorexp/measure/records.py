"""What happened to one request, and to a whole load."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request, played. Times are integer nanoseconds of the run's one monotonic clock.

    `scheduled_ns`: when the plan wanted it. `released_ns`: when the client woke for it. `sent_ns`: when its
    last bytes went to the socket; absent if it never got that far. `token_ns`: the arrival of each chunk
    that carried tokens, so the first is the first token and the last the end; empty without any.
    `chunk_tokens`: how many tokens each of these carried; absent where the server does not say.
    `input_tokens`, `output_tokens`: as the server's usage says; absent where it said nothing. `error`: absent
    for a success, else what failed, in the server's own words where it had any. `streamed`: false where the
    answer came in one piece, whose arrival is then all of `token_ns`. `stage`: its place among the plan's.
    """

    index: int
    scheduled_ns: int
    released_ns: int
    sent_ns: int | None
    token_ns: tuple[int, ...]
    input_tokens: int | None
    output_tokens: int | None
    finish_reason: str | None
    text: str
    error: str | None
    chunk_tokens: tuple[int, ...] | None = None
    reasoning: str = ""
    streamed: bool = True
    stage: int = 0

    @property
    def ok(self) -> bool:
        """Whether it counts: at least one token chunk, and no error."""
        return self.error is None


@dataclass(frozen=True, slots=True)
class StageRecord:
    """When a stage of the load was played: from its begin until its last request had ended."""

    name: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A whole load, played: from just before the first dispatch until every request had ended.

    `loop_lag_ns`: how late the client's event loop was, asked every 10 ms; `held_ns`: from when to when, where that
    was 2 ms or more. `stopped`: why the load was ended
    before its plan was; absent when it was not. `cpu_share`: the CPU time of the client's process meanwhile over
    the time that passed, 1 being a whole core; absent where nobody asked.
    """

    start_ns: int
    end_ns: int
    requests: tuple[RequestRecord, ...]
    stages: tuple[StageRecord, ...] = ()
    loop_lag_ns: tuple[int, ...] = ()
    stopped: str | None = None
    cpu_share: float | None = None
    held_ns: tuple[tuple[int, int], ...] = ()

"""What happened to one request."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request, played. Times are integer nanoseconds of the run's one monotonic clock.

    `scheduled_ns`: when the plan wanted it. `released_ns`: when the client woke for it. `sent_ns`: when its
    last bytes went to the socket; absent if it never got that far. `token_ns`: the arrival of each chunk
    that carried tokens, so the first is the first token and the last the end; empty without any.
    `input_tokens`, `output_tokens`: as the server's usage says; absent where it said nothing. `error`: absent
    for a success, else what failed, in the server's own words where it had any.
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

    @property
    def ok(self) -> bool:
        """Whether it counts: at least one token chunk, and no error."""
        return self.error is None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A whole load, played: from just before the first dispatch until every request had ended."""

    start_ns: int
    end_ns: int
    requests: tuple[RequestRecord, ...]

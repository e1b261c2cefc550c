"""A request in flight: what is stamped while it runs, decoded only afterwards."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from thorexp.load.chunked import Malformed, Read, dechunked
from thorexp.load.sse import Stream, decode, decode_whole
from thorexp.measure.records import RequestRecord


@dataclass(slots=True)
class Exchange:
    """Times in ns; `sent_ns` is absent while its last bytes have not gone out. `reads`: what came and when, of a
    body that is still in chunks where it was `tapped`. Its `error` is complete when it has `ended`.
    """

    index: int
    body: bytes
    scheduled_ns: int
    stage: int = 0
    streamed: bool = True
    begun: bool = False
    released_ns: int = 0
    sent_ns: int | None = None
    reads: list[Read] = field(default_factory=list)
    tapped: bool = False
    error: str | None = None
    ended_ns: int | None = None
    _stream: Stream | None = None

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to come."""
        return self.ended_ns is not None

    @property
    def stream(self) -> Stream:
        """What was answered, once it has ended."""
        reads = self.reads  # taken first: another thread may settle it meanwhile
        if self._stream is None:
            self._stream = self._decoded(reads)
        return self._stream

    def answer(self, stream: Stream) -> None:
        """It was answered by this, which nobody has to decode."""
        self._stream = stream

    def settle(self) -> None:
        """Decode it, and keep of its reads no more than when the first and the last came: bytes take most of the
        memory of a long load.
        """
        self._stream = self.stream
        self.reads = [(at_ns, b"") for at_ns, _ in (*self.reads[:1], *self.reads[-1:])]

    def give_up(self, why: str, at_ns: int) -> None:
        """End it from outside, for a load that is over. It may never have begun."""
        self.error = self.error or why
        self.ended_ns = at_ns
        if not self.begun:
            self.scheduled_ns = self.released_ns = at_ns

    def _decoded(self, reads: Iterable[Read]) -> Stream:
        content = self._content(reads) if self.tapped else reads
        return decode(content) if self.streamed else decode_whole(content)

    def _content(self, reads: Iterable[Read]) -> Iterator[Read]:
        """What came, without its chunks. A fault in these is this exchange's error, and what came before it is kept."""
        try:
            fault = None if (yield from dechunked(reads)) else "it ended inside of a chunk"
        except Malformed as broken:
            fault = str(broken)
        if fault:
            self.error = self.error or f"not chunked transfer encoding: {fault}"

    def record(self) -> RequestRecord:
        """What happened, once it has ended."""
        stream = self.stream
        return RequestRecord(
            index=self.index,
            scheduled_ns=self.scheduled_ns,
            released_ns=self.released_ns,
            sent_ns=self.sent_ns,
            token_ns=stream.token_ns,
            input_tokens=stream.input_tokens,
            output_tokens=stream.output_tokens,
            finish_reason=stream.finish_reason,
            text=stream.text,
            error=self.error or stream.error or _without_tokens(stream),
            chunk_tokens=stream.chunk_tokens,
            reasoning=stream.reasoning,
            streamed=self.streamed,
            stage=self.stage,
        )


class Newcomers:
    """What a list has gained since it was asked last, which the load's thread appends to meanwhile."""

    def __init__(self, begun: Sequence[Exchange]) -> None:
        self._begun = begun
        self._seen = 0

    def take(self) -> Sequence[Exchange]:
        """Each exchange once."""
        new = self._begun[self._seen :]
        self._seen += len(new)  # not the length of the list, which may have grown by now
        return new


def _without_tokens(stream: Stream) -> str | None:
    return None if stream.token_ns else "the stream ended without a token"

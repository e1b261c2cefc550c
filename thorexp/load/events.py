"""Reads of a stream of server-sent events (WHATWG HTML, 9.2.6) become the data of its events."""

from collections.abc import Iterable, Iterator

from thorexp.load.chunked import Read

BOM = b"\xef\xbb\xbf"


def messages(reads: Iterable[Read]) -> Iterator[Read]:
    """Each event's data, [DONE] among them, under the stamp of the read that completed it."""
    before = BOM
    for at_ns, event in _events(_with_one_line_end(reads)):
        data = _data(event.removeprefix(before))
        before = b""
        if data:
            yield at_ns, data


def _with_one_line_end(reads: Iterable[Read]) -> Iterator[Read]:
    """LF where there was CRLF or CR. A CR ends its line at once: the LF after it, if any, is passed over."""
    after_cr = False
    for at_ns, data in reads:
        if after_cr or b"\r" in data:
            lines = data[1:] if after_cr and data.startswith(b"\n") else data
            after_cr = data.endswith(b"\r") if data else after_cr
            data = lines.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if data:
            yield at_ns, data


def _events(reads: Iterable[Read]) -> Iterator[Read]:
    """What stands between blank lines; what is left at the end is the last one."""
    held: list[bytes] = []
    at_ns = 0
    for at_ns, data in reads:
        if held:
            held.append(data)
            if b"\n\n" not in held[-2][-1:] + data:
                continue  # joined only when an event is whole: joining on each read is quadratic
            data = b"".join(held)
        *events, rest = data.split(b"\n\n")
        for event in events:
            yield at_ns, event
        held = [rest] if rest else []
    yield at_ns, b"".join(held)


def _data(event: bytes) -> bytes:
    if event.startswith(b"data:") and b"\n" not in event:
        return event[5:].strip()
    fields = (line.partition(b":") for line in event.split(b"\n"))
    return b"\n".join(value.removeprefix(b" ") for name, _, value in fields if name == b"data").strip()

"""Reads of a body in chunked transfer encoding (RFC 9112, 7.1) become reads of its content."""

from collections.abc import Generator, Iterable, Iterator

Read = tuple[int, bytes]
"""The moment bytes came from the socket (ns), and the bytes. A plain tuple: one is made per streamed token."""

LONGEST_SIZE_LINE = 1000
CRLF = b"\r\n"
HEX_DIGITS = b"0123456789abcdefABCDEF"


class Malformed(ValueError):  # noqa: N818 - what the body is
    """A body that is not chunked as the standard has it; says what came instead."""


def dechunked(reads: Iterable[Read]) -> Generator[Read, None, bool]:
    """The content as it arrived, each piece under the stamp of the read that brought it.

    A read gives one piece for each chunk that it holds some of, none if it holds only framing. Extensions and
    trailers are dropped. An end that is missing is no error; whether it came is what is returned. Raises `Malformed`,
    after all content before it.
    """
    reads = iter(reads)
    left = 0  # of the chunk under way, with the CRLF that ends it
    held = b""  # of a size line
    for at_ns, data in reads:
        data, at = held + data, 0
        while at < len(data):
            if not left:
                size_end = data.find(CRLF, at, at + LONGEST_SIZE_LINE + 2)
                if size_end < 0:
                    _check_that_it_may_end(data[at:])
                    break
                size = _size(data[at:size_end])
                if not size:
                    return _pass_over_trailers(data[size_end:], reads)
                left, at = size + 2, size_end + 2
            if left > 2:
                piece = data[at : at + left - 2]
                if piece:
                    yield at_ns, piece
                at += len(piece)
                left -= len(piece)
            if left <= 2:
                came = data[at : at + left]
                if not CRLF[-left:].startswith(came):
                    raise Malformed(f"no line end after a chunk, but {_shown(came)}")
                at += len(came)
                left -= len(came)
        held = data[at:]
    return False


def _check_that_it_may_end(line: bytes) -> None:
    """A size line without its end, which may have come by half."""
    if len(line) > LONGEST_SIZE_LINE + line.endswith(b"\r"):
        raise Malformed(f"a chunk's size line of over {LONGEST_SIZE_LINE:,} bytes: {_shown(line)}")


def _size(line: bytes) -> int:
    """Bytes in a chunk. Looked at first, for `int` alone would also read "+5", "0x5" and "1_0"."""
    digits = line.partition(b";")[0].rstrip(b" \t") if line.translate(None, HEX_DIGITS) else line
    if not digits or digits.translate(None, HEX_DIGITS):
        raise Malformed(f"a chunk's size is no hexadecimal number: {_shown(line)}")
    return int(digits, 16)


def _pass_over_trailers(data: bytes, reads: Iterator[Read]) -> bool:
    """To the blank line that ends the body, if it came. `data` begins with the line end of the last chunk's size."""
    end = data.find(CRLF + CRLF)
    while end < 0:
        read = next(reads, None)
        if read is None:
            return False
        data = data[-3:] + read[1]
        end = data.find(CRLF + CRLF)
    after = data[end + 4 :] or next((more for _, more in reads if more), b"")
    if after:
        raise Malformed(f"bytes after the end of the body: {_shown(after)}")
    return True


def _shown(data: bytes) -> str:
    return repr(data[:50])

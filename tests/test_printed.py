"""What a process prints."""

import io
import os
import sys

import pytest

from thorexp.printed import Printed, print_no_secret


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("GET http://ann:pw@thor/v1\n", "GET http://***@thor/v1"),
        ("a token: 5 ms\n", "a token: 5 ms"),
        ("---------------Inter-token Latency----------------\n", "Inter-token Latency----------------"),
        ("try: export OPENAI_API_KEY=…\n", "try: export OPENAI_API_KEY=…"),
    ],
)
def test_a_secret_is_not_printed(written: str, seen: str) -> None:
    """Whoever prints it, Hydra or a library."""
    stream = io.StringIO()
    print(written, end="", file=Printed(stream))
    assert stream.getvalue().endswith(f"{seen}\n")


def test_a_reader_who_has_seen_enough_ends_nothing() -> None:
    """Neither what is printed after, nor what is still to be flushed."""
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w", encoding="utf-8") as stream:
        printed = Printed(stream)
        for _ in range(3):
            print("x" * 100_000, file=printed, flush=True)


def test_a_stream_that_was_closed_before_is_left_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """`>&-`: Python has none then, and print says nothing."""
    monkeypatch.setattr(sys, "stdout", None)
    print_no_secret()
    assert sys.stdout is None


def test_all_else_is_the_streams_own() -> None:
    """Whether it is a terminal, and where it leads."""
    with open("/dev/null", "w", encoding="utf-8") as stream:  # noqa: PTH123  any stream of text
        printed = Printed(stream)
        assert (stream.fileno(), False, "utf-8") == (printed.fileno(), printed.isatty(), printed.encoding)

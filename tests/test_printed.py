"""What a process prints."""

import io

import pytest

from thorexp.printed import Printed


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


def test_all_else_is_the_streams_own() -> None:
    """Whether it is a terminal, and where it leads."""
    with open("/dev/null", "w", encoding="utf-8") as stream:  # noqa: PTH123  any stream of text
        printed = Printed(stream)
        assert (stream.fileno(), False, "utf-8") == (printed.fileno(), printed.isatty(), printed.encoding)

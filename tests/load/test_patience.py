"""How long a request may take, from what has come of it."""

from dataclasses import replace

import pytest

from tests.records import S
from thorexp.load.exchange import Exchange
from thorexp.load.patience import Deadline, Timeouts, deadline, look_again_s

NONE = Timeouts(connect_s=None, first_token_s=None, idle_s=None, total_s=None)
ALL = Timeouts(first_token_s=10.0, idle_s=2.0, total_s=60.0)
FIRST = "the first token did not come within endpoint.first_token_timeout_s=10"
NEXT = "the next token did not come within endpoint.idle_timeout_s=2"
END = "its end did not come within endpoint.timeout_s=60"


def an_exchange(*read_ns: int, sent_ns: int | None = 5 * S, streamed: bool = True) -> Exchange:
    """Begun at 3 s, sent at 5, and read when it says."""
    return Exchange(0, b"", 0, streamed=streamed, sent_ns=sent_ns, reads=[(at_ns, b"x") for at_ns in read_ns])


def due(exchange: Exchange, timeouts: Timeouts) -> Deadline | None:
    return deadline(exchange, 3 * S, timeouts)


@pytest.mark.parametrize(
    ("exchange", "expected"),
    [
        (an_exchange(sent_ns=None), Deadline((3 + 60) * S, END)),
        (an_exchange(), Deadline((5 + 10) * S, FIRST)),
        (an_exchange(streamed=False), Deadline((3 + 60) * S, END)),
        (an_exchange(7 * S), Deadline((7 + 2) * S, NEXT)),
        (an_exchange(7 * S, 9 * S), Deadline((9 + 2) * S, NEXT)),
        (an_exchange(7 * S, 62 * S), Deadline((3 + 60) * S, END)),
    ],
    ids=["not sent", "sent", "sent, not streamed", "a token", "a later token", "near the end"],
)
def test_what_is_due_next_decides(exchange: Exchange, expected: Deadline) -> None:
    """From the begin, from the send or from the last read, whatever is over first."""
    assert expected == due(exchange, ALL)


@pytest.mark.parametrize("exchange", [an_exchange(sent_ns=None), an_exchange(), an_exchange(7 * S)])
def test_without_limits_nothing_is_due(exchange: Exchange) -> None:
    """It takes as long as it takes."""
    assert due(exchange, NONE) is None
    assert look_again_s(None, 0, NONE) is None


def test_a_first_token_in_time_ends_the_wait_for_it() -> None:
    """Later ones have a limit of their own, or none."""
    assert due(an_exchange(7 * S), replace(NONE, first_token_s=10.0)) is None
    assert due(an_exchange(), replace(NONE, idle_s=2.0)) is None


def test_a_fraction_of_a_second_is_a_limit() -> None:
    """To the nanosecond, in words as it was typed."""
    found = due(an_exchange(), replace(NONE, first_token_s=0.25))
    assert found is not None
    assert (5 * S + S // 4, True) == (found.at_ns, found.words.endswith("=0.25"))


def test_a_deadline_that_is_not_there_yet_is_looked_for_in_time() -> None:
    """Before it is sent only the end is due, but the first token may be from the next moment on."""
    only_the_end = Deadline(63 * S, END)
    assert 60.0 == look_again_s(only_the_end, 3 * S, replace(NONE, total_s=60.0))
    assert 10.0 == look_again_s(only_the_end, 3 * S, replace(ALL, idle_s=None))
    assert 2.0 == look_again_s(only_the_end, 3 * S, ALL)
    assert 1.0 == look_again_s(only_the_end, 62 * S, ALL)
    assert 2.0 == look_again_s(None, 3 * S, replace(NONE, idle_s=2.0))


def test_a_faster_server_is_waited_for_by_its_own_time() -> None:
    """20 times as fast: 10, 2 and 60 s of it are that much less; to connect takes what it takes."""
    waits = replace(ALL, connect_s=5.0)
    assert Timeouts(5.0, 10.0 / 20, 2.0 / 20, 60.0 / 20, speedup=20.0) == waits.faster(20.0)


def test_no_limit_is_none_of_a_faster_server() -> None:
    """It may take as long as it takes."""
    assert due(an_exchange(), NONE.faster(20.0)) is None


def test_a_limit_is_told_as_it_was_typed() -> None:
    """Half a second of ours is the ten of the server's."""
    found = due(an_exchange(), ALL.faster(20.0))
    assert found is not None
    assert (5 * S + S // 2, FIRST) == (found.at_ns, found.words)

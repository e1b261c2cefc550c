"""A load is ended when what was asked of it cannot be reached any more, and not before."""

import pytest

from tests.records import MS
from thorexp.load.exchange import Exchange
from thorexp.load.stop import Stopper, StopWhen
from thorexp.measure.metrics import Slo

TOKEN = b'data: {"choices":[{"index":0,"text":" a"}]}\n\n'


def flying() -> Exchange:
    """Sent at 0, and nothing came."""
    return Exchange(0, b"", 0, begun=True, sent_ns=0)


def well(ttft_ms: int = 1) -> Exchange:
    """It ended with its only token."""
    return Exchange(0, b"", 0, begun=True, sent_ns=0, reads=[(ttft_ms * MS, TOKEN)], ended_ns=ttft_ms * MS)


def failed() -> Exchange:
    return Exchange(0, b"", 0, begun=True, sent_ns=0, error="HTTP 400 Bad Request", ended_ns=1)


def land(exchange: Exchange) -> None:
    """It ends without a token: a failure."""
    exchange.ended_ns = 1


def test_what_is_not_asked_stops_nothing() -> None:
    """Though all have failed."""
    assert not StopWhen().is_set
    assert Stopper(StopWhen(), [failed(), failed()], 2).reason() is None


def test_more_failures_than_may_be_are_a_reason() -> None:
    """Two of ten may fail; at the third it is missed whatever the seven do. Its words are numbers and the key."""
    begun = [failed(), well(), failed()]
    stopper = Stopper(StopWhen(error_rate=0.2), begun, 10)
    assert stopper.reason() is None
    begun.append(failed())
    assert "3 of 10 requests failed, load.stop_when.error_rate=0.2" == stopper.reason()


def test_no_failure_may_be() -> None:
    """0 is a limit, and the first failure breaks it."""
    stopper = Stopper(StopWhen(error_rate=0.0), [well(), failed()], 10)
    assert "1 of 10 requests failed, load.stop_when.error_rate=0" == stopper.reason()


def test_all_may_fail() -> None:
    """1 is a limit that nothing breaks."""
    assert Stopper(StopWhen(error_rate=1.0), [failed(), failed()], 2).reason() is None


def test_what_flies_is_counted_when_it_has_landed() -> None:
    """And once."""
    first, second = flying(), flying()
    stopper = Stopper(StopWhen(error_rate=0.5), [first, second], 3)
    assert stopper.reason() is None
    land(first)
    assert [None, None] == [stopper.reason(), stopper.reason()]
    land(second)
    assert "2 of 3 requests failed, load.stop_when.error_rate=0.5" == stopper.reason()


def test_a_goodput_that_cannot_be_reached_is_a_reason() -> None:
    """Of four half must keep the SLO: the third that did not, late or failed, decides."""
    when = StopWhen(goodput=0.5, slo=Slo(ttft_ms=100))
    begun = [well(50), well(101), failed()]
    stopper = Stopper(when, begun, 4)
    assert stopper.reason() is None
    begun.append(well(200))
    assert "3 of 4 requests missed the SLO, load.stop_when.goodput=0.5" == stopper.reason()


def test_a_limit_that_is_kept_to_the_point_is_kept() -> None:
    """100 ms is within 100 ms."""
    assert Stopper(StopWhen(goodput=1.0, slo=Slo(ttft_ms=100)), [well(100)], 1).reason() is None


def test_an_slo_without_limits_is_missed_by_failures_alone() -> None:
    """Every success is good."""
    when = StopWhen(goodput=1.0)
    assert Stopper(when, [well(10_000)], 2).reason() is None
    assert "1 of 2 requests missed the SLO, load.stop_when.goodput=1" == Stopper(when, [failed()], 2).reason()


@pytest.mark.parametrize("when", [StopWhen(error_rate=0.0), StopWhen(goodput=1.0)])
def test_a_load_that_has_not_begun_goes_on(when: StopWhen) -> None:
    """Nothing is known of it."""
    assert when.is_set
    assert Stopper(when, [], 5).reason() is None


def test_where_the_total_is_not_known_it_is_of_what_has_ended() -> None:
    """From 20 on: before, one failure would be all of it."""
    begun = [failed()] * 19
    stopper = Stopper(StopWhen(error_rate=0.5), begun, None)
    assert stopper.reason() is None
    begun += [failed()]
    assert "20 of 20 requests failed, load.stop_when.error_rate=0.5" == stopper.reason()

import json
from typing import Any

from tests.records import MS, S, a_record
from thorexp.measure.records import RequestRecord
from thorexp.tracking.request_table import request_table


def rows_of(*records: RequestRecord, stages: tuple[str, ...] = ("high",)) -> list[dict[str, Any]]:
    table = json.loads(request_table(records, stages))
    return [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]


def a_request(**changes: Any) -> RequestRecord:
    """Planned at 2 s, awake at once, sent 3 ms later; its tokens come at 10, 20 and 40 ms after."""
    values: dict[str, Any] = {
        "scheduled_ns": 2 * S,
        "released_ns": 2 * S,
        "sent_ns": 2 * S + 3 * MS,
        "token_ns": tuple(2 * S + (3 + ms) * MS for ms in (10, 20, 40)),
        "output_tokens": 3,
    }
    return a_record(**values | changes)


def test_a_request_is_a_row() -> None:
    """Times in ms, by the definitions of a result."""
    expected = {
        "index": 0,
        "stage": "high",
        "scheduled_s": 0.0,
        "client_queue_ms": 3.0,
        "ttft_ms": 10.0,
        "tpot_ms": (40 - 10) / (3 - 1),
        "e2el_ms": 40.0,
        "input_tokens": 16,
        "output_tokens": 3,
        "error": None,
    }
    assert [expected] == rows_of(a_request())


def test_the_schedule_counts_from_its_first_request() -> None:
    """The clock of a run has no date."""
    assert [0.0, 1.5] == [row["scheduled_s"] for row in rows_of(a_request(), a_request(scheduled_ns=3 * S + 500 * MS))]


def test_a_failure_has_no_latency() -> None:
    """But its error, cut where it is long."""
    row = rows_of(a_request(error="x" * 201))[0]
    assert (None, None, None, "x" * 200) == (row["ttft_ms"], row["tpot_ms"], row["e2el_ms"], row["error"])


def test_a_request_that_was_not_sent_has_not_queued() -> None:
    """Absent is not 0."""
    row = rows_of(a_request(sent_ns=None, token_ns=(), output_tokens=None, error="given up"))[0]
    assert (None, 0) == (row["client_queue_ms"], row["output_tokens"])


def test_stages_have_their_names() -> None:
    """And numbers where nobody named them."""
    both = (a_request(stage=1), a_request(stage=2))
    assert ["hot", "2"] == [row["stage"] for row in rows_of(*both, stages=("warm", "hot"))]

"""The requests of a job as a table, in the format that MLflow's `log_table` writes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from thorexp.measure.metrics import NS_PER_MS, NS_PER_S, client_queue_ns, e2el_ns, output_tokens, tpot_ns, ttft_ns
from thorexp.measure.records import RequestRecord

REQUEST_TABLE = "requests_table.json"
ERROR_CHARS = 200


def request_table(records: Sequence[RequestRecord], stages: Sequence[str]) -> str:
    """One row a request, times in ms but for `scheduled_s`, which counts from the first; absent values are null.

    TTFT comes first, which MLflow compares unasked. Latencies are those of successes, as in a result. `stages`: their
    names, in the plan's order.
    """
    first_ns = min((record.scheduled_ns for record in records), default=0)
    rows = [_row(record, first_ns, stages) for record in records]
    columns = list(rows[0]) if rows else []
    return json.dumps({"columns": columns, "data": [list(row.values()) for row in rows]})


def _row(record: RequestRecord, first_ns: int, stages: Sequence[str]) -> Mapping[str, Any]:
    latencies = {"ttft_ms": ttft_ns, "tpot_ms": tpot_ns, "e2el_ms": e2el_ns}
    return {
        **{name: _in_ms(formula(record) if record.ok else None) for name, formula in latencies.items()},
        "client_queue_ms": _in_ms(client_queue_ns(record)),
        "input_tokens": record.input_tokens,
        "output_tokens": output_tokens(record),
        "index": record.index,
        "scheduled_s": (record.scheduled_ns - first_ns) / NS_PER_S,
        "stage": stages[record.stage] if record.stage < len(stages) else str(record.stage),
        "error": None if record.error is None else record.error[:ERROR_CHARS],
    }


def _in_ms(ns: float | None) -> float | None:
    return None if ns is None else round(ns / NS_PER_MS, 3)

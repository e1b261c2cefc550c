"""Run directories as a job leaves them, with what a test says in them."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.records import S
from thorexp import rundir
from thorexp.html.kept_run import KeptRun, kept_run
from thorexp.measure.records import RequestRecord
from thorexp.measure.signals import Series
from thorexp.rundir import RunDir

BEGIN = 77 * S  # of the load, on a clock that runs since boot
LOAD = (BEGIN, BEGIN + 2 * S)


def every_s(*values: float) -> Series:
    """Read each second, from one before the load on."""
    return Series(tuple(BEGIN + (i - 1) * S for i in range(len(values))), values)


def a_run_dir(
    folder: Path,
    *requests: RequestRecord,
    signals: Mapping[str, Series] | None = None,
    load_ns: tuple[int, int] = LOAD,
    **summary: Any,
) -> RunDir:
    """A load of two seconds, of which all requests count, with the second before it."""
    run_dir = RunDir(folder)
    run_dir.write_jsonl(rundir.REQUESTS, map(asdict, requests))
    told = {"load_ns": load_ns, "idle_ns": (BEGIN - S, BEGIN), "excluded": 0}
    run_dir.write_json(rundir.SUMMARY, told | summary)
    if signals is not None:
        rows = [
            f"{ns},{name},{value}\n"
            for name, series in signals.items()
            for ns, value in zip(series.ns, series.values, strict=True)
        ]
        run_dir.write_text(rundir.TELEMETRY, "".join(("ns,signal,value\n", *rows)))
    return run_dir


def a_kept_run(folder: Path, *requests: RequestRecord, **changes: Any) -> KeptRun:
    """The same, read back."""
    run = kept_run(a_run_dir(folder, *requests, **changes))
    assert run is not None
    return run


def as_drawn(value: object) -> Any:
    """As a page has it: through JSON, which has neither NaN nor infinities."""
    return json.loads(json.dumps(value, allow_nan=False))

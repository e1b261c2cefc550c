"""What tests of a comparison hand to it: points, and the directories that they are read from."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import yaml

from tests.records import BELIEVED, MS, a_plan, a_record, some_asks
from thorexp.compare.conditions import PLAN
from thorexp.compare.measured import Measured
from thorexp.compare.pairs import Pair, pair
from thorexp.measure.plan import LoadPlan
from thorexp.measure.ratios import Side
from thorexp.measure.records import RequestRecord
from thorexp.measure.verdict import Reason, Verdict
from thorexp.rundir import CONFIG, MACHINE, REQUESTS, RESULT, SUMMARY, VERDICT, Record, RunDir
from thorexp.rundir import PLAN as PLAN_FILE

ALIKE = {
    "origin": "measured",
    PLAN: "c0ffee",
    "endpoint": "completions",
    "cold cache": "verified",
    "hardware": "jetson_agx_thor",
    "power mode": "MAXN",
    "clocks locked": "yes",
    "speedup": "1.0",
}
TTFT, RATE = "median_ttft_ms", "output_throughput"
POINT = Measured(
    words={"model": "a", "load": "high"},
    chosen={"model": "a", "load": "high"},
    where="outputs/a",
    side=Side(({TTFT: 100.0, RATE: 50.0},), (), closed=True),
    verdict=Verdict(),
    conditions={name: frozenset({value}) for name, value in ALIKE.items()},
    settings={},
    spread=0.05,
)
# Two runs of each that agree to a percent.
FASTER = Side(({TTFT: 80.0, RATE: 60.0}, {TTFT: 80.8, RATE: 60.6}), ((), ()), closed=True)
SLOWER = Side(({TTFT: 100.0, RATE: 50.0}, {TTFT: 101.0, RATE: 50.5}), ((), ()), closed=True)

FINISHED = Record(
    schema=1,
    id="record",
    point="point",
    status="finished",
    started_at=1_700_000_000.0,
    ended_at=1_700_000_060.0,
    sweep="sweep",
    tags={"model": "a", "load": "high", "hardware": "jetson_agx_thor", "server": "vllm"},
    overrides=("model=a", "load=high"),
)
OURS = {
    "origin": "measured",
    "plan_digest": "c0ffee",
    "endpoint": "completions",
    "cold_cache": "verified",
    "hardware": "jetson_agx_thor",
}
CONFIGURED: Mapping[str, Any] = {"model": {"name": "a"}, "load": {"name": "high"}, "verdict": {"spread": 0.08}}
MAXN: Mapping[str, Any] = {"power_mode": "MAXN", "clocks_locked": True}
CLIENT = {"description": "Jetson AGX Thor", "l4t": "38.2.0", "driver": None}


def a_point(words: Mapping[str, str] | None = None, **changes: Any) -> Measured:
    """Measured like all others that these tests make."""
    words = POINT.words if words is None else words
    return replace(POINT, **{"words": words, "chosen": words, **changes})


def met(**conditions: str) -> dict[str, frozenset[str]]:
    """All that must be alike, but for these; `_` for a space."""
    changed = {name.replace("_", " "): value for name, value in conditions.items()}
    return {name: frozenset({value}) for name, value in (ALIKE | changed).items()}


def a_pair(first: Measured, second: Measured) -> Pair:
    """Named by model and load."""
    return pair(first, second, ())


def faster(**changes: Any) -> Pair:
    """By a fifth, in two repeats of each."""
    return a_pair(a_point(side=SLOWER), a_point(side=FASTER, **changes))


def slower(**changes: Any) -> Pair:
    """By a fourth, in two repeats of each."""
    return a_pair(a_point(side=FASTER), a_point(side=SLOWER, **changes))


def some_requests(count: int, ttft_ms: float = 100) -> tuple[RequestRecord, ...]:
    """One after another, in a second each, with two tokens."""
    second = 1_000 * MS
    return tuple(
        a_record(index=i, sent_ns=i * second, token_ns=(i * second + round(ttft_ms * MS), (i + 1) * second))
        for i in range(count)
    )


def a_run_dir(
    path: Path,
    *,
    numbers: Mapping[str, Any] | None = None,
    ours: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] = CONFIGURED,
    requests: Iterable[RequestRecord] = (),
    reasons: tuple[Reason, ...] = (),
    limits: tuple[tuple[int, int], ...] = ((0, 8),),
    closed: bool = True,
    before: Mapping[str, Any] | None = MAXN,
    **changes: Any,
) -> RunDir:
    """The complete record of a job that finished, with 100 ms of TTFT and 50 tokens/s but for what a test says."""
    run_dir, kept = RunDir(path), tuple(requests)
    run_dir.write_text(CONFIG, yaml.safe_dump(dict(config)))
    told = {TTFT: 100.0, RATE: 50.0} if numbers is None else dict(numbers)
    run_dir.write_json(RESULT, told | {"thorexp": OURS | dict(ours or {})})
    stage = replace(a_plan(*some_asks(2)).stages[0], limits=limits, closed=closed)
    run_dir.write_json(PLAN_FILE, {"digest": "c0ffee", **LoadPlan((stage,), ignore_eos=True).as_json()})
    load_ns = [0, max((each.token_ns[-1] for each in kept), default=0)]
    run_dir.write_json(SUMMARY, {"load_ns": load_ns, "idle_ns": None, "excluded": 0})
    run_dir.write_jsonl(REQUESTS, map(asdict, kept))
    run_dir.write_json(MACHINE, {"client": CLIENT, "before": before})
    run_dir.write_json(VERDICT, Verdict(reasons).as_json() | {"thresholds": asdict(BELIEVED)})
    run_dir.complete(replace(FINISHED, **{"id": path.name, **changes}))
    return run_dir

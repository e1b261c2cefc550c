"""A row of a sweep's table, with what the files of its jobs say beside its columns."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from thorexp.errors import RecordError
from thorexp.measure.stats import Agreement, agreement
from thorexp.results.summary import Row
from thorexp.rundir import CONFIG, MACHINE, RECORD, RESULT, RunDir

GOOD_REQUESTS, ENERGY = "request_goodput", "energy_per_output_token_j"
SAID = ("power_of", "kernels_source")
LIMITS = (("ttft_ms", "TTFT"), ("tpot_ms", "TPOT"), ("itl_p99_ms", "P99 ITL"), ("e2el_ms", "E2EL"))


@dataclass(frozen=True, slots=True)
class Entry:
    """`anchor`: where the page says more of it, absent where there is no more. `finished`: its jobs that have a result.

    `config` is that of the first of them, empty without any; `values`: what no column has, by its key in result.json.
    `said`: of those of its words that are kept, the first result's. `power_mode`: of the first's machine, absent where
    nobody says.
    """

    row: Row
    anchor: str | None = None
    finished: tuple[RunDir, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Agreement] = field(default_factory=dict)
    said: Mapping[str, str] = field(default_factory=dict)
    power_mode: str | None = None

    @property
    def load(self) -> str:
        """Its load in words: `high: 100 requests, 8 at once`; empty where nobody says."""
        load = self.config.get("load") or {}
        return ": ".join(word for word in (load.get("name", ""), ", ".join(_load_words(load))) if word)

    @property
    def slo(self) -> str:
        """The limits that a request had to keep to, as `TTFT ≤ 500 ms, TPOT ≤ 50 ms`; empty without any."""
        limits = self.config.get("slo") or {}
        known = ((word, limits.get(key)) for key, word in LIMITS)
        return ", ".join(f"{word} ≤ {limit:g} ms" for word, limit in known if limit is not None)


def entries(table: Sequence[Row]) -> tuple[Entry, ...]:
    """All rows in their order, each file read once; one of which a file cannot be read says so, and is damaged."""
    return tuple(_entry(row, f"point-{number}") for number, row in enumerate(table, start=1))


def _entry(row: Row, anchor: str) -> Entry:
    found = {run_dir: _result(run_dir) for run_dir in map(RunDir, row.directories)}
    results = {run_dir: each for run_dir, each in found.items() if isinstance(each, Mapping)}
    setting = _setting(next(iter(results), None))
    damage = [str(each) for each in (*found.values(), setting) if isinstance(each, RecordError)]
    config, power_mode = ({}, None) if isinstance(setting, RecordError) else setting
    ours = [result.get("thorexp") or {} for result in results.values()]
    return Entry(
        row=_damaged(row, damage) if damage else row,
        anchor=anchor if row.directories or row.errors else None,
        finished=tuple(results),
        config=config,
        values=_values(list(results.values()), ours),
        said={key: ours[0][key] for key in SAID if ours and ours[0].get(key)},
        power_mode=power_mode,
    )


def _result(run_dir: RunDir) -> Mapping[str, Any] | RecordError | None:
    """Of a job that finished, else absent; what is wrong with its files, where something is."""
    try:
        is_finished = run_dir.has(RECORD) and run_dir.has(RESULT) and run_dir.record().status == "finished"
        return run_dir.read_mapping(RESULT) if is_finished else None
    except RecordError as damaged:
        return damaged


def _setting(run_dir: RunDir | None) -> tuple[Mapping[str, Any], str | None] | RecordError:
    """What a job was asked, and its machine's power mode; what is wrong with its files, where something is."""
    if run_dir is None:
        return {}, None
    try:
        machine = run_dir.read_mapping(MACHINE) if run_dir.has(MACHINE) else {}
        return run_dir.config() if run_dir.has(CONFIG) else {}, (machine.get("before") or {}).get("power_mode")
    except RecordError as damaged:
        return damaged


def _damaged(row: Row, damage: Sequence[str]) -> Row:
    state = "damaged" if row.state == "finished" else row.state
    return replace(row, state=state, errors=tuple(dict.fromkeys((*row.errors, *damage))))


def _values(results: Sequence[Mapping[str, Any]], ours: Sequence[Mapping[str, Any]]) -> dict[str, Agreement]:
    """What no column has, of those results that have it."""
    samples = {GOOD_REQUESTS: [r.get(GOOD_REQUESTS) for r in results], ENERGY: [each.get(ENERGY) for each in ours]}
    found = {key: agreement([number for number in sample if number is not None]) for key, sample in samples.items()}
    return {key: value for key, value in found.items() if value is not None}


def _load_words(load: Mapping[str, Any]) -> Iterator[str]:
    if load.get("num_prompts") is not None:
        yield f"{load['num_prompts']} requests"
    if load.get("max_concurrency") is not None:
        yield f"{load['max_concurrency']} at once"
    if load.get("request_rate") not in (None, float("inf")):
        yield f"{load['request_rate']:g}/s"

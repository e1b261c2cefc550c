"""A row of a sweep's table, with what the files of its jobs say beside its columns."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from thorexp.measure.stats import Agreement, agreement
from thorexp.results.summary import Row
from thorexp.rundir import CONFIG, RECORD, RESULT, RunDir

GOODPUT, ENERGY = "request_goodput", "energy_per_output_token_j"
SAID = ("power_of", "kernels_source")
LIMITS = (("ttft_ms", "TTFT"), ("tpot_ms", "TPOT"), ("itl_p99_ms", "P99 ITL"), ("e2el_ms", "E2EL"))


@dataclass(frozen=True, slots=True)
class Entry:
    """`anchor`: where the page says more of it, absent where there is no more. `finished`: its jobs that have a result.

    `config` is that of the first of them, empty without any; `values`: what no column has, by its key in result.json.
    `said`: of those of its words that are kept, the first result's.
    """

    row: Row
    anchor: str | None = None
    finished: tuple[RunDir, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Agreement] = field(default_factory=dict)
    said: Mapping[str, str] = field(default_factory=dict)

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
    """All rows in their order, each file read once; RecordError for one that cannot be read."""
    return tuple(_entry(row, f"point-{number}") for number, row in enumerate(table, start=1))


def _entry(row: Row, anchor: str) -> Entry:
    finished = tuple(run_dir for run_dir in map(RunDir, row.directories) if _is_finished(run_dir))
    results = [run_dir.read_json(RESULT) for run_dir in finished]
    ours = [result.get("thorexp") or {} for result in results]
    samples = {GOODPUT: [each.get(GOODPUT) for each in results], ENERGY: [each.get(ENERGY) for each in ours]}
    found = {key: agreement([number for number in sample if number is not None]) for key, sample in samples.items()}
    return Entry(
        row=row,
        anchor=anchor if row.directories or row.errors else None,
        finished=finished,
        config=finished[0].config() if finished and finished[0].has(CONFIG) else {},
        values={key: value for key, value in found.items() if value is not None},
        said={key: ours[0][key] for key in SAID if ours and ours[0].get(key)},
    )


def _is_finished(run_dir: RunDir) -> bool:
    return run_dir.has(RECORD) and run_dir.has(RESULT) and run_dir.record().status == "finished"


def _load_words(load: Mapping[str, Any]) -> Iterator[str]:
    if load.get("num_prompts") is not None:
        yield f"{load['num_prompts']} requests"
    if load.get("max_concurrency") is not None:
        yield f"{load['max_concurrency']} at once"
    if load.get("request_rate") not in (None, float("inf")):
        yield f"{load['request_rate']:g}/s"

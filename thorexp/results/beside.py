"""A published table beside a sweep: its rows, of the models that the sweep has."""

from collections.abc import Collection

from thorexp.baseline import baseline_results
from thorexp.config import BaselineConfig
from thorexp.measure.metrics import Summary
from thorexp.measure.published import figures_of
from thorexp.measure.stats import Agreement, agreement
from thorexp.published import Judged
from thorexp.results.summary import COLUMNS, Row


def baseline_rows(baseline: BaselineConfig, models: Collection[str]) -> tuple[Row, ...]:
    """By names of `model=`; none of a baseline without a file. RecordError for one that cannot be read."""
    results = (result for result in baseline_results(baseline) if result.config.model.name in models)
    return tuple(_row(result, baseline.name) for result in results)


def _row(result: Judged, baseline: str) -> Row:
    named = f"{baseline}: {result.name}, {result.at_once} at once"
    return Row(
        name=named,
        short=named,
        state="finished",
        values={column.key: each for column in COLUMNS if (each := _agreement(result.summary, column.key)) is not None},
        errors=(),
        directories=(),
        verdict=result.verdict,
    )


def _agreement(summary: Summary, key: str) -> Agreement | None:
    value = figures_of(summary).get(key)
    return None if value is None else agreement([value])

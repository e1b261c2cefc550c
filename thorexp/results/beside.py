"""A published table beside a sweep: its rows, of the models that the sweep has."""

from collections.abc import Collection

from thorexp.baseline import baseline_results
from thorexp.config import BaselineConfig
from thorexp.measure.published import figures_of
from thorexp.measure.stats import agreement
from thorexp.published import Judged
from thorexp.results.summary import COLUMNS, Row


def baseline_rows(baseline: BaselineConfig, models: Collection[str]) -> tuple[Row, ...]:
    """By names of `model=`; none of a baseline without a file. RecordError for one that cannot be read."""
    results = (result for result in baseline_results(baseline) if result.config.model.name in models)
    return tuple(_row(result, baseline.name) for result in results)


def _row(result: Judged, baseline: str) -> Row:
    figures = figures_of(result.summary)
    values = {column.key: agreement([figures[column.key]]) for column in COLUMNS if column.key in figures}
    named = f"{baseline}: {result.name}, {result.at_once} at once"
    return Row(
        name=named,
        short=named,
        state="finished",
        values={key: value for key, value in values.items() if value is not None},
        errors=(),
        directories=(),
        verdict=result.verdict,
    )

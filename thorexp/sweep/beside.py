"""A published table beside a sweep: its rows, of the models that the sweep has."""

from collections.abc import Collection, Iterator

from thorexp.baseline import baseline_results
from thorexp.config import BaselineConfig
from thorexp.measure.metrics import Summary
from thorexp.measure.stats import Agreement, agreement, percentile_word
from thorexp.published import Judged
from thorexp.sweep.summary import COLUMNS, Row


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
        values=dict(_values(result.summary)),
        errors=(),
        directories=(),
        verdict=result.verdict,
    )


def _values(summary: Summary) -> Iterator[tuple[str, Agreement]]:
    """What stands in the columns of a table."""
    figures = {"output_throughput": summary.output_throughput}
    for name, sample in (("ttft", summary.ttft_ms), ("tpot", summary.tpot_ms), ("itl", summary.itl_ms)):
        if sample is not None:
            figures[f"median_{name}_ms"] = sample.median
            figures |= {f"{percentile_word(p)}_{name}_ms": value for p, value in sample.percentiles}
    for column in COLUMNS:
        if column.key in figures and (value := agreement([figures[column.key]])) is not None:
            yield column.key, value

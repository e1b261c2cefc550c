"""How latencies were spread, as a figure."""

from typing import Any

import pytest

from tests.html.kept import as_drawn
from tests.records import MS, a_failure, a_record, a_run
from thorexp.html.blocks import Figure
from thorexp.html.latencies import latencies, latencies_beside
from thorexp.measure.records import RunRecord
from thorexp.measure.verdict import Reason, Verdict

DOUBTED = Verdict((Reason("server_queue", "SUSPECT", ("ttft",), "most of it was the queue", "less at once"),))


def answering_in(*ttft_ms: int) -> RunRecord:
    """Each of two tokens, the second 10 ms after the first."""
    return a_run(
        *(a_record(index=i, token_ns=(ttft * MS, (ttft + 10) * MS), output_tokens=2) for i, ttft in enumerate(ttft_ms))
    )


def drawn(run: RunRecord, verdict: Verdict | None = None) -> Figure:
    figure = latencies(run, verdict)
    assert figure is not None
    return figure


def curves(figure: Figure) -> dict[str, Any]:
    """The distribution of each latency, by its name."""
    return {trace["name"]: as_drawn(trace) for trace in figure.data if "y0" in trace}


def marks(figure: Figure) -> dict[str, Any]:
    return {trace["name"]: as_drawn(trace) for trace in figure.data if "y0" not in trace}


def rows(figure: Figure) -> dict[str, tuple[str, ...]]:
    assert figure.table is not None
    return {row[0]: row[1:] for row in figure.table.rows}


def test_a_distribution_is_drawn_from_the_least_to_the_most() -> None:
    """Three values: 0, 50 and 100 % of them took at most so long."""
    curve = curves(drawn(answering_in(30, 10, 20)))["TTFT"]
    assert ([10, 20, 30], 0, 100 / 2) == (curve["x"], curve["y0"], curve["dy"])


def test_all_four_latencies_have_a_panel() -> None:
    """Each with axes of its own, which are in the layout."""
    figure = drawn(answering_in(10, 20))
    assert ["TTFT", "TPOT", "ITL", "E2EL"] == list(curves(figure))
    axes = [axis for curve in curves(figure).values() for axis in (curve["xaxis"], curve["yaxis"])]
    assert 8 == len(set(axes))
    assert {f"{axis[0]}axis{axis[1:]}" for axis in axes} <= figure.layout.keys()


def test_many_requests_are_drawn_as_quantiles() -> None:
    """Of 1000 answers in 1 to 1000 ms 201, among them the least, the median and the most."""
    x = curves(drawn(answering_in(*range(1, 1001))))["TTFT"]["x"]
    assert (201, 1, 500, 1000) == (len(x), x[0], x[100], x[-1])


@pytest.mark.parametrize(("requests", "marked"), [(1, None), (2, ["P50"]), (99, ["P50"]), (100, ["P50", "P99"])])
def test_only_percentiles_that_a_sample_supports_are_marked(requests: int, marked: list[str] | None) -> None:
    """P99 of 100 values, the median of two, none of one."""
    ttft = marks(drawn(answering_in(*range(1, requests + 1)))).get("TTFT")
    assert marked == (None if ttft is None else ttft["text"])


def test_failures_are_not_in_it() -> None:
    """Their latency is not known."""
    run = answering_in(10, 20)
    figure = drawn(a_run(*run.requests, a_failure(index=2)))
    assert [10, 20] == curves(figure)["TTFT"]["x"]


def test_an_answer_in_one_piece_has_an_e2el_alone() -> None:
    """Nothing shows when its first token came."""
    figure = drawn(a_run(a_record(token_ns=(10 * MS,), streamed=False), a_record(token_ns=(20 * MS,), streamed=False)))
    assert ["E2EL"] == list(curves(figure))


def test_without_a_success_there_is_no_figure() -> None:
    """No empty panels."""
    assert latencies(a_run(a_failure()), None) is None


def test_the_table_has_what_is_supported() -> None:
    """Of ten values P50 and P90, and not P99."""
    row = rows(drawn(answering_in(*range(10, 101, 10))))["TTFT"]
    assert ("10", "55", "91", "-", "100", "10") == row


def test_the_table_marks_what_may_not_be_believed() -> None:
    """As a summary does: the verdict is on TTFT alone."""
    told = rows(drawn(answering_in(10, 20), DOUBTED))
    assert ("15 ?", "25") == (told["TTFT"][1], told["E2EL"][1])


def test_the_description_has_the_main_numbers() -> None:
    """For who cannot see it."""
    assert "TTFT: P50 15 ms." in drawn(answering_in(10, 20)).description
    assert "TTFT: 10 to 10 ms, too few for a percentile." in drawn(answering_in(10)).description


def test_runs_are_drawn_beside_each_other() -> None:
    """Each with a curve in each panel, told by colour and by dashes, and in the legend once."""
    figure = latencies_beside({"A": answering_in(10, 20), "B": answering_in(30, 40)})
    assert figure is not None
    assert 4 * ["A"] + 4 * ["B"] == [trace["name"] for trace in figure.data]
    assert [[10, 20], [30, 40]] == [as_drawn(trace)["x"] for trace in figure.data if trace["xaxis"] == "x"]
    assert ["A", "B"] == [trace["name"] for trace in figure.data if trace["showlegend"]]
    assert 2 == len({(trace["line"]["color"], trace["line"]["dash"]) for trace in figure.data})


def test_runs_without_a_latency_in_common_are_not_drawn() -> None:
    """One of them has no success."""
    assert latencies_beside({"A": answering_in(10), "B": a_run(a_failure())}) is None

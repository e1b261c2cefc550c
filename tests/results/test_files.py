"""A sweep's rows as text and as CSV, and what text and Markdown both say."""

import csv
import io
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records import BELIEVED
from tests.sweep.makers import CACHED, FAST, FEW, MODELS, SLOW, a_failed_point, a_point, an_unjudged_point
from thorexp.measure.stats import agreement
from thorexp.measure.verdict import Origin, Reason, Verdict
from thorexp.results.files import as_csv, text
from thorexp.results.markdown import markdown
from thorexp.results.summary import COLUMNS, GOODPUT, Point, Row, State, columns_of, rows

THOR_SEED = [model for model in MODELS if not model.startswith("tiny")]


def shown(points: tuple[Point, ...], title: str = "2 of 3 jobs finished, 1 failed: outputs/now") -> str:
    heading, table = rows(points)
    return text(table, heading, title)


def table(points: tuple[Point, ...]) -> tuple[Row, ...]:
    return rows(points)[1]


def cells(line: str, bar: str = "│") -> list[str]:
    return [cell.strip() for cell in line.strip(bar).split(bar)]


def csv_rows(points: tuple[Point, ...]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(as_csv(table(points)))))


def test_text_marks_the_best_of_each_column(points: tuple[Point, ...]) -> None:
    """The fastest first; the slower one waits less for its first token, and less between tokens."""
    lines = [cells(line) for line in shown(points).splitlines() if line.startswith("│")]
    assert ["a high", "300.00*", "90.50", "-", "40.00", "-", "-", "-", "VALID"] == lines[0]
    assert ["a low", "100.00", "30.25*", "-", "20.00*", "-", "-", "-", "VALID"] == lines[1]


def test_text_has_failed_rows_last_with_why(points: tuple[Point, ...]) -> None:
    """In the table that it failed, below it the whole reason."""
    said = shown(points)
    last = [cells(line) for line in said.splitlines() if line.startswith("│")][-1]
    assert ["b high", "failed", *6 * ["-"], ""] == last
    assert said.endswith("model=b load=high\nb does not fit on cpu.\n  try  another\n")


def test_text_begins_with_its_title_in_one_line(points: tuple[Point, ...]) -> None:
    """The directory in it can be copied, however long it is."""
    title = f"2 of 3 jobs finished, 1 failed: /{'/'.join(20 * ['directory'])}"
    assert title == shown(points, title).splitlines()[0].rstrip()


@pytest.mark.parametrize(
    ("value", "shown_as"),
    [
        (0.004, "0.00"),
        (999.99, "999.99"),
        (999.996, "1000.0"),
        (2885.93, "2885.9"),
        (12_743.02, "12743"),
        (123_456.78, "123457"),
        (123_456_789.0, "123456789"),
        (1_234_567_890.0, "1.23e+09"),
    ],
)
def test_text_has_five_digits_or_all_before_the_point(tmp_path: Path, value: float, shown_as: str) -> None:
    """To two places at most; beyond a thousand million no board is measured."""
    said = shown((a_point(tmp_path, "load=a", result={"output_throughput": value}),))
    assert [shown_as] == [cells(line)[1] for line in said.splitlines() if line.startswith("│")]


VALUES = st.floats(0, 1e300, allow_subnormal=False) | st.floats(0, 200_000)
WORDS = st.text(
    st.characters(codec="ascii", categories=("L", "N")) | st.sampled_from("_-.[],/ "), min_size=1, max_size=60
)


@st.composite
def any_row(draw: st.DrawFn, keys: tuple[str, ...]) -> Row:
    """Measured, simulated or imported, in doubt, in part and stopped, with numbers of any size."""
    doubts = draw(st.sampled_from([(), (replace(FEW, metrics=("all",)),), (replace(CACHED, metrics=("all",)),)]))
    values = {key: value for key in keys if (value := agreement([draw(VALUES)])) is not None}
    origin = draw(st.sampled_from(get_args(Origin)))
    state = draw(st.sampled_from(get_args(State)))
    name = draw(WORDS)
    return Row(
        name, name, state, values, (), (), Verdict(doubts, origin=origin), stopped=draw(st.sampled_from([(), ("x",)]))
    )


@given(st.data(), st.booleans())
def test_text_fits_100_columns_whatever_is_in_it(data: st.DataObject, with_slo: bool) -> None:
    """And every number is whole: it is read back, to four digits or two places, with its marks."""
    keys = tuple(column.key for column in (*COLUMNS, *([GOODPUT] if with_slo else ())))
    found = data.draw(st.lists(any_row(keys), min_size=1, max_size=4))
    told = text(found, data.draw(WORDS), "a title")
    lines = [line for line in told.splitlines() if line[:1] in tuple("┏┃┡│└")]
    assert max(map(len, lines)) <= 100
    assert "…" not in told
    numbers = [[cell.rstrip("~^?!*") for cell in cells(line)[1:-1]] for line in lines if line[0] == "│"]
    columns = [each for each in columns_of(found) if not with_slo or each.key != "median_itl_ms"]
    expected = [[pytest.approx(row.values[each.key].median, rel=5e-3, abs=5.1e-3) for each in columns] for row in found]
    assert expected == [[float(cell) for cell in row] for row in numbers if any(row)]


SERVED = {"output_throughput": 300.0, "median_itl_ms": 20.0, "p99_itl_ms": 30.0}
LIMITED = {**SERVED, "thorexp": {"goodput_percent": 59.0}}


def heads(said: str) -> list[str]:
    return cells(next(line for line in said.splitlines() if line.startswith("┃")), "┃")


def test_an_slo_has_a_column_for_which_a_time_gives_way(tmp_path: Path) -> None:
    """The median ITL, which is near the median TPOT; a point without one has a dash."""
    said = shown((a_point(tmp_path, "load=a", result=LIMITED), a_point(tmp_path, "load=b", result=SERVED)))
    assert ["tok/s", "goodput %", "TTFT p50", "TTFT p99", "TPOT p50", "TPOT p99", "ITL p99"] == heads(said)[1:-1]
    assert ["59.00", "-"] == [cells(line)[2] for line in said.splitlines() if line.startswith("│")]


def test_without_an_slo_there_is_no_such_column(tmp_path: Path) -> None:
    """Neither on the terminal nor in CSV."""
    points = (a_point(tmp_path, "load=a", result=SERVED),)
    assert ["ITL p50", "ITL p99"] == heads(shown(points))[-3:-1]
    assert "goodput" not in as_csv(table(points))


def test_csv_has_the_goodput_of_an_slo(tmp_path: Path) -> None:
    """Beside all others: what gives way on the terminal does not here."""
    (row,) = csv_rows((a_point(tmp_path, "load=a", result=LIMITED),))
    assert ("59.0", "20.0") == (row["goodput_percent"], row["median_itl_ms"])


STOPPED = Reason("stopped_load", "SUSPECT", ("all",), "the load was given up: 10 of 400 …", "a lower load")
GIVEN_UP = {**FAST, "thorexp": {"stopped": "10 of 400 requests missed the SLO"}}


def test_a_load_that_was_ended_early_is_said(tmp_path: Path) -> None:
    """Beside the point's name, and once below the table, with why."""
    said = shown((a_point(tmp_path, "load=a", result=GIVEN_UP, reasons=(STOPPED,)),))
    assert "│a (stopped)│" in said
    assert "? stopped: load=a: 10 of 400 requests missed the SLO\n" in said
    assert "given up" not in said


def test_a_load_that_was_ended_early_and_is_accepted_is_said_without_a_mark(tmp_path: Path) -> None:
    """Its numbers have none either."""
    now = replace(BELIEVED, accept=["stopped_load"])
    said = shown((a_point(tmp_path, "load=a", result=GIVEN_UP, reasons=(STOPPED,), now=now),))
    assert "\nstopped: load=a: 10 of 400 requests missed the SLO\n" in said


@pytest.mark.parametrize(
    ("reason", "origin", "mark", "word"),
    [
        (FEW, "measured", "?", "SUSPECT"),
        (CACHED, "measured", "!", "INVALID"),
        (FEW, "simulated", "~?", "sim SUSPECT"),
        (CACHED, "imported", "!", "imp INVALID"),
    ],
    ids=["SUSPECT", "INVALID", "simulated", "imported"],
)
def test_text_of_thors_table_fits_100_columns(
    tmp_path: Path, reason: Reason, origin: Origin, mark: str, word: str
) -> None:
    """Seven models with the longest names by two loads, with times of minutes, all in doubt, and nothing is cut.

    Of large numbers it shows no places.
    """
    numbers = {column.key: 123_456.78 for column in COLUMNS} | {"output_throughput": 12_345.67}
    doubt = replace(reason, metrics=("all",))
    seed = [(f"model={model}", f"load={load}") for model in THOR_SEED for load in ("high", "low")]
    said = shown(tuple(a_point(tmp_path, *words, result=numbers, reasons=(doubt,), origin=origin) for words in seed))
    lines = [line for line in said.splitlines() if line[0] in "┏┃┡│└"]
    numbers_shown = Counter(cell for line in lines for cell in cells(line))
    assert (14, 14, 6 * 14) == (len(seed), numbers_shown[f"12346{mark}"], numbers_shown[f"123457{mark}"])
    assert 14 == sum(line.endswith(f"│{word}│") for line in lines)
    assert max(map(len, lines)) <= 100
    assert "…" not in said


EXPLAINED = "* best of several numbers without a mark, ? SUSPECT, ! INVALID: why, and what to try, is in each report\n"


def said_of(points: tuple[Point, ...], said_by: str) -> str:
    return shown(points) if said_by == "text" else markdown(table(points), "a title")


def test_text_marks_what_is_not_valid(doubted: tuple[Point, ...]) -> None:
    """Without a star, were it as low as the best; and the row by its worst."""
    lines = [cells(line) for line in shown(doubted).splitlines() if line.startswith("│")]
    assert ["5.00?", "6.00*", "6.00?", "7.00", "1.00!"] == [line[3] for line in lines]
    assert ["40.00*", "30.00", "20.00", "10.00", "99.00!"] == [line[1] for line in lines]
    assert ["SUSPECT", "VALID", "SUSPECT", "VALID", "INVALID"] == [line[8] for line in lines]


def test_what_nobody_judged_is_marked(tmp_path: Path) -> None:
    """As SUSPECT, with a dash for the verdict that nobody spoke."""
    said = shown((an_unjudged_point(tmp_path, "load=a", result=FAST),))
    (line,) = [cells(line) for line in said.splitlines() if line.startswith("│")]
    assert ("300.00?", "-") == (line[1], line[8])


@pytest.mark.parametrize("said_by", ["text", "markdown"])
def test_the_marks_are_explained_once(doubted: tuple[Point, ...], said_by: str) -> None:
    """Below the table."""
    said = said_of(doubted, said_by)
    assert 1 == said.count(EXPLAINED)
    assert said.index("7.00") < said.index(EXPLAINED)


@pytest.mark.parametrize("said_by", ["text", "markdown"])
def test_a_reason_is_said_once_with_the_points_that_it_speaks_against(doubted: tuple[Point, ...], said_by: str) -> None:
    """In the order of the table, with its evidence."""
    said = said_of(doubted, said_by)
    few = "? few_samples: load=a, load=c: P99 of 10 values: p99_ttft_ms\n"
    cached = "! prefix_cache_hits: load=e: 96 of 128 prompt tokens\n"
    assert f"{EXPLAINED}{few}{cached}" in said
    assert 1 == said.count("few_samples")


@pytest.mark.parametrize("said_by", ["text", "markdown"])
def test_what_is_accepted_is_said_once_before_what_counts(accepting: tuple[Point, ...], said_by: str) -> None:
    """With the points that would have it against them, and without a mark."""
    said = said_of(accepting, said_by)
    cached = "! prefix_cache_hits: load=c: 96 of 128 prompt tokens\n"
    assert f"{EXPLAINED}  accepted few_samples: load=a, load=c\n{cached}" in said
    assert 1 == said.count("few_samples")


@pytest.mark.parametrize("said_by", ["text", "markdown"])
def test_what_nobody_has_is_not_said_to_be_accepted(doubted: tuple[Point, ...], said_by: str) -> None:
    """Where every reason counts."""
    assert "accepted" not in said_of(doubted, said_by)


def test_a_number_with_an_accepted_reason_has_no_mark(accepting: tuple[Point, ...]) -> None:
    """What does count of the third marks its TTFT and its throughput."""
    lines = [cells(line) for line in shown(accepting).splitlines() if line.startswith("│")]
    assert [("40.00*", "5.00*"), ("30.00", "5.00*"), ("20.00!", "5.00!")] == [(line[1], line[3]) for line in lines]
    assert ["VALID", "VALID", "INVALID"] == [line[8] for line in lines]


def test_csv_has_what_is_accepted_beside_what_counts(accepting: tuple[Point, ...]) -> None:
    """By name, empty without."""
    expected = [("VALID", "", "few_samples"), ("VALID", "", ""), ("INVALID", "prefix_cache_hits", "few_samples")]
    assert expected == [(row["verdict"], row["reasons"], row["accepted"]) for row in csv_rows(accepting)]
    assert as_csv(table(accepting)).startswith("point,state,repeats,verdict,origin,reasons,accepted,output_throughput,")


def test_csv_has_several_that_are_accepted_in_one_cell(tmp_path: Path) -> None:
    """The worst first, as of reasons."""
    now = replace(BELIEVED, accept=["few_samples", "prefix_cache_hits"])
    (row,) = csv_rows((a_point(tmp_path, "load=a", result=FAST, reasons=(FEW, CACHED), now=now),))
    assert ("VALID", "", "prefix_cache_hits;few_samples") == (row["verdict"], row["reasons"], row["accepted"])


def test_the_same_reason_on_other_grounds_is_said_apart(tmp_path: Path) -> None:
    """Each with its own evidence."""
    other = replace(FEW, evidence="P99 of 20 values: p99_ttft_ms")
    points = (a_point(tmp_path, f"load={i}", result=FAST, reasons=(each,)) for i, each in enumerate((FEW, other)))
    said = shown(tuple(points))
    assert "? few_samples: load=0: P99 of 10 values: p99_ttft_ms\n" in said
    assert "? few_samples: load=1: P99 of 20 values: p99_ttft_ms\n" in said


@pytest.mark.parametrize("said_by", ["text", "markdown"])
def test_answers_of_other_lengths_are_said(tmp_path: Path, said_by: str) -> None:
    """128 tokens of one request and 100 of another; which of them is wrong nobody knows."""
    asked = {"num_prompts": 1, "completed": 1, "thorexp": {"planned_output_tokens": 128}}
    points = tuple(
        a_point(tmp_path, f"load={i}", result={**FAST, **asked, "total_output_tokens": tokens})
        for i, tokens in enumerate((128, 100))
    )
    said = said_of(points, said_by)
    assert "? output_lengths_differ: load=0, load=1: 100.00 tokens an answer at load=1, 128.00 at load=0; try: " in said


@pytest.mark.parametrize("said_by", ["text", "markdown"])
def test_nothing_to_judge_needs_no_explanation(said_by: str) -> None:
    """Where every point failed."""
    assert "INVALID" not in said_of((a_failed_point("load=a"),), said_by)


SIMULATED = "sim: simulated, nothing was measured\n"
IMPORTED = "imp: imported, measured by others\n"


def test_text_says_the_origin_before_the_standing(foreign: tuple[Point, ...]) -> None:
    """In short; of what was measured the standing alone."""
    lines = [cells(line) for line in shown(foreign).splitlines() if line.startswith("│")]
    assert ["sim VALID", "sim SUSPECT", "VALID", "VALID", "imp SUSPECT", "imp VALID"] == [line[8] for line in lines]


def test_text_marks_what_is_simulated(foreign: tuple[Point, ...]) -> None:
    """Before the mark of its standing; and only what was measured is the best of several, whoever has the same number.

    What is imported has no mark of its own.
    """
    lines = [cells(line) for line in shown(foreign).splitlines() if line.startswith("│")]
    assert ["70.00~", "60.00~?", "50.00*", "40.00", "30.00?", "20.00"] == [line[1] for line in lines]
    assert ["90.50~", "90.50~", "90.50*", "90.50*", "90.50", "90.50"] == [line[2] for line in lines]


def test_text_marks_the_best_of_what_is_all_simulated(simulated: tuple[Point, ...]) -> None:
    """Behind the mark that it is simulated; what is no number has none."""
    lines = [cells(line) for line in shown(simulated).splitlines() if line.startswith("│")]
    assert ["300.00~*", "90.50~?", "-"] == lines[0][1:4]
    assert ["100.00~", "30.25~", "-"] == lines[1][1:4]
    assert ["failed", "-", "-"] == lines[2][1:4]


def test_text_explains_origins_before_all_else_below_the_table(foreign: tuple[Point, ...]) -> None:
    """A line each, and the mark of what is simulated with the others."""
    remarks = shown(foreign).partition("┘\n")[2]
    assert remarks.startswith(f"{SIMULATED}{IMPORTED}~ simulated, * best of several (of measured ones, ")


def test_text_explains_only_origins_that_are_there(tmp_path: Path, points: tuple[Point, ...]) -> None:
    """Imported results have no mark that would need it."""
    imported = a_point(tmp_path, "model=c", "load=low", result=SLOW, origin="imported")
    assert f"┘\n{IMPORTED}{EXPLAINED}" in shown((*points, imported))


def test_text_of_what_was_measured_explains_no_origin(points: tuple[Point, ...]) -> None:
    """Its remarks begin with the marks that it has."""
    assert f"┘\n{EXPLAINED}" in shown(points)


def test_csv_has_the_origin_beside_the_bare_verdict(foreign: tuple[Point, ...]) -> None:
    """In a column of its own."""
    assert [("VALID", "simulated"), ("SUSPECT", "simulated"), ("VALID", "measured")] == [
        (row["verdict"], row["origin"]) for row in csv_rows(foreign)[:3]
    ]
    assert as_csv(table(foreign)).startswith("point,state,repeats,verdict,origin,reasons,accepted,output_throughput,")


def test_csv_of_what_failed_has_no_origin() -> None:
    """There is no number to be from anywhere."""
    (row,) = csv_rows((a_failed_point("load=a"),))
    assert "" == row["origin"]


def test_csv_has_verdict_and_reasons(doubted: tuple[Point, ...]) -> None:
    """By name, empty without."""
    assert [("SUSPECT", "few_samples"), ("VALID", ""), ("SUSPECT", "few_samples"), ("VALID", "")] == [
        (row["verdict"], row["reasons"]) for row in csv_rows(doubted)[:4]
    ]


def test_csv_has_the_worst_reason_first(tmp_path: Path) -> None:
    """Several in one cell, as directories are."""
    (row,) = csv_rows((a_point(tmp_path, "load=a", result=FAST, reasons=(FEW, CACHED)),))
    assert ("INVALID", "prefix_cache_hits;few_samples") == (row["verdict"], row["reasons"])


def test_csv_of_what_failed_has_no_verdict() -> None:
    """Nor has it reasons, accepted or not: there is no number to believe."""
    (row,) = csv_rows((a_failed_point("load=a"),))
    assert ("", "", "") == (row["verdict"], row["reasons"], row["accepted"])


def test_csv_of_what_nobody_judged_has_a_dash(tmp_path: Path) -> None:
    """Which is no VALID."""
    (row,) = csv_rows((an_unjudged_point(tmp_path, "load=a", result=FAST),))
    assert ("-", "", "") == (row["verdict"], row["reasons"], row["accepted"])


def test_csv_has_a_doubted_percentile_as_a_number(doubted: tuple[Point, ...]) -> None:
    """Without a mark."""
    assert ["5.0", "6.0", "6.0", "7.0", "1.0"] == [row["p99_ttft_ms"] for row in csv_rows(doubted)]


def test_text_shows_a_value_in_brackets(tmp_path: Path) -> None:
    """Two presets chosen together are written as a list, which is no markup."""
    words = ("engine=[eager,kv_fp8]", "engine=default")
    said = shown(tuple(a_point(tmp_path, word, result=FAST) for word in words))
    assert "│[eager,kv_fp8]" in said


def test_text_is_plain_wherever_it_is_made(points: tuple[Point, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """A wish for colours does not put escapes into a file."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in shown(points)


@pytest.mark.parametrize("said_by", ["text", "markdown"])
def test_repeats_that_disagree_are_said(tmp_path: Path, said_by: str) -> None:
    """100 and 110 tokens/s lie 9.5 % of 105 apart; 20.0 and 20.2 ms are close enough."""
    results = ({"output_throughput": rate, "median_tpot_ms": ms} for rate, ms in ((100.0, 20.0), (110.0, 20.2)))
    said = said_of(tuple(a_point(tmp_path, "load=a", result=result) for result in results), said_by)
    assert "? repeats_disagree: load=a: output_throughput 9.5 %; try: more repeats" in said


def test_csv_has_what_was_measured_in_full(tmp_path: Path) -> None:
    """To the last digit, under vLLM's names; empty where absent."""
    (row,) = csv_rows((a_point(tmp_path, "load=a", result={"output_throughput": 100 / 3, "median_ttft_ms": None}),))
    assert (100 / 3, "") == (float(row["output_throughput"]), row["median_ttft_ms"])
    assert ("load=a", "finished", "1", "") == (row["point"], row["state"], row["repeats"], row["error"])
    assert str(tmp_path / "0") == row["directories"]


def test_csv_has_median_spread_and_interval_of_repeats(tmp_path: Path) -> None:
    """10, 20 and 12: mean 14, variance (16 + 36 + 4) / 2; Student's t of two degrees of freedom is 4.303."""
    (row,) = csv_rows(tuple(a_point(tmp_path, "x", result={"p99_itl_ms": each}) for each in (10.0, 20.0, 12.0)))
    half = 4.303 * (56 / 2) ** 0.5 / 3**0.5
    expected = {"": 12.0, "_spread": 10 / 12, "_low": 14 - half, "_high": 14 + half}
    assert pytest.approx(expected) == {suffix: float(row[f"p99_itl_ms{suffix}"]) for suffix in expected}


def test_csv_of_one_run_has_neither_spread_nor_interval(tmp_path: Path) -> None:
    """Empty, not zero."""
    (row,) = csv_rows((a_point(tmp_path, "x", result={"p99_itl_ms": 10.0}),))
    assert ("10.0", "", "", "") == tuple(row[f"p99_itl_ms{suffix}"] for suffix in ("", "_spread", "_low", "_high"))


def test_csv_has_failed_rows_last_with_why(points: tuple[Point, ...]) -> None:
    """An error of several lines stays in its cell."""
    found = csv_rows(points)
    assert ["finished", "finished", "failed"] == [row["state"] for row in found]
    assert ("b does not fit on cpu.\n  try  another", "") == (found[-1]["error"], found[-1]["output_throughput"])


def test_csv_has_the_rows_of_the_table(points: tuple[Point, ...]) -> None:
    """In the same order."""
    assert [row.name for row in table(points)] == [row["point"] for row in csv_rows(points)]


def test_an_error_shows_no_password() -> None:
    """Which it may quote with the URL of a server: neither as text nor as CSV, nor as Markdown."""
    failed = (Point(("load=a",), "load=a", None, "failed", "No answer from http://ann:PW@thor"),)
    said = (shown(failed), as_csv(table(failed)), markdown(table(failed), "a title"))
    assert [True] * 3 == ["No answer from http://***@thor" in each for each in said]

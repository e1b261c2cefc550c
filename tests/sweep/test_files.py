"""A sweep's rows as text, CSV, Markdown and a plot."""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.records import BELIEVED
from tests.sweep.makers import CACHED, FEW, MODELS, a_failed_point, a_point, an_unjudged_point
from thorexp.measure.verdict import Origin, Reason
from thorexp.sweep.files import as_csv, frontier_html, markdown, text
from thorexp.sweep.summary import COLUMNS, Point, Row, rows

FAST = {"output_throughput": 300.0, "median_ttft_ms": 90.5, "median_tpot_ms": 40.0}
SLOW = {"output_throughput": 100.0, "median_ttft_ms": 30.25, "median_tpot_ms": 20.0}
THOR_SEED = [model for model in MODELS if not model.startswith("tiny")]


@pytest.fixture
def points(tmp_path: Path) -> tuple[Point, ...]:
    """One that failed, one that is slow, one that is fast."""
    return (
        a_failed_point("model=b", "load=high", error="b does not fit on cpu.\n  try  another"),
        a_point(tmp_path, "model=a", "load=low", result=SLOW),
        a_point(tmp_path, "model=a", "load=high", result=FAST),
    )


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
    """Seven models with the longest names by two loads, with times of minutes, all in doubt, and nothing is cut."""
    numbers = {column.key: 123_456.78 for column in COLUMNS} | {"output_throughput": 12_345.67}
    doubt = replace(reason, metrics=("all",))
    seed = [(f"model={model}", f"load={load}") for model in THOR_SEED for load in ("high", "low")]
    said = shown(tuple(a_point(tmp_path, *words, result=numbers, reasons=(doubt,), origin=origin) for words in seed))
    lines = [line for line in said.splitlines() if line[0] in "┏┃┡│└"]
    assert (14, 14) == (len(seed), said.count(f"│12345.67{mark}"))
    assert 6 * 14 == said.count(f"│123456.78{mark}")
    assert 14 == sum(line.endswith(f"│{word}│") for line in lines)
    assert max(map(len, lines)) <= 100
    assert "…" not in said


@pytest.fixture
def doubted(tmp_path: Path) -> tuple[Point, ...]:
    """Two of too few requests for their P99, of which one is the lowest, two of enough, and one from the cache."""
    return (
        a_point(tmp_path, "load=a", result={"output_throughput": 40.0, "p99_ttft_ms": 5.0}, reasons=(FEW,)),
        a_point(tmp_path, "load=b", result={"output_throughput": 30.0, "p99_ttft_ms": 6.0}),
        a_point(tmp_path, "load=c", result={"output_throughput": 20.0, "p99_ttft_ms": 6.0}, reasons=(FEW,)),
        a_point(tmp_path, "load=d", result={"output_throughput": 10.0, "p99_ttft_ms": 7.0}),
        a_point(tmp_path, "load=e", result={"output_throughput": 99.0, "p99_ttft_ms": 1.0}, reasons=(CACHED,)),
    )


EXPLAINED = "* best of several numbers without a mark, ? SUSPECT, ! INVALID: why, and what to try, is in each report\n"


def said_of(points: tuple[Point, ...], said_by: str) -> str:
    return shown(points) if said_by == "text" else markdown(table(points), "a title")


def test_text_marks_what_is_not_valid(doubted: tuple[Point, ...]) -> None:
    """Without a star, were it as low as the best; and the row by its worst."""
    lines = [cells(line) for line in shown(doubted).splitlines() if line.startswith("│")]
    assert ["5.00?", "6.00*", "6.00?", "7.00", "1.00!"] == [line[3] for line in lines]
    assert ["40.00*", "30.00", "20.00", "10.00", "99.00!"] == [line[1] for line in lines]
    assert ["SUSPECT", "VALID", "SUSPECT", "VALID", "INVALID"] == [line[8] for line in lines]


def test_markdown_marks_what_is_not_valid(doubted: tuple[Point, ...]) -> None:
    """And not in bold."""
    lines = [cells(line, "|") for line in markdown(table(doubted), "a title").splitlines()[4:9]]
    assert ["5.00?", "**6.00**", "6.00?", "7.00", "1.00!"] == [line[3] for line in lines]
    assert ["SUSPECT", "VALID", "SUSPECT", "VALID", "INVALID"] == [line[8] for line in lines]


def test_markdown_marks_the_median_of_repeats(tmp_path: Path) -> None:
    """5 and 7: behind half the interval, which is t · √2 / √2."""
    repeats = (a_point(tmp_path, "load=a", result={"p99_ttft_ms": ms}, reasons=(FEW,)) for ms in (5.0, 7.0))
    assert "| 6.00 ± 12.71? |" in markdown(table(tuple(repeats)), "a title")


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


@pytest.fixture
def accepting(tmp_path: Path) -> tuple[Point, ...]:
    """Three that accept too few requests for their P99, of which two have it; one of them is from the cache too."""
    now = replace(BELIEVED, accept=["few_samples"])
    return tuple(
        a_point(tmp_path, f"load={name}", result={"output_throughput": rate, "p99_ttft_ms": 5.0}, reasons=of, now=now)
        for name, rate, of in (("a", 40.0, (FEW,)), ("b", 30.0, ()), ("c", 20.0, (CACHED, FEW)))
    )


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


@pytest.fixture
def foreign(tmp_path: Path) -> tuple[Point, ...]:
    """Of each origin one that is VALID and one that is not, and another that was measured; each is as fast to begin."""
    doubt = replace(FEW, metrics=("throughput",))
    found: tuple[tuple[str, Origin, float, tuple[Reason, ...]], ...] = (
        ("a", "simulated", 70.0, ()),
        ("b", "simulated", 60.0, (doubt,)),
        ("c", "measured", 50.0, ()),
        ("d", "measured", 40.0, ()),
        ("e", "imported", 30.0, (doubt,)),
        ("f", "imported", 20.0, ()),
    )
    return tuple(
        a_point(tmp_path, f"load={name}", result={**FAST, "output_throughput": rate}, reasons=reasons, origin=origin)
        for name, origin, rate, reasons in found
    )


@pytest.fixture
def simulated(tmp_path: Path) -> tuple[Point, ...]:
    """Two, of which the faster is SUSPECT, and one that failed."""
    doubt = replace(FEW, metrics=("ttft",))
    return (
        a_point(tmp_path, "load=a", result=FAST, reasons=(doubt,), origin="simulated"),
        a_point(tmp_path, "load=b", result=SLOW, origin="simulated"),
        a_failed_point("load=c"),
    )


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


def test_markdown_has_the_origin_in_full(foreign: tuple[Point, ...]) -> None:
    """So that no remark need explain it; in bold is only what was measured."""
    said = markdown(table(foreign), "a title")
    lines = [cells(line, "|") for line in said.splitlines()[4:10]]
    assert ["SIMULATED, VALID", "SIMULATED, SUSPECT", "VALID", "VALID", "IMPORTED, SUSPECT", "IMPORTED, VALID"] == [
        line[8] for line in lines
    ]
    assert ["70.00~", "60.00~?", "**50.00**", "40.00", "30.00?", "20.00"] == [line[1] for line in lines]
    assert (False, False) == (SIMULATED in said, IMPORTED in said)


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


def test_markdown_marks_the_best_in_bold(points: tuple[Point, ...]) -> None:
    """A title, then a table that any renderer takes."""
    title, _, heads, rule, *lines = markdown(table(points), "a title").splitlines()
    assert ("a title", 9, 9) == (title, len(cells(heads, "|")), len(cells(rule, "|")))
    assert ["model=a load=high", "**300.00**", "90.50", "-", "40.00", *3 * ["-"], "VALID"] == cells(lines[0], "|")
    assert ["model=a load=low", "100.00", "**30.25**", "-", "**20.00**", *3 * ["-"], "VALID"] == cells(lines[1], "|")


def test_markdown_has_failed_rows_last_with_why(points: tuple[Point, ...]) -> None:
    """The reason as it is laid out, below the table."""
    said = markdown(table(points), "a title")
    assert "| model=b load=high | failed | - | - | - | - | - | - |  |\n\n```\n" in said
    assert "```\nmodel=b load=high\nb does not fit" in said.replace(EXPLAINED, "")
    assert said.endswith("  try  another\n```\n")


def test_markdown_without_remarks_is_a_table_alone() -> None:
    """No empty block of remarks."""
    not_run = Point(("load=a",), "load=a", None, "not run")
    assert "```" not in markdown(table((not_run,)), "a title")


def test_markdown_keeps_a_bar_in_its_cell(tmp_path: Path) -> None:
    """A name with a bar does not make another column."""
    assert r"| x=a\|b |" in markdown(table((a_point(tmp_path, "x=a|b", result=FAST),)), "a title")


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


def plot(points: tuple[Point, ...]) -> str:
    html = frontier_html(table(points), "a sweep")
    assert html is not None
    return html


def test_the_frontier_opens_without_a_network(points: tuple[Point, ...]) -> None:
    """Its scripts are in it."""
    html = plot(points)
    tags = re.findall(r"<(?:script|link|img|iframe)\b[^>]*>", html)
    assert len(tags) > 0
    assert [] == [tag for tag in tags if re.search(r"(?:src|href)\s*=", tag)]


def test_the_frontier_has_every_point_that_was_measured(points: tuple[Point, ...]) -> None:
    """40 ms a token are 25 tokens/s for a user, 20 ms are 50."""
    data = plot(points).rpartition("Plotly.newPlot(")[2]
    assert '"text":["a high","a low"]' in data
    assert '"x":[25.0,50.0],"y":[300.0,100.0]' in data
    assert "model=b" not in data


def test_the_frontiers_line_leaves_out_what_is_beaten(tmp_path: Path) -> None:
    """50 tokens/s each at 100 in all are worse than 50 at 200."""
    results = [(20.0, 200.0), (20.0, 100.0), (40.0, 300.0)]
    points = (
        a_point(tmp_path, f"load={i}", result={"median_tpot_ms": tpot, "output_throughput": rate})
        for i, (tpot, rate) in enumerate(results)
    )
    data = plot(tuple(points)).rpartition("Plotly.newPlot(")[2]
    assert '"x":[50.0,25.0],"y":[200.0,300.0]' in data


def test_the_frontiers_line_leaves_out_what_is_invalid(tmp_path: Path) -> None:
    """It would beat the others by far; it is shown, as a cross, and what is SUSPECT hollow."""
    fast, suspect, good = ((10.0, 900.0), (20.0, 200.0), (40.0, 300.0))
    doubts = ((fast, (CACHED,)), (suspect, (replace(FEW, metrics=("tpot",)),)), (good, ()))
    points = (
        a_point(tmp_path, f"load={i}", result={"median_tpot_ms": tpot, "output_throughput": rate}, reasons=reasons)
        for i, ((tpot, rate), reasons) in enumerate(doubts)
    )
    data = plot(tuple(points)).rpartition("Plotly.newPlot(")[2]
    assert '"x":[50.0,25.0],"y":[200.0,300.0]' in data
    assert '"x":[25.0,50.0,100.0],"y":[300.0,200.0,900.0]' in data
    assert '"symbol":["circle","circle-open","x"]' in data


def test_the_frontier_tells_origins_apart(foreign: tuple[Point, ...]) -> None:
    """A trace each: diamonds were simulated, squares are of others, hollow what is SUSPECT; and in words on hover."""
    data = plot(foreign).rpartition("Plotly.newPlot(")[2]
    words = ['"VALID","VALID"', '"simulated VALID","simulated SUSPECT"', '"imported SUSPECT","imported VALID"']
    assert [f'"hovertext":[{each}]' for each in words] == re.findall(r'"hovertext":\[[^\]]*\]', data)
    symbols = ['"circle","circle"', '"diamond","diamond-open"', '"square-open","square"']
    assert [f'"symbol":[{each}]' for each in symbols] == re.findall(r'"symbol":\[[^\]]*\]', data)


@pytest.mark.parametrize(("origin", "symbol"), [("simulated", "diamond-x-open"), ("imported", "square-x-open")])
def test_what_is_invalid_is_crossed_in_its_own_shape(tmp_path: Path, origin: Origin, symbol: str) -> None:
    """Neither a measured one, nor one to be believed."""
    doubt = replace(CACHED, metrics=("all",))
    point = a_point(tmp_path, "load=a", result=FAST, reasons=(doubt,), origin=origin)
    assert f'"symbol":["{symbol}"]' in plot((point,))


def test_the_frontiers_line_joins_what_was_measured(foreign: tuple[Point, ...]) -> None:
    """Two simulated points are beyond it; 1000 / 40 ms are 25 tokens/s for a user."""
    data = plot(foreign).rpartition("Plotly.newPlot(")[2]
    assert '"x":[25.0],"y":[50.0]' in data


def test_the_frontier_of_what_is_all_simulated_has_a_line(simulated: tuple[Point, ...]) -> None:
    """It is of one origin."""
    data = plot(simulated).rpartition("Plotly.newPlot(")[2]
    assert '"x":[50.0,25.0],"y":[100.0,300.0]' in data


def test_the_frontier_of_what_is_all_simulated_says_so(
    simulated: tuple[Point, ...], foreign: tuple[Point, ...]
) -> None:
    """In its title, as one of several origins does not."""
    titles = tuple('"text":"simulated: a sweep"' in plot(points) for points in (simulated, foreign))
    assert (True, False) == titles


@pytest.mark.parametrize("word", ["throughput", "tpot"])
def test_a_place_is_as_well_as_the_worse_of_its_numbers(tmp_path: Path, word: str) -> None:
    """TPOT and throughput make it."""
    doubt = replace(CACHED, metrics=(word,))
    assert '"symbol":["x"]' in plot((a_point(tmp_path, "load=a", result=FAST, reasons=(doubt,)),))


def test_a_place_that_nobody_judged_is_hollow(tmp_path: Path) -> None:
    """As what is SUSPECT."""
    assert '"symbol":["circle-open"]' in plot((an_unjudged_point(tmp_path, "load=a", result=FAST),))


def test_a_number_that_makes_no_place_does_not_mark_it(tmp_path: Path) -> None:
    """TTFT is not in the plot."""
    assert '"symbol":["circle"]' in plot((a_point(tmp_path, "load=a", result=FAST, reasons=(FEW,)),))


@pytest.mark.parametrize("result", [{"output_throughput": 300.0}, {"median_tpot_ms": 40.0}, {}], ids=str)
def test_no_point_no_frontier(tmp_path: Path, result: dict[str, float]) -> None:
    """Absent, not empty, where no point has both numbers."""
    assert frontier_html(table((a_point(tmp_path, "load=a", result=result),)), "a sweep") is None

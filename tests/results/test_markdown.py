"""A sweep as Markdown, to paste into an issue or a blog."""

from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.records import MS, a_record, a_result, a_summary
from tests.sweep.makers import CACHED, FAST, FEW, a_point, a_reported_point
from thorexp.importer import imports
from thorexp.judge import main as judge
from thorexp.measure.headings import names_over
from thorexp.measure.verdict import Origin, Verdict
from thorexp.report import Result, parse
from thorexp.result_files import read
from thorexp.results.markdown import markdown
from thorexp.results.summary import Point, Row, rows
from thorexp.rundir import RESULT, RunDir
from thorexp.tracking.sweep_note import REPORTS

LEGEND = "* best of several numbers without a mark, ? SUSPECT, ! INVALID: why, and what to try, is in each report\n"
BENCHMARK = "============ Serving Benchmark Result ============"


def table(*points: Point) -> tuple[Row, ...]:
    return rows(points)[1]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def lines_of_table(said: str) -> list[list[str]]:
    """Without its rule."""
    heads, _, *lines = [line for line in said.splitlines() if line.startswith("|")]
    return [cells(heads), *map(cells, lines)]


def rendered(said: str) -> list[Token]:
    """As GitHub reads it: CommonMark with tables."""
    return MarkdownIt("commonmark").enable("table").parse(said)


def contents(said: str, opened_by: str) -> list[str]:
    """What stands in each block of that kind."""
    tokens = rendered(said)
    return [after.content for token, after in pairwise(tokens) if token.type == opened_by]


def fences(said: str) -> list[str]:
    return [token.content for token in rendered(said) if token.type == "fence"]


def a_told(tokens_per_request: int = 2, origin: Origin = "measured", model: str = "Qwen/Qwen3-32B-AWQ") -> Result:
    """Two requests of so many tokens each, 100 ms apart."""
    stamps = tuple(100 * MS * (i + 1) for i in range(tokens_per_request))
    summary = a_summary(*(a_record(token_ns=stamps, output_tokens=tokens_per_request) for _ in range(2)))
    extras = {"cold_cache": "verified", "planned_input_tokens": 204_800, "planned_output_tokens": 12_800}
    return a_result(summary, model_id=model, extras=extras, verdict=Verdict((FEW,), origin=origin))


@pytest.fixture
def sweep(tmp_path: Path) -> tuple[Point, ...]:
    """Two models by two loads, the low one first."""
    return tuple(
        a_reported_point(
            tmp_path,
            f"model={model}",
            f"load={load}",
            result=a_told(tokens, model=f"Qwen/{model}"),
            tags={"load": load},
        )
        for model, faster in (("Qwen3-32B-AWQ", 2), ("Qwen3-30B-A3B", 5))
        for load, tokens in (("low", faster + 1), ("high", faster))
    )


def test_the_best_is_bold(points: tuple[Point, ...]) -> None:
    """In a table that any renderer takes."""
    heads, first, second, _ = lines_of_table(markdown(table(*points), "a title"))
    assert ["point", "tok/s", "TTFT p50", "TTFT p99", "TPOT p50", "TPOT p99", "ITL p50", "ITL p99", "verdict"] == heads
    assert ["model=a load=high", "**300.00**", "90.50", "-", "40.00", *3 * ["-"], "VALID"] == first
    assert ["model=a load=low", "100.00", "**30.25**", "-", "**20.00**", *3 * ["-"], "VALID"] == second


def test_what_is_not_valid_is_marked(doubted: tuple[Point, ...]) -> None:
    """And not in bold."""
    _, *lines = lines_of_table(markdown(table(*doubted), "a title"))
    assert ["5.00?", "**6.00**", "6.00?", "7.00", "1.00!"] == [line[3] for line in lines]
    assert ["SUSPECT", "VALID", "SUSPECT", "VALID", "INVALID"] == [line[8] for line in lines]


def test_the_median_of_repeats_is_marked(tmp_path: Path) -> None:
    """5 and 7: behind half the interval, which is t · √2 / √2."""
    repeats = (a_point(tmp_path, "load=a", result={"p99_ttft_ms": ms}, reasons=(FEW,)) for ms in (5.0, 7.0))
    assert "| 6.00 ± 12.71? |" in markdown(table(*repeats), "a title")


def test_the_origin_is_said_in_full(foreign: tuple[Point, ...]) -> None:
    """So that no remark need explain it; in bold is only what was measured."""
    said = markdown(table(*foreign), "a title")
    _, *lines = lines_of_table(said)
    words = ["SIMULATED, VALID", "SIMULATED, SUSPECT", "VALID", "VALID", "IMPORTED, SUSPECT", "IMPORTED, VALID"]
    assert words == [line[8] for line in lines]
    assert ["70.00~", "60.00~?", "**50.00**", "40.00", "30.00?", "20.00"] == [line[1] for line in lines]
    assert "- origin: measured; simulated, nothing was measured; imported, measured by others\n" in said


def test_failed_rows_come_last_with_why(points: tuple[Point, ...]) -> None:
    """The reason as it is laid out, below the table."""
    said = markdown(table(*points), "a title")
    assert ["model=b load=high", "failed", *6 * ["-"], ""] == lines_of_table(said)[-1]
    assert [f"{LEGEND}model=b load=high\nb does not fit on cpu.\n  try  another\n"] == fences(said)


def test_without_remarks_and_reports_it_is_a_table_alone() -> None:
    """No empty block, no heading over nothing."""
    said = markdown(table(Point(("load=a",), "load=a", None, "not run")), "a title")
    assert (["inline"], 1) == ([t.type for t in rendered(said)][1:2], said.count("a title"))
    assert ([], []) == (fences(said), contents(said, "heading_open"))


@pytest.mark.parametrize(
    "name", ["x=a|b", r"x=a\|b", "x=*a*", "x=`a`", "x=<b>", "x=_a_", "model=qwen3_32b_awq", "x=a\nb"]
)
def test_a_name_stays_as_it_is_in_its_cell(tmp_path: Path, name: str) -> None:
    """Whatever Markdown would read in it: no bar makes a column, no line ends the row."""
    row = contents(markdown(table(a_point(tmp_path, name, result=FAST)), "a title"), "td_open")
    inline = MarkdownIt("commonmark").parseInline(row[0])[0].children or []
    assert (9, " ".join(name.split())) == (len(row), "".join(token.content for token in inline))
    assert {"text", "text_special"} >= {token.type for token in inline}


def test_a_fence_in_an_error_does_not_close_its_block(tmp_path: Path) -> None:
    """A server's log may have one."""
    error = "It died.\n```\nTraceback\n```"
    said = markdown(table(Point(("load=a",), "load=a", None, "failed", error)), "a title")
    assert [f"load=a\n{error}\n"] == fences(said)


def test_the_top_says_where_it_is_from(sweep: tuple[Point, ...]) -> None:
    """What was typed, without a password, and when; a table and its remarks; then the first heading."""
    top, heading, _ = markdown(table(*sweep), "a title", "-m tracking.uri=http://ann:secret@thor:5000").partition(
        REPORTS
    )
    title, _, command, origin, date, *_ = top.splitlines()
    assert ("a title", "- origin: measured", "- date: 2023-11-1") == (title, origin, date[:17])
    assert "- command: `python -m thorexp -m tracking.uri=http://***@thor:5000`" == command
    assert (REPORTS, [], 1) == (heading, contents(top, "heading_open"), len(fences(top)))


def test_each_model_has_a_section_of_its_high_and_its_low_load(sweep: tuple[Point, ...]) -> None:
    """As the published table has; the fastest model first."""
    said = markdown(table(*sweep), "a title")
    assert [REPORTS.removeprefix("## "), "Qwen3-30B-A3B", "Qwen3-32B-AWQ"] == contents(said, "heading_open")
    asked = "100 requests, 8 at once, 2048 tokens in, 128 out"
    bullets = [line for line in said.partition(REPORTS)[2].splitlines() if line.startswith("- ")]
    assert 2 * [f"- high: {asked}", f"- low: {asked}"] == bullets


def test_the_numbers_are_read_back(sweep: tuple[Point, ...]) -> None:
    """The same as each job's own report says, under the name of its model."""
    said = markdown(table(*sweep), "a title")
    own = [next(parse((point.directory / "report.txt").read_text())) for point in sweep if point.directory]
    told = list(parse(said))
    assert sorted(map(str, own)) == sorted(map(str, told))
    begins = [at for at in range(len(said)) if said.startswith(BENCHMARK, at)]
    assert 2 * ["Qwen3-30B-A3B"] + 2 * ["Qwen3-32B-AWQ"] == list(names_over(said, list(begins)))


def test_the_judge_reads_it(sweep: tuple[Point, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each report, by the model of its heading."""
    page = tmp_path / "summary.md"
    page.write_text(markdown(table(*sweep), "a title"))
    assert 0 == judge([str(page)]), capsys.readouterr().err
    assert 2 == capsys.readouterr().out.count("| Qwen3-32B-AWQ, 8 at once |")


def test_what_was_measured_can_be_imported(sweep: tuple[Point, ...], tmp_path: Path) -> None:
    """By somebody who has the page alone: the faster model first, its high load before its low one."""
    page = tmp_path / "summary.md"
    page.write_text(markdown(table(*sweep), "a title"))
    found = [(each.judged.name, each.judged.summary.total_output_tokens) for each in imports(page, [])]
    assert [
        ("Qwen3-30B-A3B", 2 * 5),
        ("Qwen3-30B-A3B", 2 * 6),
        ("Qwen3-32B-AWQ", 2 * 2),
        ("Qwen3-32B-AWQ", 2 * 3),
    ] == found


@pytest.mark.parametrize("origin", ["simulated", "imported"])
def test_what_we_did_not_measure_says_so_over_its_report(tmp_path: Path, origin: Origin) -> None:
    """In the heading, behind the name, and in the block, before all else; the model is found all the same."""
    (tmp_path / "runs").mkdir()
    point = a_reported_point(tmp_path / "runs", "load=high", result=a_told(origin=origin))
    page = tmp_path / "summary.md"
    page.write_text(markdown(table(point), "a title"))
    assert f"Qwen3-32B-AWQ ({origin})" == contents(page.read_text(), "heading_open")[-1]
    block = fences(page.read_text())[-1]
    assert block.startswith(f"{origin.upper()}: ")
    assert f"verdict =====================\n{origin.upper()}, SUSPECT\nfew_samples: " in block
    (values,) = read(page)
    assert ("Qwen3-32B-AWQ", origin == "simulated") == (values["model_id"], "thorexp" in values)


def test_configurations_of_a_model_are_told_apart(tmp_path: Path) -> None:
    """By what was typed for them and not for all, which is no part of the name."""
    points = [
        a_reported_point(tmp_path, "model=a", "load=high", f"engine={preset}", result=a_told(tokens))
        for preset, tokens in (("[eager,kv_fp8]", 3), ("default", 2))
    ]
    said = markdown(table(*points), "a title")
    _, *headings = contents(said, "heading_open")
    assert [f"Qwen3-32B-AWQ (measured, engine={each})" for each in ("[eager,kv_fp8]", "default")] == headings
    assert ["Qwen3-32B-AWQ"] == list(names_over(said, [len(said)]))


def test_of_repeats_the_median_run_is_told(tmp_path: Path) -> None:
    """By output throughput, and it is said: of 2, 3 and 9 tokens a request that of 3."""
    points = tuple(a_reported_point(tmp_path, "load=high", base="b", result=a_told(tokens)) for tokens in (9, 2, 3))
    said = markdown(table(*points), "a title")
    assert "128 out; of 3 runs the median by output throughput\n" in said
    (told,) = parse(said)
    assert 2 * 3 == told["total_output_tokens"]


def test_a_block_is_vllms_report_and_the_verdict(tmp_path: Path) -> None:
    """Line for line, with what thorexp counts between them left out."""
    point = a_reported_point(tmp_path, "load=high", result=a_told())
    assert point.directory is not None
    whole = (point.directory / "report.txt").read_text().splitlines()
    ours, verdict = (next(i for i, line in enumerate(whole) if f" {word} " in line) for word in ("thorexp", "verdict"))
    assert [*whole[:ours], *whole[verdict:]] == fences(markdown(table(point), "a title"))[-1].splitlines()


def test_a_run_without_a_report_has_no_section(tmp_path: Path) -> None:
    """Beside one that has."""
    points = (a_point(tmp_path, "load=low", result=FAST, reasons=(CACHED,)), a_reported_point(tmp_path, "load=high"))
    said = markdown(table(*points), "a title")
    assert 1 == said.count(BENCHMARK)
    assert RunDir(points[0].directory or tmp_path).has(RESULT)


def test_all_of_a_large_sweep_renders(tmp_path: Path) -> None:
    """40 points: a table of as many rows, then as many reports."""
    points = tuple(
        a_reported_point(tmp_path, "load=high", f"engine.max_num_seqs={n}", result=a_told()) for n in range(1, 41)
    )
    said = markdown(table(*points), "a title")
    assert 40 * 9 == len(contents(said, "td_open"))
    assert (1 + 40, 1 + 40) == (len(contents(said, "heading_open")), len(fences(said)))

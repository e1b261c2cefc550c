"""Pairs, as one reads them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.compare.makers import FASTER, RATE, SLOWER, TTFT, a_pair, a_point, faster, met, slower, some_requests
from tests.sweep.makers import CACHED, FEW
from thorexp.compare.matching import between
from thorexp.compare.measured import Measured
from thorexp.compare.pairs import Pair
from thorexp.compare.sides import Source
from thorexp.compare.text import HEADS, markdown, remarks, rows, summed_up, text
from thorexp.measure.ratios import Side
from thorexp.measure.verdict import Verdict
from thorexp.rundir import RunDir

OURS = (RunDir(Path("outputs/a")),)


def cells(pair: Pair, key: str) -> dict[str, str]:
    """A row by the head of each column."""
    (row,) = (row for row in rows(pair) if row[0] == key)
    return dict(zip(HEADS, row, strict=True))


def of_run(number: float) -> Measured:
    """One run of 50 requests, of which each has this TTFT; the next run would be the same."""
    return a_point(spread=0.0, side=Side(({TTFT: number},), (some_requests(50, number),), closed=True))


def test_a_row_has_both_numbers_and_their_ratio() -> None:
    """100 and 101 ms against 80 and 80.8: √(100 · 101) and √(80 · 80.8)."""
    row = cells(faster(), TTFT)
    assert (f"{(100 * 101) ** 0.5:.5g}", f"{(80 * 80.8) ** 0.5:.5g}", f"{80 / 100:.3f}") == (
        row["A"],
        row["B"],
        row["B / A"],
    )


def test_a_row_has_its_interval() -> None:
    """Of 50 requests that are all a tenth slower nothing is by chance."""
    assert "1.100 to 1.100" == cells(a_pair(of_run(100), of_run(110)), TTFT)["95 % interval"]


def test_a_row_without_an_interval_has_a_dash() -> None:
    """One number each tells nothing of chance."""
    row = cells(a_pair(a_point(), a_point()), TTFT)
    assert ("-", "no interval") == (row["95 % interval"], row["B is"])


@pytest.mark.parametrize(("number", "shown"), [(0.012345, "0.012345"), (98.7654321, "98.765"), (123_456.7, "123457")])
def test_a_number_has_five_digits(number: float, shown: str) -> None:
    """Or all of those before the point."""
    assert shown == cells(a_pair(of_run(number), of_run(number)), TTFT)["A"]


def test_a_row_says_what_b_is() -> None:
    """In words."""
    assert ("better", "worse") == (cells(faster(), RATE)["B is"], cells(slower(), RATE)["B is"])


def test_a_row_of_what_is_not_ranked_says_so() -> None:
    """With its ratio."""
    row = cells(faster(conditions=met(hardware="another")), TTFT)
    assert ("0.800", "not ranked") == (row["B / A"], row["B is"])


def test_numbers_carry_the_mark_of_their_verdict() -> None:
    """On its own side: the cache served B's TTFT."""
    row = cells(faster(verdict=Verdict((CACHED,))), TTFT)
    assert ("100.5", "80.399!") == (row["A"], row["B"])


def test_a_simulated_number_is_marked_before_its_verdict() -> None:
    """With a wave."""
    doubted = replace(FEW, metrics=("ttft",))
    row = cells(faster(verdict=Verdict((doubted,), origin="simulated")), TTFT)
    assert "80.399~?" == row["B"]


def test_a_number_that_nobody_judged_is_suspect() -> None:
    """As in a sweep's table."""
    assert "80.399?" == cells(faster(verdict=None), TTFT)["B"]


def test_a_pair_is_summed_up_by_what_its_numbers_are() -> None:
    """Of two one is better, the other within noise."""
    steady = Side(({TTFT: 80.0, RATE: 50.0}, {TTFT: 80.8, RATE: 50.5}), ((), ()), closed=True)
    pair = a_pair(a_point(side=SLOWER), a_point(side=steady))
    assert "better in 1, within noise in 1 of 2 metrics" == summed_up(pair)


def test_a_pair_within_noise_is_summed_up_in_a_word() -> None:
    """All of it."""
    assert "within noise: all 2 metrics" == summed_up(a_pair(a_point(side=SLOWER), a_point(side=SLOWER)))


def test_it_is_said_why_a_pair_is_not_ranked() -> None:
    """Each condition."""
    told = list(remarks([faster(conditions=met(hardware="orin", load_plan="cafe"))]))
    expected = [
        "not ranked, since not measured alike: load plan c0ffee against cafe",
        "not ranked, since not measured alike: hardware jetson_agx_thor against orin",
    ]
    assert expected == told[:2]


def test_it_is_said_what_differs() -> None:
    """Which may explain it."""
    first = a_point(settings={"engine.dtype": "half"}, run_dirs=OURS)
    second = a_point(settings={"engine.dtype": "float"}, run_dirs=OURS)
    assert ["differs: engine.dtype half against float"] == list(remarks([a_pair(first, second)]))


def test_what_both_names_say_is_not_said_again() -> None:
    """The model stands above."""
    first, second = (
        a_point({"model": name, "load": "high"}, settings={"model.name": name}, run_dirs=OURS) for name in "ab"
    )
    pair = a_pair(first, second)
    assert (("model a against b",), []) == (tuple(map(str, pair.settings)), list(remarks([pair])))


def test_what_speaks_against_a_number_is_said_by_its_side() -> None:
    """With its mark and its evidence."""
    told = list(remarks([faster(verdict=Verdict((CACHED,)))]))
    assert "! B: prefix_cache_hits: 96 of 128 prompt tokens" == told[0]


def test_marks_are_explained_where_there_are_any() -> None:
    """And only there."""
    marked, plain = (list(remarks([faster(verdict=verdict)])) for verdict in (Verdict((CACHED,)), Verdict()))
    assert (1, 0) == tuple(told.count("~ simulated, ^ rehearsed, ? SUSPECT, ! INVALID") for told in (marked, plain))


def test_numbers_of_a_rehearsal_have_their_mark() -> None:
    """Before that of their standing."""
    (first, *_) = rows(faster(verdict=Verdict((CACHED,), origin="rehearsed")))
    assert first[2].endswith("^!")


STARTS = "and from what two starts may differ by (verdict.spread, or --spread, of {} %)"


def test_intervals_of_repeats_say_how_many_there_were() -> None:
    """On each side."""
    expected = f"intervals: 95 %, from 2 and 2 repeats, whose geometric means are shown, {STARTS.format(5)}"
    assert [expected] == list(remarks([faster()]))


def test_intervals_of_single_runs_say_what_they_are_made_of() -> None:
    """The larger of both."""
    first, second = of_run(100), replace(of_run(110), spread=0.08)
    expected = f"intervals: 95 %, from the requests of single runs, drawn again 1000 times, {STARTS.format(8)}"
    assert [expected] == list(remarks([a_pair(first, second)]))


def two_loads(**of_low: Any) -> tuple[Pair, ...]:
    """High, a fifth faster, and low, likewise but for this."""
    words = [{"model": "a", "load": load} for load in ("high", "low")]
    first = [a_point(each, side=SLOWER) for each in words]
    second = [a_point(words[0], side=FASTER), a_point(words[1], side=FASTER, **of_low)]
    return between(Source("first", tuple(first)), Source("second", tuple(second))).pairs


def test_what_holds_for_all_pairs_is_said_once_without_their_names() -> None:
    """How the intervals were made."""
    expected = f"intervals: 95 %, from 2 and 2 repeats, whose geometric means are shown, {STARTS.format(5)}"
    assert [expected] == list(remarks(two_loads()))


def test_what_holds_for_some_pairs_is_said_with_their_names() -> None:
    """The low load was served by another board."""
    told = list(remarks(two_loads(conditions=met(hardware="orin"))))
    assert "not ranked, since not measured alike: hardware jetson_agx_thor against orin (load=low)" in told


def test_one_pair_is_told_with_every_metric() -> None:
    """Below where both were measured."""
    lines = text([faster(where="outputs/b")]).splitlines()
    assert ["A  outputs/a", "B  outputs/b", "model=a load=high: better in 2 of 2 metrics"] == lines[:3]
    assert [TTFT, RATE] == [key for key in (TTFT, RATE) for line in lines if line.startswith(f"│{key} ")]


def test_several_pairs_are_told_in_a_line_each() -> None:
    """With the ratio of each column of a sweep and its sign."""
    high, low = [line for line in text(two_loads()).splitlines() if line.startswith(("│high", "│low"))]
    assert ("high", "1.200+", "0.800+") == tuple(cell.strip() for cell in high.split("│")[1:4])
    assert ("low", "1.200+", "0.800+") == tuple(cell.strip() for cell in low.split("│")[1:4])


def test_several_pairs_say_what_they_are_held_against_once() -> None:
    """Where all have one base."""
    one = a_point({"model": "a", "load": "c4"}, side=SLOWER)
    others = [a_point({"model": "a", "load": load}, side=FASTER) for load in ("high", "low")]
    said = text(between(Source("one", (one,), single=True), Source("others", tuple(others))).pairs)
    assert "2 pairs, B / A, where A is load=c4" == said.splitlines()[0]
    assert "against" not in said


def test_a_pair_that_is_not_ranked_has_no_sign() -> None:
    """In a line of its own it has the ratio alone."""
    said = text(two_loads(conditions=met(hardware="orin")))
    (low,) = (line for line in said.splitlines() if line.startswith("│low"))
    assert ["1.200", "0.800"] == [cell.strip() for cell in low.split("│")[2:4]]


def test_a_column_that_a_pair_lacks_has_a_dash() -> None:
    """P99 was not measured."""
    (high, _) = [line for line in text(two_loads()).splitlines() if line.startswith(("│high", "│low"))]
    assert {"-"} == {cell.strip() for cell in high.split("│")[4:-1]}


def test_signs_are_explained() -> None:
    """Where they stand for words."""
    assert "+ B is better, - worse, = within noise" in text(two_loads())


def test_markdown_has_a_section_for_each_pair() -> None:
    """With every metric."""
    lines = markdown(two_loads()).splitlines()
    assert ["### load=high", "### load=low"] == [line for line in lines if line.startswith("#")]
    assert [TTFT, RATE] * 2 == [
        line.split(" | ")[0].removeprefix("| ") for line in lines if "_" in line and "|" in line
    ]


def test_markdown_has_a_table_of_the_same_width_in_all_rows() -> None:
    """Head, rule and rows."""
    tabled = [line for line in markdown([faster()]).splitlines() if line.startswith("|")]
    assert [len(HEADS) + 1] * 4 == [line.count("|") for line in tabled]


def rendered(said: str) -> list[Token]:
    """As GitHub reads it: CommonMark with tables."""
    return MarkdownIt("commonmark").enable("table").parse(said)


def test_markdown_says_its_remarks() -> None:
    """As they are."""
    said = markdown([faster(conditions=met(hardware="orin"))])
    (remarked,) = (token.content for token in rendered(said) if token.type == "fence")
    assert "not ranked, since not measured alike: hardware jetson_agx_thor against orin\n" in remarked


BAD = "<img src=x>\n# A | *heading*"


def test_what_others_say_stays_text_in_markdown() -> None:
    """A name, a place, evidence, a condition and a gap become neither HTML nor a heading."""
    reason = replace(FEW, evidence=BAD)
    second = a_point(
        {"model": BAD}, side=FASTER, where=BAD, verdict=Verdict((reason,)), conditions=met(hardware=f"{BAD}```")
    )
    tokens = rendered(markdown([a_pair(a_point(side=SLOWER), second)], [f"failed in B: {BAD}"]))
    inline = [child for token in tokens for child in token.children or ()]
    assert 1 == sum(token.type == "heading_open" for token in tokens)
    assert {"text", "softbreak"} >= {child.type for child in inline}
    assert not any(token.type == "html_block" for token in tokens)


def test_a_gap_is_told() -> None:
    """With one pair, and with several, in text and in Markdown."""
    gap = "failed in B: load=low"
    assert all(gap in said for said in (text([faster()], [gap]), text(two_loads(), [gap]), markdown([faster()], [gap])))


def test_remarks_on_pairs_of_one_name_name_their_bases() -> None:
    """One B against two of A."""
    pairs = [replace(faster(conditions=met(hardware="orin")), base="load=low"), replace(faster(), base="load=c4")]
    expected = "hardware jetson_agx_thor against orin (model=a load=high against load=low)"
    assert any(remark.endswith(expected) for remark in remarks(pairs))


def test_points_without_a_metric_in_common_say_so() -> None:
    """One has TTFT alone, the other throughput."""
    pair = a_pair(a_point(side=Side(({TTFT: 1.0},), (), True)), a_point(side=Side(({RATE: 1.0},), (), True)))
    assert "no metric in common" == summed_up(pair)


def test_the_longest_names_of_metrics_fit_100_columns() -> None:
    """Nothing is cut."""
    key = "energy_above_idle_per_output_token_j"
    side = Side(({key: 123_456.789}, {key: 123_457.789}), ((), ()), closed=True)
    doubted = Verdict((replace(FEW, metrics=("all",)),), origin="simulated")
    said = text([a_pair(a_point(side=side, verdict=doubted), a_point(side=side, verdict=doubted))])
    assert key in said
    assert "…" not in said


def test_a_line_has_the_marks_of_both_numbers() -> None:
    """Before the sign: one is simulated, the other of too few requests."""
    doubted = Verdict((replace(FEW, metrics=("ttft",)),))
    first, second = a_point(side=SLOWER, verdict=Verdict(origin="simulated")), a_point(side=FASTER, verdict=doubted)
    said = text((a_pair(first, second), faster()))
    assert "0.800~?+" in said


def test_what_is_said_of_many_pairs_counts_them() -> None:
    """Where their names would fill the screen."""
    pairs = 3 * two_loads(conditions=met(hardware="orin"))
    assert "not ranked, since not measured alike: hardware jetson_agx_thor against orin (3 of 6 pairs)" in remarks(
        pairs
    )

"""A sweep that has ended, as rows."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from tests.records import BELIEVED
from tests.sweep.makers import CACHED, FEW, a_failed_point, a_point, a_run_dir, an_unjudged_point
from thorexp.measure.verdict import Origin, Reason, Standing, Thresholds, Verdict
from thorexp.results.summary import COLUMNS, Point, Row, best, columns_of, origin_compared, origins, rows
from thorexp.rundir import RESULT, VERDICT, RunDir

KEYS = [column.key for column in COLUMNS]
SUSPECT: Standing = "SUSPECT"
INVALID: Standing = "INVALID"


def fast(tokens_per_s: float, **others: float | None) -> dict[str, Any]:
    """A result that is so fast, and whose times nobody measured."""
    return {"output_throughput": tokens_per_s, **others}


def table(*points: Point) -> tuple[Row, ...]:
    return rows(points)[1]


def test_rows_come_by_falling_throughput(tmp_path: Path) -> None:
    """The best first, whatever was run first."""
    points = [a_point(tmp_path, f"load={i}", result=fast(i)) for i in (20, 30, 10)]
    assert ["load=30", "load=20", "load=10"] == [row.name for row in table(*points)]


def test_what_was_not_measured_comes_last(tmp_path: Path) -> None:
    """After the slowest."""
    failed = a_failed_point("load=a", error="It died.")
    points = (failed, Point(("load=b",), "b", None, "not run"), a_point(tmp_path, "load=c", result=fast(0.5)))
    assert ["load=c", "load=a", "load=b"] == [row.name for row in table(*points)]
    assert ["finished", "failed", "not run"] == [row.state for row in table(*points)]


def test_a_row_has_what_thorexp_adds_to_vllms_numbers(tmp_path: Path) -> None:
    """The goodput of its repeats, and why their loads were ended, each reason once."""
    given_up = {"goodput_percent": 40.0, "stopped": "6 of 10 requests missed the SLO"}
    (row,) = table(*(a_point(tmp_path, "load=a", result={"thorexp": given_up}) for _ in range(2)))
    assert (40.0, ("6 of 10 requests missed the SLO",)) == (row.values["goodput_percent"].median, row.stopped)


def test_a_row_has_the_words_that_set_it_apart(tmp_path: Path) -> None:
    """As they were typed."""
    points = (a_point(tmp_path, "model=a", f"load={load}", result=fast(1.0)) for load in ("high", "low"))
    assert {("load=high",), ("load=low",)} == {row.words for row in table(*points)}


@pytest.mark.parametrize("ours", [{}, {"goodput_percent": 40.0}], ids=["none", "an SLO"])
def test_there_is_a_column_of_goodput_where_a_point_has_one(tmp_path: Path, ours: dict[str, float]) -> None:
    """Behind the throughput, and among the columns that have a best."""
    points = [a_point(tmp_path, f"load={n}", result=fast(1.0) | {"thorexp": ours}) for n in (1, 2)]
    keys = [column.key for column in columns_of(table(*points))]
    expected = [KEYS[0], *ours, *KEYS[1:]]
    assert (expected, set(ours)) == (keys, best(table(*points)).keys() - {"output_throughput"})


def test_a_failed_row_says_why(tmp_path: Path) -> None:
    """Each reason once, however many repeats gave it."""
    first, *rest = (a_failed_point("load=a", error=error) for error in ("It died.", "It died.", "It hung."))
    (row,) = table(first, *rest)
    assert (("It died.", "It hung."), (), {}) == (row.errors, row.directories, row.values)


def test_a_record_that_failed_has_no_values(tmp_path: Path) -> None:
    """A directory may hold the result of a load whose job failed all the same."""
    point = a_point(tmp_path, "load=a", result=fast(20.0))
    assert point.directory is not None
    a_run_dir(point.directory, "p", status="failed", error="It died.")
    (row,) = table(replace(point, state="failed", error="It died."))
    assert {} == row.values


def test_a_directory_without_a_record_has_no_values(tmp_path: Path) -> None:
    """An interrupted job leaves one behind."""
    RunDir(tmp_path).write_json("result.json", fast(20.0))
    (row,) = table(Point(("load=a",), "a", tmp_path, "not run"))
    assert ({}, (tmp_path,)) == (row.values, row.directories)


def test_repeats_are_one_row_by_their_median(tmp_path: Path) -> None:
    """Of 10, 20 and 12 tokens/s the middle one; they spread (20 - 10) / 12."""
    (row,) = table(*(a_point(tmp_path, "load=a", result=fast(each)) for each in (10.0, 20.0, 12.0)))
    value = row.values["output_throughput"]
    assert (3, 12.0, (20 - 10) / 12) == (value.count, value.median, value.spread)
    assert 3 == len(row.directories)


@pytest.mark.parametrize(
    ("other", "state"), [("failed", "failed"), ("not run", "not run"), ("finished", "finished")], ids=str
)
def test_a_row_is_as_well_as_its_worst_repeat(tmp_path: Path, other: Any, state: str) -> None:
    """What is measured is shown all the same."""
    whole = a_point(tmp_path, "load=a", result=fast(10.0))
    (row,) = table(whole, Point(("load=a",), "load=a", None, other))
    assert (state, 10.0) == (row.state, row.values["output_throughput"].median)


def test_a_metric_that_was_not_measured_is_absent(tmp_path: Path) -> None:
    """A result of one token has no TPOT: null, and not zero."""
    (row,) = table(a_point(tmp_path, "load=a", result=fast(10.0, median_tpot_ms=None, median_ttft_ms=5.0)))
    assert {"output_throughput", "median_ttft_ms"} == set(row.values)


def test_names_leave_out_what_all_points_share(tmp_path: Path) -> None:
    """In full for a file, without keys for a table."""
    points = [a_point(tmp_path, "hardware=cpu", f"load={i}", result=fast(i)) for i in (2, 1)]
    heading, found = rows(points)
    assert ("load", [("load=2", "2"), ("load=1", "1")]) == (heading, [(row.name, row.short) for row in found])


def test_a_sweep_of_no_points_has_no_rows() -> None:
    """One that was interrupted before its first."""
    assert () == table()


def test_the_best_of_each_column_is_the_most_or_the_least(tmp_path: Path) -> None:
    """More tokens a second, and fewer milliseconds."""
    times = [key for key in KEYS if key != "output_throughput"]
    points = [a_point(tmp_path, f"load={i}", result=dict.fromkeys(times, i) | fast(i)) for i in (2.0, 3.0)]
    assert {"output_throughput": 3.0} | dict.fromkeys(times, 2.0) == best(table(*points))


def test_a_row_that_is_alone_is_not_the_best(tmp_path: Path) -> None:
    """A column with one value marks nothing."""
    points = (
        a_point(tmp_path, "load=a", result=fast(10.0, median_ttft_ms=5.0)),
        a_point(tmp_path, "load=b", result=fast(20.0)),
    )
    assert {"output_throughput": 20.0} == best(table(*points))


def test_a_row_is_valid_that_nothing_speaks_against(tmp_path: Path) -> None:
    """Judged, and found good."""
    (row,) = table(a_point(tmp_path, "load=a", result=fast(10.0)))
    assert Verdict() == row.verdict


def test_a_row_without_values_has_no_verdict() -> None:
    """There is nothing to believe."""
    (row,) = table(a_failed_point("load=a"))
    assert row.verdict is None


def test_a_reason_against_one_repeat_speaks_against_the_row(tmp_path: Path) -> None:
    """The number is made of that repeat too."""
    result = fast(10.0, p99_ttft_ms=5.0)
    (row,) = table(*(a_point(tmp_path, "load=a", result=result, reasons=reasons) for reasons in ((), (FEW,))))
    assert ("VALID", "SUSPECT") == (row.standing_of("output_throughput"), row.standing_of("p99_ttft_ms"))


def test_a_reason_against_several_repeats_is_one(tmp_path: Path) -> None:
    """The worst of its kind: of 1 failure in 20 and of 4, the 4."""
    one, four = (
        Reason("failed_requests", standing, ("all",), f"{count} of 20 requests failed", "server.log")
        for count, standing in ((1, SUSPECT), (4, INVALID))
    )
    (row,) = table(*(a_point(tmp_path, "load=a", result=fast(10.0), reasons=(each,)) for each in (one, four)))
    assert Verdict((four,)) == row.verdict


def test_a_kind_touches_what_it_touches_in_any_repeat(tmp_path: Path) -> None:
    """P99 of TTFT in one, of ITL in the other."""
    kinds = (FEW, replace(FEW, metrics=("p99_itl_ms",)))
    (row,) = table(*(a_point(tmp_path, "load=a", result=fast(10.0), reasons=(each,)) for each in kinds))
    assert ("SUSPECT", "SUSPECT", "VALID") == tuple(
        row.standing_of(key) for key in ("p99_ttft_ms", "p99_itl_ms", "p99_tpot_ms")
    )
    assert row.verdict is not None
    assert ["few_samples"] == [reason.name for reason in row.verdict.reasons]


@pytest.mark.parametrize(
    ("samples", "evidence"),
    [
        ((100.0, 105.0), None),  # 5 of 102.5 are 4.9 %
        ((100.0, 100.0, 105.0), None),  # 5 % of the median are not more than 5 %
        ((100.0, 100.0, 106.0), "output_throughput 6.0 %"),
        ((100.0,), None),
    ],
    ids=str,
)
def test_repeats_that_spread_more_than_5_percent_disagree(
    tmp_path: Path, samples: tuple[float, ...], evidence: str | None
) -> None:
    """Largest less smallest, over the median."""
    (row,) = table(*(a_point(tmp_path, "load=a", result=fast(each)) for each in samples))
    assert row.verdict is not None
    found = {reason.name: reason.evidence for reason in row.verdict.reasons}
    assert ({} if evidence is None else {"repeats_disagree": evidence}) == found


def test_repeats_that_disagree_are_suspect_where_they_do(tmp_path: Path) -> None:
    """10 and 20 tokens/s, with a TTFT of 5 ms twice."""
    (row,) = table(*(a_point(tmp_path, "load=a", result=fast(each, median_ttft_ms=5.0)) for each in (10.0, 20.0)))
    assert ("SUSPECT", "VALID") == (row.standing_of("output_throughput"), row.standing_of("median_ttft_ms"))


@pytest.mark.parametrize(("spread", "standing"), [(0.3, "VALID"), (0.2, "SUSPECT")])
def test_how_far_repeats_may_differ_is_what_their_verdict_says(tmp_path: Path, spread: float, standing: str) -> None:
    """Of 9 and 11 tokens/s a fifth of 10, and a hair more; `verdict.spread` was typed for the job."""
    believed = replace(BELIEVED, spread=spread)
    (row,) = table(*(a_point(tmp_path, "load=a", result=fast(each), believed=believed) for each in (9.0, 11.01)))
    assert standing == row.standing_of("output_throughput")


def test_repeats_that_may_disagree_are_valid(tmp_path: Path) -> None:
    """`verdict.accept` was typed for the job; it is kept that they do."""
    believed = replace(BELIEVED, accept=["repeats_disagree"])
    (row,) = table(*(a_point(tmp_path, "load=a", result=fast(each), believed=believed) for each in (10.0, 20.0)))
    assert row.verdict is not None
    assert ("VALID", ()) == (row.verdict.standing, row.verdict.reasons)
    assert ["repeats_disagree"] == [reason.name for reason in row.verdict.accepted]


def a_point_that_accepts_few(folder: Path, *, now: Thresholds | None) -> Point:
    """Judged with verdict.accept=[few_samples], and looked at again as of now."""
    point = a_point(folder, "load=a", result=fast(10.0), now=now)
    assert point.directory is not None
    judged = Verdict((), (FEW,)).as_json() | {"thresholds": asdict(replace(BELIEVED, accept=["few_samples"]))}
    RunDir(point.directory).write_json("verdict.json", judged)
    return point


def test_what_a_repeat_accepts_does_not_count(tmp_path: Path) -> None:
    """Its own verdict has it apart, and so has the row's."""
    (row,) = table(a_point_that_accepts_few(tmp_path, now=None))
    assert Verdict((), accepted=(FEW,)) == row.verdict


def test_what_is_accepted_no_more_counts_again(tmp_path: Path) -> None:
    """It was found when it was measured, and is kept."""
    (row,) = table(a_point_that_accepts_few(tmp_path, now=BELIEVED))
    assert Verdict((FEW,)) == row.verdict


def test_what_is_still_accepted_does_not_count(tmp_path: Path) -> None:
    """Then and now."""
    (row,) = table(a_point_that_accepts_few(tmp_path, now=replace(BELIEVED, accept=["few_samples"])))
    assert Verdict((), accepted=(FEW,)) == row.verdict


def test_what_is_accepted_since_does_not_count(tmp_path: Path) -> None:
    """Of two reasons that counted when it was measured, the other still does."""
    now = replace(BELIEVED, accept=["few_samples"])
    (row,) = table(a_point(tmp_path, "load=a", result=fast(10.0), reasons=(CACHED, FEW), now=now))
    assert Verdict((CACHED,), accepted=(FEW,)) == row.verdict


def test_what_is_accepted_since_counts_for_all_repeats(tmp_path: Path) -> None:
    """Whichever of them it speaks against."""
    now = replace(BELIEVED, accept=["few_samples"])
    (row,) = table(*(a_point(tmp_path, "load=a", result=fast(10.0), reasons=each, now=now) for each in ((), (FEW,))))
    assert Verdict((), accepted=(FEW,)) == row.verdict


def test_what_is_accepted_since_counts_though_the_first_repeat_failed(tmp_path: Path) -> None:
    """What is believed of the others does not depend on it."""
    now = replace(BELIEVED, accept=["few_samples"])
    (row,) = table(a_failed_point("load=a"), a_point(tmp_path, "load=a", result=fast(10.0), reasons=(FEW,), now=now))
    assert Verdict((), accepted=(FEW,)) == row.verdict


def test_what_is_accepted_of_several_repeats_is_one(tmp_path: Path) -> None:
    """As a reason that counts is: the worst of its kind, and all that it touches in any of them."""
    now = replace(BELIEVED, accept=["few_samples"])
    worse = replace(FEW, standing=INVALID, metrics=("p99_itl_ms",))
    (row,) = table(*(a_point(tmp_path, "load=a", result=fast(10.0), reasons=(each,), now=now) for each in (FEW, worse)))
    assert Verdict((), accepted=(replace(worse, metrics=("p99_itl_ms", "p99_ttft_ms")),)) == row.verdict


@pytest.mark.parametrize(("spread", "standing"), [(0.3, "VALID"), (0.2, "SUSPECT")])
def test_how_far_repeats_may_differ_is_what_is_believed_now(tmp_path: Path, spread: float, standing: str) -> None:
    """Of 9 and 11 tokens/s a fifth of 10, and a hair more, whatever was typed when they were measured."""
    then, now = replace(BELIEVED, spread=0.5 - spread), replace(BELIEVED, spread=spread)
    (row,) = table(*(a_point(tmp_path, "load=a", result=fast(x), believed=then, now=now) for x in (9.0, 11.01)))
    assert standing == row.standing_of("output_throughput")


def test_repeats_that_may_disagree_now_are_valid(tmp_path: Path) -> None:
    """10 and 20 tokens/s, 10 of 15 apart, with verdict.accept=[repeats_disagree] typed since."""
    now = replace(BELIEVED, accept=["repeats_disagree"])
    (row,) = table(*(a_point(tmp_path, "load=a", result=fast(each), now=now) for each in (10.0, 20.0)))
    assert row.verdict is not None
    assert ("VALID", ()) == (row.verdict.standing, row.verdict.reasons)
    assert ["output_throughput 66.7 %"] == [reason.evidence for reason in row.verdict.accepted]


@pytest.mark.parametrize("repeats", [1, 2])
def test_what_nobody_judged_is_suspect(tmp_path: Path, repeats: int) -> None:
    """Results of before there was a verdict, though another repeat has one."""
    judged = [a_point(tmp_path, "load=a", result=fast(10.0)) for _ in range(repeats - 1)]
    (row,) = table(*judged, an_unjudged_point(tmp_path, "load=a", result=fast(10.0)))
    assert (None, "SUSPECT") == (row.verdict, row.standing_of("output_throughput"))
    assert {} == row.comparable


def test_an_invalid_throughput_comes_after_the_others(tmp_path: Path) -> None:
    """However high; what failed comes after it all the same."""
    points = (
        a_failed_point("load=a"),
        a_point(tmp_path, "load=b", result=fast(90.0), reasons=(CACHED,)),
        a_point(tmp_path, "load=c", result=fast(80.0), reasons=(CACHED,)),
        a_point(tmp_path, "load=d", result=fast(10.0)),
    )
    assert ["load=d", "load=b", "load=c", "load=a"] == [row.name for row in table(*points)]


@pytest.mark.parametrize("standing", ["SUSPECT", "INVALID"])
def test_a_throughput_keeps_its_place_unless_it_is_invalid(tmp_path: Path, standing: Standing) -> None:
    """A doubtful one does; and so does a good one beside an INVALID TPOT."""
    metrics = ("throughput",) if standing == "SUSPECT" else ("tpot",)
    doubt = replace(FEW, standing=standing, metrics=metrics)
    first = a_point(tmp_path, "load=a", result=fast(90.0), reasons=(doubt,))
    assert ["load=a", "load=b"] == [row.name for row in table(first, a_point(tmp_path, "load=b", result=fast(10.0)))]


@pytest.mark.parametrize("standing", ["SUSPECT", "INVALID"])
def test_a_number_that_is_not_valid_is_not_the_best(tmp_path: Path, standing: Standing) -> None:
    """Of 5, 6 and 7 ms the 6 are: the 5 may be chance."""
    doubt = replace(FEW, standing=standing)
    points = (
        a_point(tmp_path, "load=a", result={"p99_ttft_ms": 5.0}, reasons=(doubt,)),
        a_point(tmp_path, "load=b", result={"p99_ttft_ms": 6.0}),
        a_point(tmp_path, "load=c", result={"p99_ttft_ms": 7.0}),
    )
    assert {"p99_ttft_ms": 6.0} == best(table(*points))


def test_what_stands_beside_doubted_values_alone_is_not_the_best(tmp_path: Path) -> None:
    """There is nothing that it is better than."""
    points = (
        a_point(tmp_path, "load=a", result={"p99_ttft_ms": 7.0}, reasons=(FEW,)),
        a_point(tmp_path, "load=b", result={"p99_ttft_ms": 6.0}),
    )
    assert {} == best(table(*points))


def of_origins(folder: Path, *found: Origin) -> tuple[Row, ...]:
    """One row each, by falling throughput: 99 tokens/s, then 98, …"""
    return table(
        *(a_point(folder, f"load={i}", result=fast(99.0 - i), origin=origin) for i, origin in enumerate(found))
    )


@pytest.mark.parametrize("origin", ["measured", "simulated", "imported"])
def test_a_row_is_of_the_origin_of_its_repeats(tmp_path: Path, origin: Origin) -> None:
    """As their verdicts have it; and so when a reason comes to it, which these disagree for."""
    (row,) = table(*(a_point(tmp_path, "load=a", result=fast(each), origin=origin) for each in (10.0, 20.0)))
    assert row.verdict is not None
    assert (origin, origin, "SUSPECT") == (row.origin, row.verdict.origin, row.verdict.standing)


def test_what_nobody_judged_is_measured(tmp_path: Path) -> None:
    """It is of before there was anything else."""
    (row,) = table(an_unjudged_point(tmp_path, "load=a", result=fast(10.0)))
    assert "measured" == row.origin


def test_what_failed_adds_no_origin_to_a_table(tmp_path: Path) -> None:
    """It has no number that could be taken for another's."""
    simulated = a_point(tmp_path, "load=a", result=fast(10.0), origin="simulated")
    assert {"simulated"} == origins(table(simulated, a_failed_point("load=b")))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (("simulated", "measured", "imported", "measured"), "measured"),
        (("simulated", "simulated"), "simulated"),
        (("imported", "imported"), "imported"),
        (("simulated", "imported"), None),
        (("rehearsed", "rehearsed"), None),
        (("rehearsed", "measured"), "measured"),
        (("rehearsed", "imported"), "imported"),
        ((), None),
    ],
    ids=str,
)
def test_rows_of_one_origin_are_compared(tmp_path: Path, found: tuple[Origin, ...], expected: Origin | None) -> None:
    """The measured ones, where there are any."""
    assert expected == origin_compared(of_origins(tmp_path, *found))


def test_the_best_is_measured_where_anything_is(tmp_path: Path) -> None:
    """Of 98 and 97 tokens/s the 98, whatever faster ones were simulated or imported."""
    found = of_origins(tmp_path, "simulated", "measured", "measured", "imported")
    assert {"output_throughput": 98.0} == best(found)


def test_a_measured_row_alone_is_not_the_best(tmp_path: Path) -> None:
    """Nor is any of what was not measured beside it."""
    assert {} == best(of_origins(tmp_path, "simulated", "simulated", "measured"))


@pytest.mark.parametrize("origin", ["simulated", "imported"])
def test_what_is_all_of_one_origin_has_a_best(tmp_path: Path, origin: Origin) -> None:
    """Simulated rows may be compared with each other."""
    assert {"output_throughput": 99.0} == best(of_origins(tmp_path, origin, origin))


def test_nothing_that_was_rehearsed_is_the_best(tmp_path: Path) -> None:
    """A tiny model tells nothing of the one that it stands for."""
    assert {} == best(of_origins(tmp_path, "rehearsed", "rehearsed"))


def test_what_is_of_several_origins_has_no_best(tmp_path: Path) -> None:
    """Where none of it was measured."""
    assert {} == best(of_origins(tmp_path, "simulated", "simulated", "imported", "imported"))


def answering(tokens: int, requests: int = 10, planned: int | None = 1280, inputs: int = 20_480) -> dict[str, Any]:
    """A result of so many output tokens."""
    return {
        "num_prompts": 10,
        "completed": requests,
        "total_output_tokens": tokens,
        "thorexp": {"planned_input_tokens": inputs, "planned_output_tokens": planned},
    }


def differing(*points: Point) -> list[Reason]:
    """What is said against their rows for the lengths of their answers."""
    reasons = [reason for row in table(*points) if row.verdict for reason in row.verdict.reasons]
    return [reason for reason in reasons if reason.name == "output_lengths_differ"]


def test_points_that_answered_at_other_lengths_are_said(tmp_path: Path) -> None:
    """Of ten requests one served 1280 tokens, another 1000: 128 and 100 an answer."""
    points = (
        a_point(tmp_path, "load=a", result=answering(1280)),
        a_point(tmp_path, "load=b", result=answering(1000)),
        a_point(tmp_path, "load=c", result=answering(1280)),
    )
    (reason,) = set(differing(*points))
    assert 3 == len(differing(*points))
    assert "100.00 tokens an answer at load=b, 128.00 at load=a" == reason.evidence


def test_points_that_answered_alike_are_not_said(tmp_path: Path) -> None:
    """One of ten failed at the other: what it would have answered nobody knows, and that is its own reason."""
    points = (
        a_point(tmp_path, "load=a", result=answering(1280)),
        a_point(tmp_path, "load=b", result=answering(1100, requests=9)),
    )
    assert [] == differing(*points)


def test_points_of_another_load_are_not_compared(tmp_path: Path) -> None:
    """Shorter answers were asked for."""
    points = (
        a_point(tmp_path, "load=a", result=answering(1280)),
        a_point(tmp_path, "load=b", result=answering(640, planned=640)),
    )
    assert [] == differing(*points)


def test_points_of_other_prompts_are_not_compared(tmp_path: Path) -> None:
    """Ten requests for 1,280 tokens in all, of longer prompts: another load."""
    points = (
        a_point(tmp_path, "load=a", result=answering(1280)),
        a_point(tmp_path, "load=b", result=answering(1000, inputs=10_240)),
    )
    assert [] == differing(*points)


def test_answers_that_nobody_gave_a_length_are_not_compared(tmp_path: Path) -> None:
    """They end when they like."""
    points = (a_point(tmp_path, f"load={i}", result=answering(i, planned=None)) for i in (1280, 1000))
    assert [] == differing(*points)


def test_other_lengths_that_are_accepted_do_not_count(tmp_path: Path) -> None:
    """With verdict.accept=[output_lengths_differ]."""
    now = replace(BELIEVED, accept=["output_lengths_differ"])
    points = (a_point(tmp_path, f"load={i}", result=answering(i), believed=now, now=now) for i in (1280, 1000))
    assert [] == differing(*points)


def test_a_point_that_failed_answered_nothing(tmp_path: Path) -> None:
    """Its directory has no result; nor has one without a success a length."""
    died = tmp_path / "died"
    died.mkdir()
    points = (
        replace(a_failed_point("load=a"), directory=died),
        a_point(tmp_path, "load=b", result=answering(0, requests=0)),
        a_point(tmp_path, "load=c", result=answering(1280)),
    )
    assert [] == differing(*points)


@pytest.mark.parametrize("name", [RESULT, VERDICT])
def test_a_repeat_that_cannot_be_read_is_told(tmp_path: Path, name: str) -> None:
    """The row has the numbers of the others, and is damaged in part."""
    points = [a_point(tmp_path, "load=a", result=fast(rate)) for rate in (10.0, 30.0)]
    (tmp_path / "0" / name).write_text("{")
    (row,) = table(*points)
    assert ("damaged", 30.0) == (row.state, row.values["output_throughput"].median)
    assert name in row.errors[0]


def test_an_older_verdict_says_not_how_far_repeats_may_differ(tmp_path: Path) -> None:
    """So none of them disagree, unless it is believed now."""
    points = [a_point(tmp_path, "load=a", result=fast(rate)) for rate in (10.0, 30.0)]
    for i in range(2):
        RunDir(tmp_path / str(i)).write_json(VERDICT, Verdict().as_json())
    (row,) = table(*points)
    (now,) = table(*(replace(point, believed=BELIEVED) for point in points))
    assert ("VALID", "SUSPECT") == tuple(each.standing_of("output_throughput") for each in (row, now))

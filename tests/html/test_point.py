"""One job as a section of a page."""

import json
from dataclasses import replace
from gzip import compress
from pathlib import Path

import pytest

from tests.html.kept import BEGIN, a_run_dir
from tests.records import MS, S, a_failure, a_record, a_result, a_summary
from thorexp import rundir
from thorexp.errors import RecordError
from thorexp.html.blocks import Excerpt, Figure, Section, Table, Words
from thorexp.html.point import point_section
from thorexp.measure.verdict import Reason, Verdict
from thorexp.report import as_json
from thorexp.rundir import RunDir

ONE = a_record(sent_ns=BEGIN, token_ns=(BEGIN + S // 2, BEGIN + 3 * S // 2), output_tokens=2)
QUEUE = Reason("server_queue", "SUSPECT", ("ttft", "e2el"), "60 % of TTFT was the queue", "load.max_concurrency=4")
DRIFT = replace(QUEUE, name="drift")


def section_of(run_dir: RunDir, **differences: str) -> Section:
    return point_section(run_dir, "low", "point-1", differences)


def judged(run_dir: RunDir, verdict: Verdict) -> RunDir:
    """With a verdict and a result."""
    run_dir.write_json(rundir.VERDICT, verdict.as_json())
    run_dir.write_json(rundir.RESULT, as_json(a_result(a_summary(a_record(), a_failure(), end_ns=2 * S))))
    return run_dir


def words(section: Section) -> str:
    return "\n".join(part for block in section.blocks if isinstance(block, Words) for part in block.paragraphs)


def tables(section: Section) -> dict[str, Table]:
    return {block.caption: block for block in section.blocks if isinstance(block, Table)}


def figures(section: Section) -> list[Figure]:
    return [block for block in section.blocks if isinstance(block, Figure)]


def test_a_section_is_folded_and_can_be_led_to(tmp_path: Path) -> None:
    """It is one of many."""
    section = section_of(a_run_dir(tmp_path, ONE))
    assert ("low", "point-1", True) == (section.title, section.anchor, section.folded)


def test_a_finished_job_has_its_figures(tmp_path: Path) -> None:
    """Those of which something is known: of its hardware nothing is."""
    section = section_of(a_run_dir(tmp_path, ONE))
    assert ["Latency distributions", "Over time"] == [figure.title for figure in figures(section)]


def test_a_board_with_figures_has_a_roofline(tmp_path: Path) -> None:
    """At the end."""
    section = section_of(a_run_dir(tmp_path, ONE, utilization={"mfu": 0.5, "mbu": None, "mbu_uniform": None}))
    assert "Roofline position" == figures(section)[-1].title


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        (Verdict(), "Verdict: VALID; nothing speaks against it."),
        (Verdict((QUEUE,)), "Verdict: SUSPECT; one reason speaks against it."),
        (Verdict((QUEUE, DRIFT)), "Verdict: SUSPECT; 2 reasons speak against it."),
        (
            Verdict(origin="simulated"),
            "Verdict: SIMULATED, VALID; nothing speaks against it. SIMULATED: nothing of this was measured.",
        ),
    ],
)
def test_the_verdict_is_told_in_words(tmp_path: Path, verdict: Verdict, told: str) -> None:
    """First of all, with where the result is from."""
    assert told == words(section_of(judged(a_run_dir(tmp_path, ONE), verdict))).split("\n")[0]


def test_what_was_done_is_told_in_a_sentence(tmp_path: Path) -> None:
    """Of two requests one failed, and the other had a token in 2 s."""
    told = words(section_of(judged(a_run_dir(tmp_path, ONE), Verdict())))
    assert "1 of 2 requests succeeded in 2 s: 0.5 output tokens/s." in told


def test_each_reason_has_its_evidence_and_remedy(tmp_path: Path) -> None:
    """Those that are accepted too, which do not count."""
    verdict = Verdict((QUEUE,), accepted=(DRIFT,))
    rows = tables(section_of(judged(a_run_dir(tmp_path, ONE), verdict)))["Reasons"].rows
    assert ("server_queue", "SUSPECT", "ttft, e2el", QUEUE.evidence, QUEUE.remedy) == rows[0]
    assert ("drift", "accepted") == rows[1][:2]


def test_a_result_without_a_reason_has_no_table_of_them(tmp_path: Path) -> None:
    """Nothing to show."""
    assert {} == tables(section_of(judged(a_run_dir(tmp_path, ONE), Verdict())))


def test_what_is_different_about_it_is_told(tmp_path: Path) -> None:
    """By key."""
    section = section_of(a_run_dir(tmp_path, ONE), **{"load.max_concurrency": "8"})
    (table,) = tables(section).values()
    assert (("load.max_concurrency", "8"),) == table.rows


def test_a_failed_job_says_why(tmp_path: Path) -> None:
    """In its own words, and with what it left: no figure of requests that nobody summed up."""
    run_dir = a_run_dir(tmp_path, ONE)
    (run_dir.path / rundir.SUMMARY).unlink()
    run_dir.write_text(rundir.ERROR, "vLLM exited with code 1.\n")
    run_dir.write_text(rundir.SERVER_LOG, "out of memory\n")
    section = section_of(run_dir)
    assert ("The job failed.", []) == (words(section), figures(section))
    assert ["vLLM exited with code 1.", "out of memory"] == [
        block.text for block in section.blocks if isinstance(block, Excerpt)
    ]


def test_an_empty_directory_has_no_result(tmp_path: Path) -> None:
    """Nor is it an error."""
    assert (Words(("The job has no result.",)),) == section_of(RunDir(tmp_path)).blocks


def test_an_imported_result_has_no_requests(tmp_path: Path) -> None:
    """Of which it would have figures; what its hardware allows it has."""
    run_dir = RunDir(tmp_path)
    run_dir.write_json(rundir.SUMMARY, {"utilization": {"mfu": 0.5, "mbu": 0.6}})
    assert ["Roofline position"] == [figure.title for figure in figures(section_of(judged(run_dir, Verdict())))]


def test_requests_that_do_not_count_are_not_in_its_latencies(tmp_path: Path) -> None:
    """They are drawn over time, of which they were a part."""
    run_dir = a_run_dir(tmp_path, replace(ONE, index=1, sent_ns=BEGIN - S), ONE, excluded=1)
    load = {"exclude_first": 1, "exclude_first_s": 0.0, "exclude_last": 0, "exclude_last_s": 0.0}
    run_dir.write_text(rundir.CONFIG, json.dumps({"load": load}))
    latencies, over_time = figures(section_of(run_dir))
    assert latencies.table is not None
    assert ("E2EL", "1500", "-", "-", "-", "1500", "1") == latencies.table.rows[-1]
    assert over_time.description.startswith("2 requests")


def test_a_thousand_requests_are_a_few_thousand_bytes(tmp_path: Path) -> None:
    """Of 128 tokens each, in a page that has hundreds of such jobs: under 6 kB, packed."""
    requests = [
        a_record(
            index=i,
            scheduled_ns=BEGIN + i * 37 * MS,
            released_ns=BEGIN + i * 37 * MS,
            sent_ns=BEGIN + i * 37 * MS + i % 7 * MS,
            token_ns=tuple(BEGIN + i * 37 * MS + (100 + i * i % 89 + j * (30 + i * j % 11)) * MS for j in range(128)),
            output_tokens=128,
        )
        for i in range(1000)
    ]
    section = section_of(a_run_dir(tmp_path, *requests, load_ns=(BEGIN, BEGIN + 43 * S)))
    drawn = [(figure.data, figure.layout) for figure in figures(section)]
    assert 6_000 > len(compress(json.dumps(drawn, separators=(",", ":"), allow_nan=False).encode()))


@pytest.mark.parametrize("summary", [[], {"position": {"prefill": 1}}, {"utilization": {"of": 1}}])
def test_an_odd_summary_is_a_damaged_one(tmp_path: Path, summary: object) -> None:
    """Whatever else it lacks, it is told which file it is."""
    run_dir = a_run_dir(tmp_path, ONE)
    run_dir.write_json(rundir.SUMMARY, summary)
    with pytest.raises(RecordError, match="damaged"):
        section_of(run_dir)

"""One job as a section of a page, from its run directory."""

from collections.abc import Iterator, Mapping
from typing import Any

from thorexp import rundir
from thorexp.html.blocks import Block, Figure, Section, Table, Words
from thorexp.html.excerpts import error, excerpts
from thorexp.html.kept_run import kept_run, summary_of
from thorexp.html.latencies import latencies
from thorexp.html.over_time import over_time
from thorexp.html.roofline_position import roofline_position
from thorexp.html.thinning import told
from thorexp.measure.verdict import Reason, Verdict
from thorexp.report import FOREIGN
from thorexp.rundir import RunDir, damaged
from thorexp.secret import masked

REASONS = ("reason", "standing", "touches", "evidence", "try")


def point_section(run_dir: RunDir, title: str, anchor: str, differences: Mapping[str, str]) -> Section:
    """All that its files tell, folded; what they lack is left out. RecordError where one is damaged.

    `differences`: where its config is another than those of the jobs beside it. About 0.1 s for a thousand requests.
    """
    verdict = run_dir.verdict()
    blocks = (
        *_standing(run_dir, verdict),
        *_differences(differences),
        *_figures(run_dir, verdict),
        *excerpts(run_dir),
    )
    return Section(title, anchor, blocks, folded=True)


def _standing(run_dir: RunDir, verdict: Verdict | None) -> Iterator[Block]:
    failure = error(run_dir)
    if failure is not None:
        yield Words(("The job failed.",))
        yield failure
    elif verdict is None:
        yield Words(("The job has no result.",))
    if verdict is not None:
        yield Words((_told(verdict), *_counts(run_dir)))
        yield from _reasons(verdict)


def _told(verdict: Verdict) -> str:
    """The verdict in words, with where the result is from."""
    if not verdict.reasons:
        against = "nothing speaks against it"
    elif len(verdict.reasons) == 1:
        against = "one reason speaks against it"
    else:
        against = f"{len(verdict.reasons)} reasons speak against it"
    origin = f" {FOREIGN[verdict.origin]}." if verdict.origin in FOREIGN else ""
    return f"Verdict: {verdict.words}; {against}.{origin}"


def _counts(run_dir: RunDir) -> Iterator[str]:
    """What was done, in a sentence; nothing of a result that does not say it."""
    result: dict[str, Any] = run_dir.read_mapping(rundir.RESULT) if run_dir.has(rundir.RESULT) else {}
    if {"completed", "failed", "duration", "output_throughput"} <= result.keys():
        asked = result["completed"] + result["failed"]
        yield (
            f"{result['completed']:,} of {asked:,} requests succeeded in {told(result['duration'])} s: "
            f"{told(result['output_throughput'])} output tokens/s."
        )


def _reasons(verdict: Verdict) -> Iterator[Table]:
    rows = [
        *(_row(reason, reason.standing) for reason in verdict.reasons),
        *(_row(reason, "accepted") for reason in verdict.accepted),
    ]
    if rows:
        yield Table("Reasons", REASONS, tuple(rows))


def _row(reason: Reason, standing: str) -> tuple[str, ...]:
    return reason.name, standing, ", ".join(reason.metrics), masked(reason.evidence), reason.remedy


def _differences(differences: Mapping[str, str]) -> Iterator[Table]:
    if differences:
        yield Table("What it was asked that others were not", ("key", "value"), tuple(differences.items()))


def _figures(run_dir: RunDir, verdict: Verdict | None) -> Iterator[Block]:
    """None of a job without a summary: it failed."""
    if not run_dir.has(rundir.SUMMARY):
        return
    run = kept_run(run_dir)
    if run is not None:
        spread = latencies(run.counting, verdict)
        yield from () if spread is None else (spread,)
        yield over_time(run)
    position = _position(run_dir)
    yield from () if position is None else (position,)


def _position(run_dir: RunDir) -> Figure | None:
    try:
        return roofline_position(summary_of(run_dir))
    except (TypeError, KeyError, AttributeError) as broken:
        raise damaged(run_dir.path / rundir.SUMMARY, repr(broken)) from None

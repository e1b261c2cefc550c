"""What others wrote of a job, as far as it says something."""

import re
from collections.abc import Iterator, Sequence

from thorexp import rundir
from thorexp.html.blocks import Excerpt
from thorexp.report import JUDGED, OURS
from thorexp.rundir import RunDir
from thorexp.secret import masked
from thorexp.serve.log_lines import stripped

LINE_CHARS = 140
FIRST_LINES, LAST_LINES = 10, 12
ERROR_LINES, REPORT_LINES = 40, 50
TELLING = re.compile(
    r"API server version|[Mm]odel loading took|KV cache size|KV cache memory|Maximum concurrency|"
    r"Using .*(?:backend|kernel)|quantization|torch\.compile took|Graph capturing finished|"
    r"\b(?:WARNING|ERROR|CRITICAL)\b"
)
SECTION = re.compile(r"^-{3,}")


def excerpts(run_dir: RunDir) -> Iterator[Excerpt]:
    """The report without what stands in tables, and the log's telling lines and its end; those that are there."""
    if run_dir.has(rundir.REPORT):
        yield Excerpt("Report, without latencies and verdict", _figures(run_dir.read_text(rundir.REPORT)))
    if run_dir.has(rundir.SERVER_LOG) and (text := _log(run_dir.read_text(rundir.SERVER_LOG))):
        yield Excerpt("Server's log: its telling lines, and its end", text)


def error(run_dir: RunDir) -> Excerpt | None:
    """Why the job failed; absent where it did not."""
    if not run_dir.has(rundir.ERROR):
        return None
    return Excerpt("Why it failed", masked("\n".join(run_dir.read_text(rundir.ERROR).splitlines()[:ERROR_LINES])))


def _figures(report: str) -> str:
    """Counts and throughput, then what thorexp adds."""
    vllms, _, ours = report.partition(OURS)
    lines = vllms.splitlines()
    cut = next((place for place, line in enumerate(lines) if SECTION.match(line)), len(lines))
    kept = (*lines[:cut], OURS, *ours.partition(JUDGED)[0].strip("\n").splitlines())
    return "\n".join(line.rstrip() for line in kept[:REPORT_LINES])


def _log(text: str) -> str:
    """Without what vLLM puts before its lines."""
    lines = text.splitlines()
    telling = [place for place, line in enumerate(lines[:-LAST_LINES]) if TELLING.search(line)][:FIRST_LINES]
    shown = _cut([lines[place] for place in telling]), _cut(lines[-LAST_LINES:])
    return "\n…\n".join("\n".join(part) for part in shown if part)


def _cut(lines: Sequence[str]) -> list[str]:
    """Without secrets, which vLLM logs with its other arguments."""
    told = map(masked, stripped(lines))
    return [line if len(line) <= LINE_CHARS else f"{line[:LINE_CHARS]}…" for line in told]

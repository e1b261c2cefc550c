"""python -m thorexp.judge FILE … key=value …: published results, judged by the config that they are said to be of.

A FILE holds reports as `vllm bench serve` prints them, or what it saves as JSON: one, a list, or one a line. A
result's model is found by the name that it carries; else `model=` says it. A directory is one that thorexp left of a
run: its result.json, whose model its config.yaml says, and whose reasons in its verdict.json count too.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from thorexp.config import HardwareConfig
from thorexp.errors import RecordError, ThorexpError
from thorexp.measure.grounds.steadiness import lengths_differ
from thorexp.measure.verdict import MARKS, Reason, Standing, origin_of
from thorexp.own_error import at_edge
from thorexp.published import Judged, judge_one
from thorexp.result_files import file_of, read
from thorexp.results.page import piped

HELP = ("-h", "--help")
HEADS = ("published result", "tok/s", "TTFT p50", "at least", "TPOT p50", "at least", "MFU", "MBU", "verdict")


def main(argv: Sequence[str] | None = None) -> int:
    """A table of all, then the reasons. 1 when a file cannot be read; INVALID is no failure of ours."""
    files, typed = words_of(argv)
    if (code := told_usage(files, __doc__)) is not None:
        return code
    try:
        judged = [_judged(values, typed, path) for path in map(file_of, files) for values in read(path)]
    except ThorexpError as wrong:
        print(wrong, file=sys.stderr)
        return 1
    print(*heading(judged[0].hardware), *table(judged), sep="\n", flush=True)
    return 0


def words_of(argv: Sequence[str] | None) -> tuple[list[Path], list[str]]:
    """Files, and what was typed for them: `key=value`."""
    words = sys.argv[1:] if argv is None else argv
    return [Path(word) for word in words if "=" not in word], [word for word in words if "=" in word]


def told_usage(files: Sequence[Path], usage: str | None) -> int | None:
    """The exit code where nothing but the usage is to be told; absent where there are files."""
    if files and not any(str(file) in HELP for file in files):
        return None
    print(usage)
    return 0 if files else 2


def heading(hardware: HardwareConfig) -> Iterator[str]:
    """By what is possible on it, as `hardware=` chose for all results."""
    yield f"On {hardware.description}, hardware={hardware.name}:"
    yield ""


def _judged(values: Mapping[str, Any], typed: Sequence[str], path: Path) -> Judged:
    """One result, of the origin that thorexp recorded in it."""
    judged, ours = judge_one(values, typed, path), values.get("thorexp")
    try:
        origin = origin_of(ours if isinstance(ours, Mapping) else {})
    except KeyError as unknown:
        facts = (("where", str(path)), ("says", str(unknown)), ("try", "measured, simulated, imported or rehearsed"))
        raise RecordError("A result has an origin that is none.", *facts) from None
    return replace(judged, verdict=replace(judged.verdict, origin=origin))


def table(judged: Sequence[Judged]) -> Iterator[str]:
    """Markdown: one row a result, ! what is INVALID, ? what is SUSPECT; times in ms; then every reason."""
    yield piped(HEADS)
    yield piped(("---", *("---:" for _ in HEADS[1:-1]), "---"))
    for each in judged:
        yield piped(_row(each))
    yield ""
    for each in judged:
        for reason in each.verdict.reasons:
            yield _line(f"{each.name}, {each.at_once} at once: {reason.standing}", reason)
    for at_once in dict.fromkeys(each.at_once for each in judged):
        alike = [each for each in judged if each.at_once == at_once]
        differ = lengths_differ(_apart(alike))
        if differ is not None:  # of none of them alone, whose standings are in their rows
            yield _line(f"all {len(alike)} results of {at_once} at once:", differ)


def _row(each: Judged) -> Iterator[str]:
    summary, verdict = each.summary, each.verdict
    yield f"{each.name}, {each.at_once} at once"
    yield _marked(f"{summary.output_throughput:.2f}", verdict.of("output_throughput"))
    for name, sample, limit in (("ttft", summary.ttft_ms, each.prefill), ("tpot", summary.tpot_ms, each.decode)):
        yield "-" if sample is None else _marked(f"{sample.median:.2f}", verdict.of(f"median_{name}_ms"))
        yield "-" if limit is None else f"{limit.ms:.1f}"
    for name, share in (("mfu", each.used.mfu), ("mbu", each.used.mbu)):
        yield "-" if share is None else _marked(f"{100 * share:.0f} %", verdict.of(name))
    yield f"{verdict.words}{': ' if verdict.reasons else ''}{', '.join(r.name for r in verdict.reasons)}"


def _marked(number: str, standing: Standing) -> str:
    return f"{number} {MARKS[standing]}".rstrip()


def _line(of: str, reason: Reason) -> str:
    return f"- {of} {reason.name}: {reason.evidence}. Try: {reason.remedy}."


def _apart(alike: Sequence[Judged]) -> dict[str, float]:
    """Tokens an answer by name, and by number where names are not one's own."""
    names = Counter(each.name for each in alike)
    return {
        each.name if names[each.name] == 1 else f"{each.name} (result {i})": each.summary.total_output_tokens
        / max(each.summary.completed, 1)
        for i, each in enumerate(alike, 1)
    }


if __name__ == "__main__":
    sys.exit(at_edge(main))

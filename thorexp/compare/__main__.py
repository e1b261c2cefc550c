"""python -m thorexp.compare A [B …] [key=value …]: measurements held against each other.

A, B, …: a run directory, a sweep's directory (or one above several), a file of results as `python -m thorexp.judge`
reads it, a baseline's name, or the id of a run, or the id or name of an experiment, in MLflow. Each is held against the
first; points of sweeps by the words that they have in common. Of one alone, its points are held against the first of
them that was measured alike. `key=value` chooses points on all sides: load=high, quantization=awq,fp8, power_mode=MAXN.

For each number: B / A, with its 95 % interval, and whether that is better, worse, or within noise. What was not
measured alike (other load plan, hardware, power mode, locked clocks) is named and not ranked. What failed, or is in one
sweep alone, is named too; with --fail-if it is a condition that nobody can answer.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import inf, nan
from pathlib import Path
from tempfile import TemporaryDirectory

from thorexp.compare.limits import findings, limit
from thorexp.compare.matching import Comparison, comparison
from thorexp.compare.sides import WHAT, Source, choose, source_of
from thorexp.compare.text import markdown, text
from thorexp.compare.web import html
from thorexp.errors import RecordError, ThorexpError
from thorexp.own_error import at_edge

HOLDS, BROKEN, UNANSWERED = 0, 1, 2
STORE = "sqlite:///mlruns/mlflow.db"


def main(argv: Sequence[str] | None = None) -> int:
    """0; 1 when a condition of --fail-if is broken; 2 when one cannot be answered, or something went wrong."""
    arguments = _parser().parse_intermixed_args(argv)
    try:
        limits = [limit(each) for each in arguments.fail_if]
        with TemporaryDirectory(prefix="thorexp-compare-") as workshop:
            found = compared(arguments.words, arguments.uri, Path(workshop), arguments.spread)
            answers = list(findings(limits, found.pairs, found.gaps))
            print(*text(found.pairs, found.gaps).splitlines(), *answers, sep="\n", flush=True)
            for line in _written(arguments, found):
                print(line, flush=True)
    except (ThorexpError, OSError) as wrong:
        print(wrong, file=sys.stderr)
        return UNANSWERED
    outcomes = {answer.outcome for answer in answers}
    return BROKEN if "broken" in outcomes else UNANSWERED if "unanswered" in outcomes else HOLDS


def compared(words: Sequence[str], uri: str, workshop: Path, spread: float | None = None) -> Comparison:
    """Of sides and choices, as typed; RecordError where there is nothing to hold against anything.

    `spread` in percent, in place of what the runs say.
    """
    conditions = dict(word.split("=", 1) for word in words if _is_choice(word))
    sources = [choose(source_of(word, uri, workshop), conditions) for word in words if not _is_choice(word)]
    if not sources:
        raise RecordError("Nothing was named to compare.", ("try", f"python -m thorexp.compare A B, each {WHAT}"))
    return comparison(sources if spread is None else [_spreading(source, spread / 100) for source in sources])


def _spreading(source: Source, spread: float) -> Source:
    return replace(source, points=tuple(replace(point, spread=spread) for point in source.points))


def _is_choice(word: str) -> bool:
    return "=" in word and not Path(word).exists()


def _written(arguments: argparse.Namespace, found: Comparison) -> Iterator[str]:
    """Files that were asked for, a line for each."""
    for kind, path, laid_out in (("Markdown", arguments.markdown, markdown), ("HTML", arguments.html, html)):
        if path is not None:
            _write(path, laid_out(found.pairs, found.gaps))
            yield f"{kind}: {path}"


def _write(path: Path, content: str) -> None:
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as refused:
        facts = (("where", str(path)), ("says", str(refused)), ("try", "a file in a directory that can be written to"))
        raise ThorexpError("What was compared could not be written.", *facts) from None


def _percent(text: str) -> float:
    """ArgumentTypeError for what is no number of percent from 0 on."""
    try:
        percent = float(text)
    except ValueError:
        percent = nan
    if not 0 <= percent < inf:
        raise argparse.ArgumentTypeError(f"{text} is no number of percent from 0 on")
    return percent


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m thorexp.compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("words", metavar="A | key=value", nargs="+", help="what is compared, and which points of it")
    parser.add_argument(
        "--fail-if",
        action="append",
        default=[],
        metavar="CONDITION",
        help="'p99_ttft_ms>+5%%': exit with 1 when B has it and noise does not explain it; 'p99_ttft_ms>-5%%' demands: "
        "exit with 1 unless it fell by 5 %% beyond noise; with 2 when nobody can tell",
    )
    parser.add_argument(
        "--spread",
        type=_percent,
        metavar="PERCENT",
        help="what three starts of the same may spread over on this machine (default: verdict.spread of the runs, 5)",
    )
    parser.add_argument("--uri", default=STORE, help=f"where MLflow keeps runs (default: {STORE})")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a report that opens from disk")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write tables to paste")
    return parser


if __name__ == "__main__":
    sys.exit(at_edge(main))

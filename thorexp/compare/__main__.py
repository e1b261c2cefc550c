"""python -m thorexp.compare A [B …] [key=value …]: measurements held against each other.

A, B, …: a run directory, a sweep's directory (or one above several), a file of results as `python -m thorexp.judge`
reads it, a baseline's name, or the id of a run, or the id or name of an experiment, in MLflow. Each is held against the
first; points of sweeps by the words that they have in common. Of one alone, its points are held against the first of
them that was measured alike. `key=value` chooses points on all sides: load=high, quantization=awq,fp8, power_mode=MAXN.

For each number: B / A, with its 95 % interval, and whether that is better, worse, or within noise. What was not
measured alike (other load plan, hardware, power mode) is named and not ranked.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from thorexp.compare.limits import findings, limit
from thorexp.compare.measured import Measured
from thorexp.compare.pairs import Pair, pairs_of_sides, pairs_within
from thorexp.compare.sides import WHAT, chosen, points_of
from thorexp.compare.text import markdown, text
from thorexp.compare.web import html
from thorexp.errors import RecordError, ThorexpError

HOLDS, BROKEN, UNANSWERED = 0, 1, 2
STORE = "sqlite:///mlruns/mlflow.db"


def main(argv: Sequence[str] | None = None) -> int:
    """0; 1 when a condition of --fail-if is broken; 2 when one cannot be answered, or nothing could be compared."""
    arguments = _parser().parse_args(argv)
    try:
        limits = [limit(each) for each in arguments.fail_if]
        with TemporaryDirectory(prefix="thorexp-compare-") as workshop:
            found = pairs(arguments.words, arguments.uri, Path(workshop), arguments.spread)
            print(text(found), end="", flush=True)
            _write(arguments, found)
    except ThorexpError as wrong:
        print(wrong, file=sys.stderr)
        return UNANSWERED
    answers = list(findings(limits, found))
    for answer in answers:
        print(f"{answer.outcome}: {answer.words}", flush=True)
    outcomes = {answer.outcome for answer in answers}
    return BROKEN if "broken" in outcomes else UNANSWERED if "unanswered" in outcomes else HOLDS


def pairs(words: Sequence[str], uri: str, workshop: Path, spread: float | None = None) -> tuple[Pair, ...]:
    """Of sides and choices, as typed; RecordError where there is nothing to hold against anything.

    `spread` in percent, in place of what the runs say.
    """
    conditions = dict(word.split("=", 1) for word in words if _is_choice(word))
    sides = [_side(word, conditions, uri, workshop) for word in words if not _is_choice(word)]
    if not sides:
        raise RecordError("Nothing was named to compare.", ("try", f"python -m thorexp.compare A B, each {WHAT}"))
    if spread is not None:
        sides = [tuple(replace(point, spread=spread / 100) for point in side) for side in sides]
    if len(sides) == 1:
        return pairs_within(sides[0])
    return tuple(pair for other in sides[1:] for pair in pairs_of_sides(sides[0], other))


def _side(word: str, conditions: dict[str, str], uri: str, workshop: Path) -> tuple[Measured, ...]:
    points = points_of(word, uri, workshop)
    kept = chosen(points, conditions)
    if not kept:
        have = "; ".join(sorted({" ".join(f"{key}={point.chosen.get(key)}" for key in conditions) for point in points}))
        raise RecordError(f"No point of {word} was chosen.", ("have", have), ("try", "other words, or none"))
    return kept


def _is_choice(word: str) -> bool:
    return "=" in word and not Path(word).exists()


def _write(arguments: argparse.Namespace, found: Sequence[Pair]) -> None:
    if arguments.markdown is not None:
        arguments.markdown.write_text(markdown(found), encoding="utf-8")
        print(f"Markdown: {arguments.markdown}")
    if arguments.html is not None:
        arguments.html.write_text(html(found), encoding="utf-8")
        print(f"HTML: {arguments.html}")


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
        help="'p99_ttft_ms>+5%%': exit with 1 when B has it and noise does not explain it, with 2 when nobody can tell",
    )
    parser.add_argument(
        "--spread",
        type=float,
        metavar="PERCENT",
        help="what three starts of the same may spread over on this machine (default: verdict.spread of the runs, 5)",
    )
    parser.add_argument("--uri", default=STORE, help=f"where MLflow keeps runs (default: {STORE})")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a report that opens from disk")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write tables to paste")
    return parser


if __name__ == "__main__":
    sys.exit(main())

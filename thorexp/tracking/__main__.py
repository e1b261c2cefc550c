"""python -m thorexp.tracking: old records into MLflow; what is there already stays as it is."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path

from thorexp.errors import RecordError, ThorexpError
from thorexp.own_error import at_edge
from thorexp.rundir import CONFIG, RunDir, check_whole, find_run_dirs
from thorexp.sweepdir import SWEEP, read_sweep
from thorexp.tracking.store import Store, put
from thorexp.tracking.view import View, view_of_job, view_of_sweep


def main(argv: Sequence[str] | None = None) -> int:
    """1 when any record is not in MLflow at the end; the others are."""
    arguments = _parser().parse_args(argv)
    given = {key: value for key, value in vars(arguments).items() if key != "roots" and value is not None}
    failed = 0
    for where, view, run_dir in _found(arguments.roots):
        try:
            tracked = put(view(), _store(run_dir, given))
            print(f"{tracked.run_id}  {tracked.status}  {tracked.done}  {where}")
        except ThorexpError as error:
            failed += 1
            print(error, file=sys.stderr)
    return 1 if failed else 0


def _found(roots: Sequence[Path]) -> Iterator[tuple[Path, Callable[[], View], RunDir]]:
    """Where it is, how it is viewed, and the run directory whose config says where it goes.

    A root without a complete record is passed on, to fail in its turn. Sweeps follow their jobs.
    """
    for root in roots:
        found = find_run_dirs(root) or (RunDir(root),)
        yield from ((run_dir.path, partial(_view_of_job, run_dir), run_dir) for run_dir in found)
        yield from ((path.parent, partial(_view_of_sweep, path.parent), found[0]) for path in sorted(root.rglob(SWEEP)))


def _view_of_job(run_dir: RunDir) -> View:
    check_whole(run_dir)
    return view_of_job(run_dir)


def _view_of_sweep(root: Path) -> View:
    sweep = read_sweep(root)
    assert sweep is not None
    return view_of_sweep(sweep)


def _store(run_dir: RunDir, given: dict[str, str]) -> Store:
    """Where the record's own config says, but for what was given."""
    own = run_dir.config().get("tracking", {}) if run_dir.has(CONFIG) else {}
    values = {field.name: str((own | given).get(field.name, "")) for field in fields(Store)}
    if lacking := [f"tracking.{key}" for key, value in values.items() if not value]:
        raise RecordError(
            "A record does not say where it is to be tracked.",
            ("where", str(run_dir.path / CONFIG)),
            ("lacks", ", ".join(lacking)),
            ("try", "--uri, --experiment and --artifacts"),
        )
    return Store(**values)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m thorexp.tracking", description=__doc__)
    parser.add_argument("roots", metavar="RUN_DIR", nargs="+", type=Path, help="a run directory, or a folder of some")
    own = "(default: as in the record's config)"
    parser.add_argument("--uri", help=f"the tracking store {own}")
    parser.add_argument("--experiment", help=f"the experiment's name {own}")
    parser.add_argument("--artifacts", metavar="DIR", help=f"where an SQLite store keeps files {own}")
    return parser


if __name__ == "__main__":
    sys.exit(at_edge(main))

"""Where the things of a job or a sweep are, in lines for below its report."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from thorexp.rundir import PAGE, RunDir
from thorexp.secret import masked


def places_of_job(run_dir: RunDir, run_id: str | None, uri: str, here: Path) -> Iterator[str]:
    """At most four lines; `run_id`: in the MLflow store at `uri`, absent where it is not tracked.

    Paths below `here` are relative to it.
    """
    directory = shown(run_dir.path, here)
    yield _line("run", directory)
    if run_dir.has(PAGE):
        yield _line("page", shown(run_dir.path / PAGE, here))
    if run_id is not None:
        yield _line("MLflow", _of_run(run_id, uri))
    yield _line("compare", f"python -m thorexp.compare {shlex.quote(directory)} ANOTHER")


def places_of_sweep(directory: Path, names: Sequence[str], here: Path) -> Iterator[str]:
    """Those of its files that are there."""
    for name in names:
        if (directory / name).is_file():
            yield _line("page" if name == PAGE else Path(name).stem, shown(directory / name, here))


def mlflow_ui(uri: str) -> str:
    """The command that opens MLflow's UI; of a tracking server, which has one, its address."""
    return masked(uri) if _is_server(uri) else f"mlflow ui --backend-store-uri {masked(uri)}"


def shown(path: Path, here: Path) -> str:
    """From `here` where it lies below, else whole."""
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _of_run(run_id: str, uri: str) -> str:
    return f"{masked(uri).rstrip('/')}/#/runs/{run_id}" if _is_server(uri) else f"run {run_id}: {mlflow_ui(uri)}"


def _is_server(uri: str) -> bool:
    return uri.startswith(("http://", "https://"))


def _line(word: str, where: str) -> str:
    return f"{word:<8} {where}"

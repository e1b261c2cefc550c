"""Every command in the docs runs: as it stands, or as a dry run of it; where it cannot, it says here why."""

import importlib.util
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from click import Context
from mlflow.cli import cli as mlflow

from tests.command_line import Ran, environment
from tests.docs.pages import PAGES, ROOT, Command, commands, files
from tests.docs.warm import Warm, warm
from tests.foreign import a_benchmark, a_report, a_request, an_export

FEW = "load.num_prompts=10 load.num_warmups=1 workload.output_len=4"
PLANNED = "workload.output_len=4 dry_run=true"
PREDICTED = f"{FEW} predict=true tracking=off"
TRACE = '{"timestamp": 0, "input_length": 64, "output_length": 4, "hash_ids": [1]}\n'
# Sweeps by the names that the docs show: a reader's own.
SHOWN = ("before", "after", "2026-10-27_…", "2026-11-27_…", "2026-11-24_13-57-59")


@dataclass(frozen=True, slots=True)
class Way:
    """How a command is run: the words behind it, and what it may end with."""

    words: str = ""
    codes: tuple[int, ...] = (0,)


# The first that a command matches, from its beginning.
WAYS: Mapping[str, Way] = {
    r"python -m thorexp --help": Way(),
    r"python -m thorexp .*server=sim": Way(f"{FEW} server.speedup=1000 tracking=off hydra.sweep.dir=simulated"),
    r"python -m thorexp .*predict=true": Way(PREDICTED),
    r"python -m thorexp .*experiment=thor_seed": Way(f"{PLANNED} model=qwen3_32b_awq load.num_prompts=4"),
    r"python -m thorexp .*load=trace": Way("dry_run=true"),
    r"python -m thorexp .*(load=(max_under_slo|office)|experiment=office)": Way(PLANNED),
    r"python -m thorexp ": Way(f"{PLANNED} load.num_prompts=4"),
    r"python -m thorexp\.ruler": Way("--streams 1 --requests-a-stream 1 --tokens 2"),
    r"python -m thorexp\.reference": Way(),
    r"python -m thorexp(\.(compare|tracking|judge|importer))?$": Way("--help"),
    r"python -m thorexp\.compare outputs power_mode=MAXN": Way(codes=(2,)),  # no run here has one
    r"python -m thorexp\.(compare|tracking|judge|importer) ": Way(),
    r"MLFLOW_TRACKING_URI=\S+ python -c ": Way(),
}

# Why a command is not run; what is still asked of it is a test of its own below.
NOT_RUN: Mapping[str, str] = {
    r"pip install ": "installs; test_packaging.py builds the wheel",
    r"\.venv-vllm/bin/pip ": "installs a vLLM, as .ci/run does for tests/real",
    r"python -m venv ": "makes an environment for that",
    r"python -m (pytest|ruff|mypy)": "the tests themselves, and test_style.py",
    r"python -m tests\.|THOREXP_VLLM=\S+ python -m tests\.": "a benchmark or a matrix of tests, of minutes",
    r"python -m thorexp\.fit": "takes minutes; test_fitting.py does what it does",
    r"mlflow (server|ui)( |$)": "stays; test_tracking.py and the browser's tests have one",
    r"(RAY_\S+ )*ray start ": "leaves a cluster; sweep/test_on_ray.py has one",
    r"apt-get ": "needs root; .ci/run installs the same",
    r"runuser ": "needs root and a PostgreSQL; test_tracking.py has one of its own",
}


def _way(command: Command) -> Way | None:
    if _why_not(command):
        return None
    return next((way for pattern, way in WAYS.items() if re.match(pattern, command.text)), None)


def _why_not(command: Command) -> str | None:
    return next((why for pattern, why in NOT_RUN.items() if re.match(pattern, command.text)), None)


def _name(command: Command) -> str:
    return f"{command.page}: {command.text[:100]}"


RUN = [command for command in commands() if _way(command) is not None]


def _in_a_shell(text: str, folder: Path) -> Ran:
    """With this Python."""
    path = f"{Path(sys.executable).parent}:{environment(folder)['PATH']}"
    done = subprocess.run(
        ["bash", "-c", text],
        cwd=folder,
        env={**environment(folder), "PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr, folder)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    """In a folder with the configs, files and sweeps that the docs speak of."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "conf").symlink_to(ROOT / "conf")
    (folder / "docs").mkdir()
    for name, content in files():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    (folder / "conversation_trace.jsonl").write_text(TRACE)
    (folder / "benchmarks.json").write_text(json.dumps(a_report(a_benchmark(*(a_request() for _ in range(3))))))
    (folder / "profile_export_aiperf.json").write_text(json.dumps(an_export()))
    with warm(folder) as process:
        words = f"-m model=qwen3_30b_a3b quantization=awq,fp8 load=high predict=true {FEW}"
        played = process.run("thorexp", words.split())
        assert 0 == played.code, played.err
        (sweep,) = folder.glob("outputs/*/sweep.json")
        for name in SHOWN:
            (folder / "outputs" / name).symlink_to(sweep.parent)
        yield process


@pytest.mark.parametrize("command", RUN, ids=_name)
def test_it_runs(command: Command, reader: Warm) -> None:
    """It ends as the docs let one expect."""
    way = _way(command)
    assert way is not None
    text = f"{command.text} {way.words}"
    if re.match(r"python -m [\w.]+ (?!>)", text):
        _, _, module, *words = shlex.split(text)
        ran = reader.run(module, words)
    else:
        ran = _in_a_shell(text, reader.folder)
    assert ran.code in way.codes, f"{ran.out}\n{ran.err}"


def test_what_the_report_adds_is_explained(reader: Warm) -> None:
    """Each line of thorexp's own block, by its name; the verdict has a chapter."""
    explained = (ROOT / "docs/explanation.md").read_text(encoding="utf-8")
    results = [json.loads(file.read_text()) for file in (reader.folder / "outputs/before").rglob("result.json")]
    added = {key.replace("_", " ") for result in results for key in result["thorexp"]} - {
        "verdict",
        "origin",
        "reasons",
    }
    assert len(added) > 15
    assert [] == [line for line in added if f"`{line}`" not in explained]


def test_there_are_commands() -> None:
    """In each page that shows how something is done."""
    pages = {page.relative_to(ROOT).as_posix() for page in PAGES if page.parent.name == "howto"}
    assert {"README.md", "docs/tutorial.md", *pages} - {command.page for command in commands()} == set()
    assert len(RUN) > 30


def test_each_is_run_or_says_why_not() -> None:
    """A new one belongs into one of the two tables above."""
    assert [] == [command for command in commands() if _way(command) is None and not _why_not(command)]


@pytest.mark.parametrize("pattern", [*WAYS, *NOT_RUN])
def test_no_row_of_the_tables_is_left_over(pattern: str) -> None:
    """Each is there for a command that stands in the docs."""
    assert any(re.match(pattern, command.text) for command in commands())


@pytest.mark.parametrize("command", [c for c in commands() if _way(c) is None], ids=_name)
def test_a_shell_takes_what_is_not_run(command: Command) -> None:
    """Its quotes are closed."""
    assert "" == subprocess.run(["bash", "-n", "-c", command.text], capture_output=True, text=True, check=False).stderr


@pytest.mark.parametrize("command", [c for c in commands() if re.match("pip install ", c.text)], ids=_name)
def test_what_is_installed_is_declared(command: Command) -> None:
    """Extras that stand in pyproject.toml, of this folder."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    extras = re.findall(r"[\w-]+", shlex.split(command.text)[-1].partition("[")[2])
    assert set(extras) <= declared.keys()


@pytest.mark.parametrize("command", [c for c in commands() if re.match(r"mlflow (server|ui) ", c.text)], ids=_name)
def test_mlflow_knows_its_options(command: Command) -> None:
    """By its own reading of them."""
    _, *words = shlex.split(command.text)
    _, found, rest = mlflow.resolve_command(Context(mlflow), words)
    assert found is not None
    assert found.make_context(found.name, rest).args == []


@pytest.mark.parametrize("command", [c for c in commands() if re.match(r"(RAY_\S+ )*ray start ", c.text)], ids=_name)
def test_ray_knows_its_options(command: Command) -> None:
    """By its own reading of them."""
    scripts = pytest.importorskip("ray.scripts.scripts")
    words = shlex.split(command.text.partition("ray start ")[2])
    assert scripts.cli.commands["start"].make_context("start", words).params["block"] is False


@pytest.mark.parametrize("command", [c for c in commands() if re.match(r".*python -m tests\.", c.text)], ids=_name)
def test_a_benchmark_is_there(command: Command) -> None:
    """Under that name."""
    assert importlib.util.find_spec(command.text.split()[-1]) is not None

"""What nobody expected is said in one message, whose traceback is in a file."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.errors import ConfigCompositionException

from tests.command_line import SMALL_LOAD, environment
from thorexp.composing import is_of_composing
from thorexp.conf_tree import tree_of
from thorexp.errors import ConfigError, InternalError, ThorexpError
from thorexp.own_error import EXIT_CODE, at_edge, told

# A job whose seed is 1 meets what nobody expected.
BROKEN_JOB = """
import sys
from thorexp import app, job
run = job.run
def broken(prepared, *rest):
    if prepared.config.workload.seed == 1:
        raise KeyError("HF_TOKEN=hf_secret")
    return run(prepared, *rest)
job.run = broken
app.main()
"""


def broken(wrong: Exception) -> int:
    """A command that ends with it."""
    raise wrong


def ran(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command line, with a job that is broken."""
    return subprocess.run(
        [sys.executable, "-c", BROKEN_JOB, *words],
        cwd=folder,
        env=environment(folder) | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def kept(said: str, folder: Path) -> str:
    """The traceback that a message names."""
    found = re.search(r"traceback +(\S+)", said)
    assert found is not None, said
    return (folder / found[1]).read_text()


def test_what_nobody_expected_is_to_be_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names type and text; the file has the traceback. Neither has a secret."""
    monkeypatch.chdir(tmp_path)
    try:
        raise KeyError("--api-key hidden")
    except KeyError as wrong:
        error = told(wrong)
    traceback = kept(str(error), tmp_path)
    assert isinstance(error, InternalError)
    assert "This is an error of thorexp's own: KeyError: '--api-key ***'" == error.headline
    assert ("Traceback (most recent call last)" in traceback, "hidden" in traceback) == (True, False)


def test_where_nothing_can_be_written_the_traceback_is_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder for what is temporary."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "outputs").write_text("no folder")
    said = str(told(ValueError("x")))
    assert f"{tmp_path}/thorexp-error-" in said
    assert "ValueError: x" in kept(said, tmp_path)


def test_a_secret_is_not_cut_from_its_flag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a traceback too long the end is kept, whose secrets were hidden before."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("thorexp.own_error.LONGEST", len("hidden'\n"))
    assert "hidden" not in kept(str(told(KeyError("--api-key hidden"))), tmp_path)


@pytest.mark.parametrize(
    ("wrong", "code", "words"),
    [
        (ValueError("x"), EXIT_CODE, "error of thorexp's own: ValueError: x"),
        (ConfigError("There is no key lod."), 1, "There is no key lod."),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), 1, "There is no room left on a disk."),
        (MemoryError(), 1, "There is no memory left for thorexp itself."),
    ],
    ids=["a bug", "a refusal", "a full disk", "no memory"],
)
def test_a_command_ends_with_words(
    wrong: Exception,
    code: int,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And with the code of what it was."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    assert code == at_edge(lambda: broken(wrong))
    assert words in (said := capsys.readouterr().err), said


def test_whoever_wants_tracebacks_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the switch that Hydra has for it."""
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(ValueError, match="x"):
        at_edge(lambda: broken(ValueError("x")))


def test_one_of_ours_stays_what_it_is() -> None:
    """It says already all that is known."""
    ours = ThorexpError("It failed.")
    assert ours is told(ours)


def test_a_job_that_is_broken_is_told_and_not_shown(tmp_path: Path) -> None:
    """One message in place of a traceback, which is in a file below outputs/."""
    done = ran(tmp_path, *SMALL_LOAD, "tracking=off", "workload.seed=1")
    assert EXIT_CODE == done.returncode, done.stderr
    assert ("Traceback" in done.stderr, "hf_secret" in done.stderr) == (False, False), done.stderr
    assert "KeyError" in kept(done.stderr, tmp_path)


def test_with_the_switch_a_job_that_is_broken_shows_its_traceback(tmp_path: Path) -> None:
    """For whoever mends it."""
    done = ran(tmp_path, *SMALL_LOAD, "tracking=off", "workload.seed=1", HYDRA_FULL_ERROR="1")
    assert "Traceback" in done.stderr


def test_a_job_that_is_broken_leaves_the_others_of_its_sweep(tmp_path: Path) -> None:
    """It alone has failed."""
    done = ran(tmp_path, "-m", *SMALL_LOAD, "tracking=off", "workload.seed=0,1,2")
    assert "2 of 3 jobs finished, 1 failed" in done.stdout, done.stderr
    assert (EXIT_CODE, False) == (done.returncode, "Traceback" in done.stderr), done.stderr
    assert "This is an error of thorexp's own: KeyError" in done.stdout


def test_a_bug_while_a_refusal_is_handled_is_no_refusal() -> None:
    """What Hydra refused before has not led to it."""
    try:
        tree_of(["load.nonsense=1"])
    except ConfigCompositionException:
        with pytest.raises(ValueError, match="nobody") as bug:
            int("nobody's word")
    assert not is_of_composing(bug.value)

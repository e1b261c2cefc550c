"""A host that refuses: room on a disk, the right to write, files to open, memory."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.command_line import Ran, environment, running, thorexp
from tests.faults.small_disk import PAGE, full, read_only, small_disk
from tests.faults.soundness import UNTRACKED, assert_replayed, assert_sound
from thorexp.rundir import PAGE as PAGE_FILE
from thorexp.sweepdir import SWEEP

NO_ROOM = "There is no room left on a disk."
WITHOUT_RIGHTS = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps",
                  "-dac_override,-dac_read_search")  # fmt: skip
# Once all is imported so much more memory may be taken, in MiB.
LIMITED = """
import resource, sys
from thorexp import app
import thorexp.tracking, uvloop, aiohttp
pages = int(open("/proc/self/statm").read().split()[0])
most = pages * resource.getpagesize() + ({more} << 20)
resource.setrlimit(resource.RLIMIT_AS, (most, most))
app.main()
"""


@pytest.fixture
def models(left: Path) -> Path:
    """outputs/models as a job leaves it, so that a disk need not have room for that."""
    return left / "outputs" / "models"


def moved(models: Path, outputs: Path) -> None:
    """The model by the name that it has there: its directory's path is no part of it."""
    shutil.copytree(models, outputs / "models")


def ran_by(before: Sequence[str], folder: Path, *words: str) -> Ran:
    """The command line behind other words, as of a limit."""
    return ran_in(folder, *before, sys.executable, "-m", "thorexp", *words)


def ran_in(folder: Path, *command: str) -> Ran:
    """Any command, in the environment of a test."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr, folder)


@pytest.mark.parametrize("pages", [0, 2, 4, 6, 9, 12])
def test_a_disk_that_gets_full_is_told_at_any_write(tmp_path: Path, models: Path, pages: int) -> None:
    """With the file, its disk and what it needs. There is no record, and no half of a file."""
    with small_disk(tmp_path / "outputs") as disk:
        moved(models, disk)
        with full(disk, but_for=pages * PAGE):
            ran = thorexp(tmp_path, *UNTRACKED)
        assert_sound(ran, 1, NO_ROOM)
        assert () == ran.run_dirs
        assert (True, True) == (f"  {disk}, " in ran.err, " bytes\n" in ran.err), ran.err


def test_a_page_that_finds_no_room_costs_no_record(tmp_path: Path, models: Path, store: Path) -> None:
    """2 MB that show what is beside them: the job finishes without, says so, and can be replayed."""
    with small_disk(tmp_path / "outputs") as disk:
        moved(models, disk)
        with full(disk, but_for=60 * PAGE):
            ran = thorexp(tmp_path, *UNTRACKED)
            assert_sound(ran, 0)
            (run_dir,) = ran.run_dirs
            assert (False, True) == (run_dir.has(PAGE_FILE), f"{PAGE_FILE} could not be written" in ran.err)
        assert_replayed(tmp_path / "outputs", store)


def test_a_model_that_finds_no_room_leaves_none_of_it(tmp_path: Path) -> None:
    """And with room the same command finishes."""
    with small_disk(tmp_path / "outputs") as disk:
        with full(disk, but_for=100 * PAGE):
            assert_sound(thorexp(tmp_path, *UNTRACKED), 1, NO_ROOM)
            assert [] == list((disk / "models").iterdir())
        assert_sound(thorexp(tmp_path, *UNTRACKED), 0)


def test_a_disk_that_gets_full_in_a_sweep_costs_what_was_not_kept(tmp_path: Path, models: Path, store: Path) -> None:
    """The first of two points is kept; with room again the same command measures the other alone."""
    words = ("-m", *UNTRACKED, "load=low", "load.num_prompts=2", "workload.seed=0,1")
    with small_disk(tmp_path / "outputs") as disk:
        moved(models, disk)
        with running(tmp_path, *words, fake={"token_delay_s": 0.2}) as sweep:
            sweep.until(lambda: 2 == sweep.err.read_text().count(" load: "))
            with full(disk):
                ran = sweep.ended()
        assert_sound(ran, 1)
        assert NO_ROOM in ran.out + ran.err
        (kept,), (run_dir,) = ran.records, ran.run_dirs
        assert_replayed(run_dir.path, store)
        again = thorexp(tmp_path, *words)
        assert_sound(again, 0)
        assert (2, True, 1) == (
            len(again.records),
            kept.id in {record.id for record in again.records},
            len(list(tmp_path.glob(f"outputs/*/{SWEEP}"))),
        )


@pytest.mark.parametrize("how", [full, read_only])
def test_a_home_that_takes_nothing_costs_no_job(
    tmp_path: Path, how: Callable[[Path], AbstractContextManager[None]]
) -> None:
    """What is only remembered for the next time is said not to be, and who holds the board is not."""
    with small_disk(tmp_path / ".cache", 16 * PAGE) as disk:
        (disk / "lock").touch()
        with how(disk):
            ran = thorexp(tmp_path, *UNTRACKED, f"sweep.lock_path={disk / 'lock' if how is full else tmp_path / 'l'}")
    assert_sound(ran, 0)
    assert "not remembered for the next time" in ran.err


def test_outputs_that_can_only_be_read_are_told(tmp_path: Path) -> None:
    """Nothing is started; the same command finishes when they can be written."""
    with small_disk(tmp_path / "outputs") as disk:
        with read_only(disk):
            ran = thorexp(tmp_path, *UNTRACKED)
            assert_sound(ran, 1, "A disk can only be read.")
            assert str(disk) in ran.err
        assert_sound(thorexp(tmp_path, *UNTRACKED), 0)


def test_outputs_of_somebody_else_are_told(tmp_path: Path) -> None:
    """Nothing is started. Root is asked without the capabilities by which it may write anywhere."""
    (tmp_path / "outputs").mkdir(mode=0o555)
    ran = ran_by(WITHOUT_RIGHTS if os.geteuid() == 0 else (), tmp_path, *UNTRACKED)
    assert_sound(ran, 1, "This user has not the right to do that.")
    assert str(tmp_path / "outputs") in ran.err
    (tmp_path / "outputs").chmod(0o755)
    assert_sound(thorexp(tmp_path, *UNTRACKED), 0)


@pytest.mark.parametrize(
    ("files", "words"), [(10, "This process may not open another file."), (60, "The load needs ")], ids=str
)
def test_a_process_that_may_not_open_files_says_so(tmp_path: Path, files: int, words: str) -> None:
    """Be it at once or when a load is to be opened; with more of them the same command finishes."""
    ran = ran_by(("prlimit", f"--nofile={files}:{files}"), tmp_path, *UNTRACKED)
    assert_sound(ran, 1, words)
    assert "ulimit" in ran.err
    assert_sound(thorexp(tmp_path, *UNTRACKED), 0)


@pytest.mark.parametrize("more", [1, 16, 48])
def test_a_process_without_memory_says_so(tmp_path: Path, more: int) -> None:
    """Wherever it runs out of it; the same command with more memory finishes."""
    ran = ran_in(tmp_path, sys.executable, "-c", LIMITED.format(more=more), *UNTRACKED)
    assert_sound(ran, ran.code)
    if ran.code == -signal.SIGABRT:  # a library in C++ that finds none ends the process, before anybody can say a word
        assert () == ran.records
        return
    assert (ran.code == 0) == ("finished" in [record.status for record in ran.records]), ran.err
    if ran.code:
        assert (1, True) == (ran.code, any(line.split()[:1] == ["try"] for line in ran.err.splitlines())), ran.err
        assert_sound(thorexp(tmp_path, *UNTRACKED), 0)

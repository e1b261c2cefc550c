"""What travels to a board and back."""

import _thread
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clusters import until
from thorexp.sweep.errand import AskedJob, Errand, run_errand

Group = Callable[[str], None]
JOB = AskedJob(number=3, point="p", subdir="a_high", digest="d", tree="engine:\n  name: ${oc.env:HOME}\n")


@pytest.fixture
def a_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Group:
    """What a board's process does in place of a group, as Python."""
    package = tmp_path / "thorexp" / "sweep"
    package.mkdir(parents=True)
    for made in (package.parent, package):
        (made / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)

    def does(code: str) -> None:
        (package / "group.py").write_text(f"import os, signal, sys\n{code}\n")

    return does


def test_an_errand_arrives_as_it_was_sent() -> None:
    """With interpolations that nobody has resolved on the way."""
    errand = Errand("sweep", (JOB, JOB))
    assert errand == Errand.from_json(errand.as_json())


def test_an_errand_is_one_line() -> None:
    """Whatever is in the trees."""
    assert 1 == len(Errand("sweep", (JOB,)).as_json().splitlines())


def test_a_process_that_fails_says_why_there_are_no_answers() -> None:
    """How it ended, and the last that it said."""
    ended = run_errand("no JSON")
    assert () == ended.answers
    assert ended.lost is not None
    first, *rest = ended.lost.splitlines()
    assert ("exit code 70", True) == (first, "json.decoder.JSONDecodeError" in "".join(rest))


def test_variables_go_over_the_environment(a_group: Group) -> None:
    """And an absent one out of it."""
    a_group("print(os.environ.get('ADDED'), os.environ.get('HOME'), file=sys.stderr); sys.exit(3)")
    assert "exit code 3\nyes None" == run_errand("", {"ADDED": "yes", "HOME": None}).lost


def test_a_process_that_does_not_hear_what_it_is_asked_says_why(a_group: Group) -> None:
    """However much that would be."""
    a_group("os.close(0); print('no memory', file=sys.stderr); sys.exit(3)")
    assert "exit code 3\nno memory" == run_errand("x" * 1_000_000).lost


@pytest.mark.parametrize(("end", "refused"), [("sys.exit(1)", True), ("os.kill(os.getpid(), 9)", False)])
def test_a_process_that_is_killed_has_refused_nothing(a_group: Group, end: str, refused: bool) -> None:
    """One that ends by itself has."""
    a_group(end)
    assert refused is run_errand("").refused


def test_an_interruption_ends_the_process_in_its_own_time(a_group: Group, tmp_path: Path) -> None:
    """Ray's, which only sets a flag: what waits in the system does not see it."""
    begun, left = tmp_path / "begun", tmp_path / "left"
    a_group(
        f"signal.signal(signal.SIGTERM, lambda *_: (open({str(left)!r}, 'w'), sys.exit(0))); "
        f"open({str(begun)!r}, 'w'); signal.pause()"
    )

    def interrupt() -> None:
        until(begun.exists)
        _thread.interrupt_main()

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        run_errand("")
    assert left.exists()

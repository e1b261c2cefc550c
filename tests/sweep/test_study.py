"""A study that is interrupted while Optuna is at its file."""

import os
import signal
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.storages.journal import JournalFileSymlinkLock

from thorexp.sweep.judging import Judged
from thorexp.sweep.objective import aim_of
from thorexp.sweep.search_space import space_of
from thorexp.sweep.study import KeptStudy


@pytest.fixture
def study(tmp_path: Path) -> KeptStudy:
    """Of three points."""
    space = space_of(OverridesParser.create().parse_overrides(["engine.max_num_seqs=1,2,3"]))
    return KeptStudy(tmp_path, space, aim_of(None, None, {}, {}, False, [99]), 0, 1)


def test_an_interrupt_waits_until_optuna_has_let_go(study: KeptStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes where Optuna takes its lock, which it would answer by a RuntimeError; then the study is as it was asked
    to be, and goes on.
    """
    acquire = JournalFileSymlinkLock.acquire

    def interrupted(lock: JournalFileSymlinkLock) -> bool:
        monkeypatch.undo()
        os.kill(os.getpid(), signal.SIGINT)
        return acquire(lock)

    monkeypatch.setattr(JournalFileSymlinkLock, "acquire", interrupted)
    with pytest.raises(KeyboardInterrupt):
        study.ask()
    (asked,) = study.trials
    study.tell(asked, Judged(1.0, ()), (None,))
    assert 1 == len(study.told)

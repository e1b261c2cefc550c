"""A search as Optuna keeps it, in a file that outlives us: what was asked, and what was told."""

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from thorexp.errors import BusyError, ConfigError
from thorexp.load.signals import DeferredSignals
from thorexp.secret import shown_word
from thorexp.sweep.directory import hold
from thorexp.sweep.jobs import ComposedJob
from thorexp.sweep.judging import Judged
from thorexp.sweep.objective import Aim
from thorexp.sweep.sampler import MISSED, distributions, sampler
from thorexp.sweep.search_space import Params, Space

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

STUDIES = "studies"
JOURNAL = "study.log"  # optuna-dashboard opens it too
NAME = "thorexp"
JUDGED, ERRORS = "judged", "errors"  # attributes of a trial

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trial:
    """A point that was asked for. `judged` is absent until it is told; `errors`: of each of its repeats, absent where
    that finished; none of what could not be composed.
    """

    number: int
    params: Params
    judged: Judged | None
    errors: tuple[str | None, ...]


def study_directory(parent: Path, first: ComposedJob, space: Space, aim: Aim) -> Path:
    """The place of this search and no other. By the digest of its `first` point counts all that its points have alike
    and that decides what is measured.
    """
    dimensions = [asdict(each) for each in space.dimensions]
    what = (first.point, dimensions, asdict(aim), first.sweep.repeats, asdict(first.believed))
    digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
    return parent / STUDIES / digest[:12]


def take_study(directory: Path) -> None:
    """Hold it for this process, until that ends. BusyError when another one searches in it."""
    if not hold(directory):
        raise BusyError("Another thorexp is at this search.", ("where", str(directory)), ("try", "wait for its end"))


def put_aside(directory: Path) -> None:
    """Name what is there by the time, so that a search begins anew."""
    journal = directory / JOURNAL
    if journal.is_file():
        journal.rename(directory / f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{JOURNAL}")


class KeptStudy:
    """Asks and tells, in a directory that this process holds."""

    def __init__(self, directory: Path, space: Space, aim: Aim, seed: int, startup: int) -> None:
        """Goes on with what is there. ConfigError without Optuna."""
        self._space = space
        self._distributions = distributions(space)
        self.path = directory / JOURNAL
        _mend(self.path)
        self._study = _open(self.path, aim)
        self._study.sampler = sampler(space, seed, startup, drawn=len(self._study.trials))

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All that were asked, in their order; without those of which a kill left only a part."""
        return tuple(_trial(each) for each in self._study.trials if self._distributions.keys() <= each.params.keys())

    @property
    def told(self) -> tuple[Trial, ...]:
        """Those of which it is known what came of them."""
        return tuple(trial for trial in self.trials if trial.judged is not None)

    def ask(self) -> Trial:
        """The next one."""
        with _uninterrupted():
            asked = self._study.ask(fixed_distributions=self._distributions)
        return Trial(asked.number, asked.params, None, ())

    def tell(self, trial: Trial, judged: Judged, errors: Sequence[str | None]) -> Trial:
        """What came of it: kept first as attributes, for a kill may come between."""
        from optuna.trial import Trial as Asked

        with _uninterrupted():
            told = Asked(self._study, self._study.trials[trial.number]._trial_id)
            told.set_user_attr("words", " ".join(map(shown_word, self._space.chosen(trial.params))))
            told.set_user_attr(MISSED, judged.missed)
            told.set_user_attr(JUDGED, asdict(judged))
            told.set_user_attr(ERRORS, list(errors))
            self._study.tell(told, judged.value)
        return Trial(trial.number, trial.params, judged, tuple(errors))


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """An interrupt waits until the end: while Optuna 5 takes its lock, one would become a RuntimeError about that."""
    with DeferredSignals() as signals:
        signals.hold()
        yield


def _open(path: Path, aim: Aim) -> "Study":
    try:
        import optuna
        from optuna.storages.journal import JournalFileBackend
    except ImportError:
        raise ConfigError(
            "hydra/sweeper=optuna needs Optuna of 4.0 or later.", ("try", "pip install 'thorexp[search]'")
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(path)))
    return optuna.create_study(
        storage=storage,
        study_name=NAME,
        direction="maximize" if aim.maximize else "minimize",
        load_if_exists=True,
    )


def _mend(path: Path) -> None:
    """What a kill may leave: a line that has no end, which Optuna would stumble over, and a lock that nobody holds."""
    Path(f"{path}.lock").unlink(missing_ok=True)
    if not path.is_file():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        log.warning("%s: its last line has no end, and is left out", path)
        os.truncate(path, whole)


def _trial(kept: "FrozenTrial") -> Trial:
    is_told = kept.state.is_finished() and JUDGED in kept.user_attrs
    judged = Judged(**{**kept.user_attrs[JUDGED], "missed": tuple(kept.user_attrs[MISSED])}) if is_told else None
    return Trial(kept.number, kept.params, judged, tuple(kept.user_attrs.get(ERRORS, ())))

"""A launcher before ours: points that ask for a search are probed one after the other, all others launched as ever."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from thorexp.answers import ANSWERS_MD, keep_answers
from thorexp.compose import composed
from thorexp.config import JobConfig
from thorexp.errors import ConfigError, ThorexpError
from thorexp.results.apart import apart
from thorexp.results.summary import Point
from thorexp.sweep.directory import unless_begun
from thorexp.sweep.launcher import SweepLauncher
from thorexp.sweep.slo_found import Found
from thorexp.sweep.slo_probe import check_search, shown_words, without_search
from thorexp.sweep.slo_search import SearchedPoint, UnjudgedError

# Groups that stand before the load in the defaults of config.yaml, and so cannot choose it.
NO_LOADS = ("model", "quantization", "hardware", "engine", "server", "endpoint")


class SearchLauncher(Launcher):
    """All that is searched is composed and checked before anything runs; then come the others, then the searches."""

    def __init__(self, ours: SweepLauncher) -> None:
        self._ours = ours

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Nothing is left to do: the launcher behind it is set up."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Results in the order of `job_overrides`; a search that could not be brought to its end has failed."""
        with unless_begun(Path(str(self._ours.config.hydra.sweep.dir)).resolve()):
            asked = self._asked(job_overrides)
            if any(config.dry_run for config, _ in asked.values()):
                return self._planned(job_overrides, _points(asked), initial_job_idx)
            points = self._by_server(_points(asked), initial_job_idx)
        others = [i for i in range(len(job_overrides)) if i not in points]
        returns: dict[int, JobReturn] = {}
        if others:
            launched = self._ours.launch([job_overrides[i] for i in others], initial_job_idx)
            returns |= dict(zip(others, launched, strict=True))
        if points:
            with self._ours.summed_up():
                returns |= self._search(points, initial_job_idx + len(others))
            self._ours.conclude()
        return [returns[i] for i in range(len(job_overrides))]

    def _asked(self, batch: Sequence[Sequence[str]]) -> dict[int, tuple[JobConfig, Sequence[str]]]:
        """What asks for a search, by its place; of points that choose one load only the first is composed for that."""
        asks: dict[tuple[str, ...], bool] = {}
        found: dict[int, tuple[JobConfig, Sequence[str]]] = {}
        for i, words in enumerate(batch):
            choosing = tuple(word for word in words if word.lstrip("+~").split("=")[0].split(".")[0] not in NO_LOADS)
            if choosing not in asks:
                asks[choosing] = self._tree(words).load.get("search") is not None
            if asks[choosing]:
                found[i] = composed(self._tree(words))[0], words
        return found

    def _planned(
        self, batch: Sequence[Sequence[str]], points: Mapping[int, SearchedPoint], number: int
    ) -> Sequence[JobReturn]:
        """A dry run, of the first probe for each that is searched."""
        words = [points[i].first_words() if i in points else each for i, each in enumerate(batch)]
        returns = self._ours.launch(words, number)
        print(*(point.plan() for point in points.values()), sep="\n", flush=True)
        return returns

    def _by_server(self, points: Mapping[int, SearchedPoint], number: int) -> dict[int, SearchedPoint]:
        """Those of one server one after the other. ConfigError for a point whose first probe is none."""
        servers = {i: self._ours.compose(point.first_words(), number)[0].server for i, point in points.items()}
        order = list(dict.fromkeys(servers.values()))
        return {i: points[i] for i in sorted(points, key=lambda i: order.index(servers[i]))}

    def _search(self, points: Mapping[int, SearchedPoint], number: int) -> dict[int, JobReturn]:
        numbers, found, returns = count(number), list[Found](), dict[int, JobReturn]()
        for i, point in points.items():
            print(point.plan(), flush=True)
            played: list[Point] = []
            found.append(point.searched(partial(self._play, numbers, played)))
            returns[i] = _told(point, found[-1], played)
            if self._ours.directory is not None:
                keep_answers(self._ours.directory, (each.answer for each in found))
        return returns

    def _play(self, numbers: Iterator[int], played: list[Point], words: Sequence[str]) -> Sequence[Point]:
        """One probe, by the next number; it is added to what was played."""
        try:
            jobs = self._ours.compose(words, next(numbers))
        except ConfigError as refused:
            raise UnjudgedError(refused.headline) from None
        repeats = self._ours.probe(tuple(replace(job, overrides=shown_words(job.overrides)) for job in jobs))
        played += repeats
        return repeats

    def _tree(self, words: Sequence[str]) -> DictConfig:
        tree: DictConfig = self._ours.hydra_context.config_loader.load_sweep_config(self._ours.config, list(words))
        return tree


def _points(asked: Mapping[int, tuple[JobConfig, Sequence[str]]]) -> dict[int, SearchedPoint]:
    """Checked, each by what sets it apart from the others. A point that was asked for twice is searched twice, at no
    cost: its probes are there.
    """
    names = apart([words for _, words in asked.values()])
    points: dict[int, SearchedPoint] = {}
    for (i, (config, words)), name in zip(asked.items(), names, strict=True):
        if config.load.search is not None:
            check_search(config, config.load.search)
            points[i] = SearchedPoint(name, without_search(words), config, config.load.search)
    return points


def _told(point: SearchedPoint, found: Found, played: Sequence[Point]) -> JobReturn:
    """What Hydra is told: a search that broke off, or one of whose probes MLflow did not take, has failed."""
    untracked = [each.error for each in played if each.state == "finished" and each.error is not None]
    wrong = found.unfinished if found.broken else next(iter(untracked), None)
    if wrong is None:
        return JobReturn(overrides=point.words, status=JobStatus.COMPLETED, _return_value=None)
    error = ThorexpError(f"{point.name}: {wrong.splitlines()[0]}", ("more", f"below the table, and in {ANSWERS_MD}"))
    return JobReturn(overrides=point.words, status=JobStatus.FAILED, _return_value=error)

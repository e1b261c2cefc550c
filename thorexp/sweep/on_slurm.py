"""The boards of a Slurm cluster, through submitit: a group is a job, which Slurm gives a node of its own."""

import os
import threading
import time
from concurrent.futures import Future
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from thorexp.config_sweep import SlurmConfig, SweepConfig
from thorexp.errors import ConfigError
from thorexp.sweep.errand import Ended, run_errand

if TYPE_CHECKING:
    from submitit import AutoExecutor, Job

POLL_S = 1.0
LOCAL = "local"


class SlurmBoards:
    """Jobs of this sweep. They outlive a driver that is killed: the same command later finds their results in MLflow.

    submitit's `local` has no queue, and this machine is one board: there one job follows the other.
    """

    def __init__(self, options: SweepConfig) -> None:
        self._options = options.slurm
        _executor(options.slurm)
        self._jobs: list[Job[Ended]] = []
        self._closed = False
        self._at_jobs = threading.Lock()
        self._turn = threading.Lock() if options.slurm.cluster == LOCAL else nullcontext()

    def submit(self, errand: str) -> "Future[Ended]":
        """Slurm chooses a node, when one is free that has what `sweep.slurm.parameters` say."""
        done = Future[Ended]()
        threading.Thread(target=self._run, args=(errand, done), daemon=True).start()
        return done

    def close(self, grace_s: float) -> None:
        """End all that has not ended, in the time that Slurm gives (KillWait); nothing begins any more."""
        with self._at_jobs:
            self._closed = True
        for job in self._jobs:
            if not job.done():
                job.cancel(check=False)
            _forget(job)

    def _run(self, errand: str, done: "Future[Ended]") -> None:
        """Until the job has ended, whatever of it has."""
        try:
            with self._turn:
                job = self._submitted(errand)
                if job is None:
                    done.cancel()
                    return
                while not job.done():
                    time.sleep(POLL_S)
                done.set_result(job.result())
                _forget(job)
        except Exception as failed:  # noqa: BLE001  it is handed over, whatever it is
            done.set_exception(failed)

    def _submitted(self, errand: str) -> "Job[Ended] | None":
        """Absent once it is closed: no job of which `close` does not know."""
        with self._at_jobs:
            if self._closed:
                return None
            job = _executor(self._options).submit(_on_node, errand)
            self._jobs.append(job)
            return job


def _on_node(errand: str) -> Ended:
    """submitit's local executor hides every GPU of which none was asked for."""
    hides = os.environ.get("CUDA_VISIBLE_DEVICES") == ""
    try:
        return run_errand(errand, {"CUDA_VISIBLE_DEVICES": None} if hides else {})
    finally:
        _forget_own()


def _forget_own() -> None:
    """The driver may be gone when the job ends."""
    from submitit import JobEnvironment

    JobEnvironment().paths.submitted_pickle.unlink(missing_ok=True)


def _forget(job: "Job[Ended]") -> None:
    """What was submitted holds all that was typed, secrets too."""
    for pickle in (job.paths.submitted_pickle, job.paths.result_pickle):
        pickle.unlink(missing_ok=True)


def _private(folder: Path) -> Path:
    """For its owner alone."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as cannot:
        raise ConfigError(
            "The folder of submitit cannot be kept to its owner.",
            ("where", f"sweep.slurm.folder={folder}"),
            ("says", cannot.strerror or str(cannot)),
            ("try", "sweep.slurm.folder=<one of your own, on a disk that the nodes share>"),
        ) from cannot
    return folder


def _executor(options: SlurmConfig) -> "AutoExecutor":
    try:
        from submitit import AutoExecutor
    except ImportError:
        raise ConfigError("submitit is not installed.", ("try", "pip install 'thorexp[slurm]'")) from None
    try:
        executor = AutoExecutor(_private(Path(options.folder).absolute()), cluster=options.cluster)
        executor.update_parameters(**options.parameters)
    except (RuntimeError, ValueError, TypeError, NameError, AssertionError) as refused:
        raise ConfigError(
            "submitit refuses what it is asked for.",
            ("where", f"sweep.slurm.cluster={options.cluster} and sweep.slurm.parameters={options.parameters}"),
            ("says", next(iter(str(refused).strip().splitlines()), type(refused).__name__)),
            ("try", "sweep.slurm.cluster=local, where no Slurm is"),
        ) from refused
    return executor

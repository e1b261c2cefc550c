"""What Hydra is told of jobs that were launched; it ends with the first error, and the table has said all of it."""

from collections.abc import Sequence
from dataclasses import replace

from hydra.core.utils import JobReturn, JobStatus

from thorexp.errors import ThorexpError
from thorexp.sweep.jobs import ComposedJob


def not_run(job: ComposedJob) -> JobReturn:
    """Of a job that was not started: nothing, or why it is refused."""
    status = JobStatus.COMPLETED if job.refused is None else JobStatus.FAILED
    return JobReturn(overrides=job.overrides, status=status, _return_value=job.refused)


def of_repeats(repeats: Sequence[JobReturn]) -> JobReturn:
    """Of all repeats of a point: the first that failed, else the first."""
    failed = next((result for result in repeats if result.status is JobStatus.FAILED), None)
    if failed is None:
        return repeats[0]
    return replace(failed, _return_value=ThorexpError(headline(failed), ("more", "below the table")))


def headline(failed: JobReturn) -> str:
    """Its error in a line."""
    return next(iter(str(failed._return_value).splitlines()), repr(failed._return_value))

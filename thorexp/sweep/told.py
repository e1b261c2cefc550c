"""What Hydra is told of jobs that were launched; it ends with the first error, and the table has said all of it."""

from collections.abc import Sequence
from dataclasses import replace

from hydra.core.utils import JobReturn, JobStatus

from thorexp.errors import InternalError, ThorexpError
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
    kind = InternalError if isinstance(failed._return_value, InternalError) else ThorexpError
    error = kind(headline(failed), ("more", "below the table"))
    error.__cause__ = failed._return_value
    return replace(failed, _return_value=error)


def headline(failed: JobReturn) -> str:
    """Its error in a line."""
    return next(iter(str(failed._return_value).splitlines()), repr(failed._return_value))

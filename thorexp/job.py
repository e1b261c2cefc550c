"""One job: serve, warm up, load, measure, keep."""

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from uuid import uuid4

from thorexp import rundir
from thorexp.asking import headers_of, other_model
from thorexp.config import Weights
from thorexp.errors import DeathError, LoadError, ServerError, StartError, ThorexpError
from thorexp.job_page import keep_page
from thorexp.keep import keep_result, said_tags, tags, verdict_tags
from thorexp.launch import PROBE_LEN
from thorexp.playing import keep_plan, log_of, measure
from thorexp.prediction import predicted
from thorexp.prepare import PreparedJob
from thorexp.progress import Progress
from thorexp.rundir import Record, RunDir
from thorexp.secret import masked, shown_tree, shown_word
from thorexp.serve.attach import attach
from thorexp.serve.dummy_model import write_dummy_model
from thorexp.serve.pool import ServerPool
from thorexp.serve.said import differences
from thorexp.serve.server import Server
from thorexp.setting import warn_of_problems
from thorexp.watching import warn_of_other_machine

log = logging.getLogger(__name__)

NS_PER_S = 1e9


@dataclass(frozen=True, slots=True)
class Place:
    """Where a job is kept: its own directory, the one for live server logs, and the sweep it belongs to.

    `overrides`: what was typed for it. `point`: by which the sweep knows it, where that is not the job's own: a sweep
    of many boards is planned where no vLLM tells its version.
    """

    run_dir: RunDir
    logs: Path
    sweep: str | None
    overrides: tuple[str, ...] = ()
    point: str | None = None


@dataclass(frozen=True, slots=True)
class Means:
    """What a job is done with. `settle` is called when the server is ready: it ends whatever else is at work
    in this process, which would disturb the load.
    """

    servers: ServerPool
    shown: Progress
    settle: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A job that has ended: its record, and what stopped it, if anything did."""

    record: Record
    failure: ThorexpError | None


@dataclass(slots=True)
class _Done:
    """How far a job got, be it that it failed then. `ready`: when its server was, on the monotonic clock."""

    ready: float | None = None
    server_start_s: float | None = None
    version: str | None = None
    said: dict[str, str] = field(default_factory=dict)
    judged: dict[str, str] = field(default_factory=dict)


def run(job: PreparedJob, means: Means, place: Place, config_yaml: str) -> Outcome:
    """Do it and keep it. A failed server or load is an outcome with its record; other errors are raised."""
    started_at = time.time()  # a label: what takes how long is told by the monotonic clock, which telemetry has too
    started_ns, failure = time.monotonic_ns(), None
    _begin(job, place.run_dir, config_yaml)
    done = _Done()
    try:
        _do(job, means, place, done)
    except (ServerError, LoadError) as failed:
        failure = failed
        place.run_dir.write_text(rundir.ERROR, masked(f"{failed}\n"))
        if job.launch is not None and isinstance(failed, DeathError):
            means.servers.discard()  # one that hangs too: the next job has a server anew
    ended = time.monotonic()
    ended_at = started_at + (time.monotonic_ns() - started_ns) / NS_PER_S  # the clock on the wall may have been set
    if job.launch is not None and not job.config.predict:
        keep_server_log(means.servers.log, place.run_dir)
    keep_page(job.config, place.run_dir)
    record = Record(
        schema=rundir.SCHEMA,
        id=uuid4().hex,
        point=place.point or job.point,
        status="finished" if failure is None else "failed",
        started_at=started_at,
        ended_at=ended_at,
        sweep=place.sweep,
        tags=tags(job.config, done.version, job.image) | done.said | done.judged,
        error=None if failure is None else masked(str(failure)),
        server_start_s=done.server_start_s,
        measure_s=None if done.ready is None else ended - done.ready,
        started_ns=started_ns,
        overrides=tuple(map(shown_word, place.overrides)),
    )
    place.run_dir.complete(record)
    return Outcome(record, failure)


def _do(job: PreparedJob, means: Means, place: Place, done: _Done) -> None:
    """Serve, load, measure and judge it, telling `done` how far that got."""
    if job.config.predict and job.sim is not None:
        done.ready, counted = time.monotonic(), job
        endpoint, measured = predicted(job, job.sim, place.run_dir)
    else:
        began, starts = time.monotonic(), means.servers.starts
        server = serve(job, means, place.logs)
        endpoint = server.endpoint
        if endpoint.said is not None:
            place.run_dir.write_json(rundir.SERVER, endpoint.said.as_json())
            done.said = said_tags(endpoint.said) if job.launch is None else {}
        done.server_start_s = time.monotonic() - began if means.servers.starts > starts else None
        warn_of_problems(job.config, endpoint.version, log_of(server))
        means.settle()
        done.ready = time.monotonic()
        counted, measured = measure(job, server, means.shown, place.run_dir)
    done.version = endpoint.version
    done.judged = verdict_tags(keep_result(counted, endpoint, measured, place.run_dir), measured)


def _begin(job: PreparedJob, run_dir: RunDir, config_yaml: str) -> None:
    """What is asked, on disk before anything is done."""
    run_dir.begin()
    run_dir.write_text(rundir.CONFIG, config_yaml)
    keep_plan(job.plan, job.digest, run_dir)
    shown = ({**asdict(arg), "value": shown_tree(arg.value, f"engine.{arg.name}")} for arg in job.engine_args)
    run_dir.write_json(rundir.ENGINE_ARGS, list(shown))


def serve(job: PreparedJob, means: Means, logs: Path) -> Server:
    """The server that the job asks for: a running one that is the same, else a new one."""
    if job.launch is None:
        return attached(job)
    if job.sim is not None:
        return means.servers.acquire(job.launch, logs, means.shown.server)
    warn_of_other_machine(job.config.hardware.name, job.config.hardware.match)
    if job.config.model.weights is Weights.random:
        write_dummy_model(
            Path(job.launch.model),
            asdict(job.config.model.architecture),
            job.config.quantization.checkpoint,
            job.config.model.prompt_token_ids,
        )
    return means.servers.acquire(job.launch, logs, means.shown.server)


def attached(job: PreparedJob) -> Server:
    """The server that somebody else runs; said aloud when it serves something else than the config names.

    StartError when it is another one than when the job was prepared, whose result it would be taken for.
    """
    endpoint, wanted = job.config.endpoint, job.config.model.repository
    base_url = job.config.server.base_url or ""
    server = attach(base_url, endpoint.api.value, PROBE_LEN, headers_of(endpoint), wanted)
    said = server.endpoint.said
    others = differences(job.said, said) if job.said is not None and said is not None else ()
    if others:
        raise StartError(
            "The server is another one than when this job was planned.",
            ("where", f"server.base_url={base_url}"),
            ("says", "\n".join(others)),
            ("try", "the same command again, which makes a new point of it"),
        )
    if (other := other_model(job.config, None if said is None else said.model)) is not None:
        log.warning("%s: results will be SUSPECT; choose with model=, or name your own", other)
    return server


def keep_server_log(live: Path | None, run_dir: RunDir) -> None:
    """The server's log from its start to the end of this job; none if it did not get so far."""
    if live is not None and live.exists():
        run_dir.write_text(rundir.SERVER_LOG, masked(live.read_text(encoding="utf-8", errors="replace")))

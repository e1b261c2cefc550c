"""One job: serve, warm up, load, measure, keep."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from thorexp import rundir
from thorexp.cold import Metrics, make_cold, require_success, settled_metrics
from thorexp.config import Weights
from thorexp.errors import LoadError, ServerError, ThorexpError
from thorexp.keep import Measurement, keep_result, tags
from thorexp.load.client import Target
from thorexp.load.generator import play
from thorexp.measure.metrics import summarize
from thorexp.measure.plan import LoadPlan
from thorexp.measure.records import RunRecord
from thorexp.prepare import PROBE_LEN, PreparedJob
from thorexp.progress import Progress
from thorexp.rundir import Record, RunDir
from thorexp.serve.attach import attach
from thorexp.serve.dummy_model import write_dummy_model
from thorexp.serve.pool import ServerPool
from thorexp.serve.server import PrefixCache, Server

log = logging.getLogger(__name__)

DEATH_S = 3.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a job is kept: its own directory, the one for live server logs, and the sweep it belongs to."""

    run_dir: RunDir
    logs: Path
    sweep: str | None


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


def run(job: PreparedJob, means: Means, place: Place, config_yaml: str) -> Outcome:
    """Do it and keep it. A failed server or load is an outcome with its record; other errors are raised."""
    started_at, failure = time.time(), None
    place.run_dir.begin()
    place.run_dir.write_text(rundir.CONFIG, config_yaml)
    place.run_dir.write_json(rundir.PLAN, job.plan.as_json())
    place.run_dir.write_json(rundir.ENGINE_ARGS, [asdict(arg) for arg in job.engine_args])
    began, starts, version = time.monotonic(), means.servers.starts, None
    start_s: float | None = None
    ready: float | None = None
    try:
        server = serve(job, means, place.logs)
        version = server.endpoint.version
        start_s = time.monotonic() - began if means.servers.starts > starts else None
        means.settle()
        ready = time.monotonic()
        keep_result(job, server.endpoint, measure(job, server, means.shown, place.run_dir), place.run_dir)
    except (ServerError, LoadError) as failed:
        failure = failed
        place.run_dir.write_text(rundir.ERROR, f"{failed}\n")
    if job.launch is not None:
        keep_server_log(means.servers.log, place.run_dir)
    record = Record(
        schema=rundir.SCHEMA,
        id=uuid4().hex,
        point=job.point,
        status="finished" if failure is None else "failed",
        started_at=started_at,
        ended_at=time.time(),
        sweep=place.sweep,
        tags=tags(job.config, version),
        error=None if failure is None else str(failure),
        server_start_s=start_s,
        measure_s=None if ready is None else time.monotonic() - ready,
    )
    place.run_dir.complete(record)
    return Outcome(record, failure)


def serve(job: PreparedJob, means: Means, logs: Path) -> Server:
    """The server that the job asks for: a running one that is the same, else a new one."""
    if job.launch is None:
        return attached(job)
    if job.config.model.weights is Weights.random:
        write_dummy_model(
            Path(job.launch.model),
            asdict(job.config.model.architecture),
            job.config.quantization.checkpoint,
            job.config.model.prompt_token_ids,
        )
    return means.servers.acquire(job.launch, logs, means.shown.server)


def attached(job: PreparedJob) -> Server:
    """The server that somebody else runs; said aloud when it serves something else than the config names."""
    server = attach(job.config.server.base_url or "", PROBE_LEN)
    if server.endpoint.served_model != job.config.model.repository:
        log.warning(
            "the server serves %s, the record will say model=%s (%s): choose with model=, or name your own",
            server.endpoint.served_model,
            job.config.model.name,
            job.config.model.repository,
        )
    return server


def measure(job: PreparedJob, server: Server, shown: Progress, run_dir: RunDir) -> Measurement:
    """Warm up, make cold, play the plan, sum up. What came back is on disk before it is judged."""
    url = server.endpoint.base_url
    target = Target(url, server.endpoint.served_model)
    timeout_s = job.config.load.request_timeout_s

    def player(plan: LoadPlan) -> RunRecord:
        return play(plan, target, timeout_s=timeout_s, check_alive=server.check_alive)

    log.info("warm-up: %d requests", len(job.warmup.requests))
    began = time.monotonic()
    with blaming(server):
        coldness, before = make_cold(url, job.warmup, player)
    warmup_s = time.monotonic() - began
    keep_metrics(before, run_dir, rundir.METRICS_BEFORE)
    log.info("load: %d requests, %s at once", len(job.plan.requests), job.plan.max_concurrency or "all")
    played = play(job.plan, target, timeout_s=timeout_s, check_alive=server.check_alive, watch=shown.load)
    run_dir.write_jsonl(rundir.REQUESTS, map(asdict, played.requests))
    with blaming(server):
        require_success(played, "load")
    if not all(record.ok for record in played.requests):
        stay_alive(server)
    summary = summarize(played, job.config.metrics.percentiles, job.slo)
    after = settled_metrics(url, before, summary.total_input_tokens or 0)
    keep_metrics(after, run_dir, rundir.METRICS_AFTER)
    return Measurement(summary, warmup_s, coldness, cache_use(before, after))


@contextmanager
def blaming(server: Server) -> Iterator[None]:
    """A server that has died explains better than the requests that it did not answer."""
    try:
        yield
    except LoadError:
        stay_alive(server)
        raise


def stay_alive(server: Server) -> None:
    """DeathError if the server ends within a moment: an engine dies before its API server notices."""
    deadline = time.monotonic() + DEATH_S
    while time.monotonic() < deadline:
        server.check_alive()
        time.sleep(0.2)


def keep_metrics(metrics: Metrics | None, run_dir: RunDir, name: str) -> None:
    """The page as it was; no file where the server has none."""
    if metrics is not None:
        run_dir.write_text(name, metrics.page)


def cache_use(before: Metrics | None, after: Metrics | None) -> PrefixCache | None:
    """Lookups and hits in between; absent where they are not counted."""
    if before is None or after is None or before.cache is None or after.cache is None:
        return None
    return after.cache - before.cache


def keep_server_log(live: Path | None, run_dir: RunDir) -> None:
    """The server's log from its start to the end of this job; none if it did not get so far."""
    if live is not None and live.exists():
        run_dir.write_text(rundir.SERVER_LOG, live.read_text(encoding="utf-8", errors="replace"))

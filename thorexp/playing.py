"""One load on a ready server: counted, warmed up, made cold, played, summed up."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace

from thorexp import rundir
from thorexp.asking import target_of
from thorexp.capacity import check_context
from thorexp.cold import Metrics, make_cold, require_success, settled_metrics
from thorexp.config import Weights
from thorexp.errors import LoadError
from thorexp.keep import Measurement
from thorexp.left import Left
from thorexp.load.generator import play
from thorexp.load.target import Target
from thorexp.load.watch import LoadState
from thorexp.measure.metrics import Summary, summarize
from thorexp.measure.plan import LoadPlan
from thorexp.measure.records import RunRecord
from thorexp.measure.shape import make_warmup
from thorexp.measure.speedup import faster, faster_slo, slower
from thorexp.measure.window import of_stage, steady
from thorexp.prepare import PreparedJob
from thorexp.progress import Progress
from thorexp.rundir import RunDir
from thorexp.samples import Sample, sample_texts
from thorexp.serve.pulse import require_answer, stay_alive
from thorexp.serve.server import FIRST_TOKENS, Server
from thorexp.tokens import in_tokens, warmup_in_tokens
from thorexp.watching import Unwatched, Watch

log = logging.getLogger(__name__)

HANG_S = 60.0  # a short prompt has an answer by then, however busy the server was


def measure(asked: PreparedJob, server: Server, shown: Progress, run_dir: RunDir) -> tuple[PreparedJob, Measurement]:
    """What came back, on disk before it is judged, and in numbers; with the job whose lengths the server counted."""
    endpoint = server.endpoint
    target = _in_its_time(target_of(asked.config.endpoint, endpoint.base_url, endpoint.served_model), endpoint.speedup)
    with Unwatched() if endpoint.simulated else Watch(asked.config, target.base_url, run_dir) as watch:
        with blaming(server, target):
            job = counted(asked, target, run_dir)
            check_context(job, endpoint.said, LoadError)
            began = time.monotonic()
            samples = () if endpoint.simulated else sampled(job, target, run_dir)
            log.info("warm-up: %d requests", len(job.warmup.requests))
            coldness, before = make_cold(
                target.base_url,
                job.warmup,
                lambda plan: play(plan, target, check_alive=server.check_alive),
                target.headers,
            )
            warmup_s = time.monotonic() - began
        keep_metrics(before, run_dir, rundir.METRICS_BEFORE)
        watch.rest()
        played = play_load(job, target, server, shown, run_dir)
        watched = watch.end()
    tokens = sum(record.input_tokens or 0 for record in played.requests)
    after = settled_metrics(target.base_url, before, tokens, target.headers)
    keep_metrics(after, run_dir, rundir.METRICS_AFTER)
    if not all(record.ok for record in played.requests):
        _require_answer(server, target)
    counting = steady(played, job.exclusion)
    return job, Measurement(
        left=Left(
            played=played,
            counting=counting,
            summary=summarize(counting, job.config.metrics.percentiles, job.slo),
            coldness=coldness,
            before=before,
            after=after,
            log=log_of(server),
            samples=samples,
            watched=watched,
            origin="simulated" if endpoint.simulated else "rehearsed" if asked.config.rehearse else "measured",
            version=endpoint.version,
            model=None if endpoint.said is None else endpoint.said.model,
        ),
        stages=tuple(in_stages(played, job)),
        warmup_s=warmup_s,
    )


def sampled(job: PreparedJob, target: Target, run_dir: RunDir) -> tuple[Sample, ...]:
    """Answers to plain questions, kept; none of random weights, which have nothing to say."""
    if job.args.get("load_format") == "dummy" or job.config.model.weights is Weights.random:
        return ()
    samples = sample_texts(target)
    run_dir.write_json(rundir.SAMPLES, [asdict(sample) for sample in samples])
    return samples


def counted(job: PreparedJob, target: Target, run_dir: RunDir) -> PreparedJob:
    """The job with its load in tokens of that server's model, and in messages where those are asked for. Of texts
    the warm-up too is known only now.
    """
    plan, warmup = in_tokens(job.plan, target, job.config.workload.max_len), job.warmup
    if plan is not job.plan:
        keep_plan(plan, job.digest, run_dir)
        warmup = make_warmup(
            plan,
            count=len(warmup.requests),
            token_ids=job.config.model.prompt_token_ids,
            seed=job.config.workload.seed,
        )
    return replace(job, plan=plan, warmup=warmup_in_tokens(warmup, target))


def play_load(job: PreparedJob, target: Target, server: Server, shown: Progress, run_dir: RunDir) -> RunRecord:
    """The load itself. LoadError when nothing of it succeeded, DeathError when the server did not live through it."""
    log.info("load: %d requests, %s at once", len(job.plan.requests), job.plan.max_concurrency or "any number")
    speedup = server.endpoint.speedup
    stop_when = replace(job.stop_when, slo=faster_slo(job.stop_when.slo, speedup))
    plan = faster(job.plan, speedup)

    def show(state: LoadState) -> None:
        shown.load(_in_our_time(state, speedup) if server.endpoint.simulated else state)

    played = slower(play(plan, target, check_alive=server.check_alive, watch=show, stop_when=stop_when), speedup)
    if played.stopped is not None:
        log.warning("the load was stopped: %s", played.stopped)
    run_dir.write_jsonl(rundir.REQUESTS, map(asdict, played.requests))
    with blaming(server, target):
        require_success(played, "load")
    if not all(record.ok for record in played.requests):
        stay_alive(server)
    return played


def _in_its_time(target: Target, speedup: float) -> Target:
    """Asked with the patience that one has in the server's own time."""
    return replace(target, timeouts=target.timeouts.faster(speedup))


def _in_our_time(state: LoadState, speedup: float) -> LoadState:
    """What is seen of a simulation, as it would be of the server that it stands for."""
    rate, ttft_ms, tpot_ms = state.tokens_per_s, state.ttft_ms, state.tpot_ms
    return replace(
        state,
        tokens_per_s=None if rate is None else rate / speedup,
        ttft_ms=None if ttft_ms is None else ttft_ms * speedup,
        tpot_ms=None if tpot_ms is None else tpot_ms * speedup,
        simulated=True,
    )


def in_stages(played: RunRecord, job: PreparedJob) -> Iterator[tuple[str, Summary]]:
    """Each stage on its own and whole, where there are several; but for one that came to no request."""
    if len(played.stages) > 1:
        for number, stage in enumerate(played.stages):
            part = of_stage(played, number)
            if part.requests:
                yield stage.name, summarize(part, job.config.metrics.percentiles, job.slo)


@contextmanager
def blaming(server: Server, target: Target) -> Iterator[None]:
    """A server that has died or hangs explains better than the requests that it did not answer."""
    try:
        yield
    except LoadError:
        stay_alive(server)
        _require_answer(server, target)
        raise


def _require_answer(server: Server, target: Target) -> None:
    """In the time that the load waits for as many tokens one after the other, where that is shorter."""
    told = [wait_s for wait_s in (target.timeouts.first_token_s, target.timeouts.idle_s) if wait_s is not None]
    patience_s = min(HANG_S, FIRST_TOKENS * max(told)) if told else HANG_S
    require_answer(server, target.api, patience_s, target.headers)


def keep_plan(plan: LoadPlan, digest: str, run_dir: RunDir) -> None:
    """The plan by the digest of what was asked for, before a server counted its tokens."""
    run_dir.write_json(rundir.PLAN, {"digest": digest, **plan.as_json()})


def keep_metrics(metrics: Metrics | None, run_dir: RunDir, name: str) -> None:
    """The page as it was; no file where the server has none."""
    if metrics is not None:
        run_dir.write_text(name, metrics.page)


def log_of(server: Server) -> str:
    """What it printed since its start; nothing of one that somebody else runs."""
    return server.log.read_text(encoding="utf-8", errors="replace") if server.log and server.log.exists() else ""

"""What the simulator says of a job without playing it: as a measurement of its own kind, and as a forecast."""

from dataclasses import asdict, dataclass, replace

from thorexp import rundir
from thorexp.cold import Coldness, Metrics, require_success
from thorexp.errors import ConfigError, LoadError
from thorexp.keep import Measurement
from thorexp.left import Left
from thorexp.load.stop import StopWhen
from thorexp.measure.metrics import Summary, summarize
from thorexp.measure.window import steady
from thorexp.playing import in_stages
from thorexp.predicting import predict
from thorexp.prepare import PreparedJob
from thorexp.rundir import RunDir
from thorexp.serve.prefix_cache import PrefixCache
from thorexp.serve.server import SIMULATED, Endpoint
from thorexp.sim.engine import Engine
from thorexp.sim.spec import MODELLED, SimSpec
from thorexp.simulation import sim_spec
from thorexp.watching import Watched

NS_PER_S = 1_000_000_000
MOST_REQUESTS = 10_000  # that are simulated beside a plan, within seconds
NOWHERE = "virtual time"  # in place of a URL


@dataclass(frozen=True, slots=True)
class Forecast:
    """How long warm-up and load take together, and what comes of the load."""

    duration_s: float
    summary: Summary


def predicted(job: PreparedJob, spec: SimSpec, run_dir: RunDir) -> tuple[Endpoint, Measurement]:
    """The load on a cold server of that kind, kept as a played one is; LoadError when nothing of it succeeds."""
    played, engine = predict(job, spec)
    run_dir.write_jsonl(rundir.REQUESTS, map(asdict, played.requests))
    require_success(played, "load", remedy="what it says: a prediction has no server whose log would tell more")
    counting = steady(played, job.exclusion)
    left = Left(
        played=played,
        counting=counting,
        summary=summarize(counting, job.config.metrics.percentiles, job.slo),
        coldness=Coldness("verified" if spec.limits.enable_prefix_caching else "no cache", 0),
        before=_metrics(spec.engine()),
        after=_metrics(engine),
        log="",
        samples=(),
        watched=Watched(),
        origin="simulated",
    )
    endpoint = Endpoint(NOWHERE, spec.name, f"{MODELLED}{SIMULATED}")
    return endpoint, Measurement(left, stages=tuple(in_stages(played, job)), warmup_s=0.0)


def forecast(job: PreparedJob) -> Forecast | None:
    """What the simulator expects; absent of a load that is too large to be simulated on the way, and where it does not
    know the board, the kernels, the tokens or, of a server that somebody else runs, the engine arguments.
    """
    requests = len(job.plan.requests) + len(job.warmup.requests)
    if job.launch is None or requests > MOST_REQUESTS:
        return None
    try:
        spec = job.sim or sim_spec(job.config, job.args, job.config.model.name)
        warmed_up, _ = predict(replace(job, plan=job.warmup, stop_when=StopWhen()), spec)
        played, _ = predict(job, spec)
    except ConfigError:
        return None
    if not any(record.ok for record in played.requests):
        return None
    try:
        counting = steady(played, job.exclusion)
    except LoadError:  # what a server leaves over may be more
        return None
    summary = summarize(counting, job.config.metrics.percentiles, job.slo)
    return Forecast((warmed_up.end_ns + played.end_ns) / NS_PER_S, summary)


def _metrics(engine: Engine) -> Metrics:
    """As a server would tell them."""
    counted = engine.counted
    page = f"vllm:num_preemptions_total {counted.preemptions}\n"
    return Metrics(page, PrefixCache(counted.queries, counted.hits))

"""The /metrics page, under the names of vLLM 0.32 (`vllm/v1/metrics/loggers.py`)."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from thorexp.sim.driver import Pace
from thorexp.sim.engine import Engine
from thorexp.sim.ledger import DECODE, E2EL, PREFILL, QUEUE, TTFT, Ledger

LABELS = ("engine", "model_name")
ENGINE = "0"
# vLLM's own bounds.
TTFT_S = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0,
    160.0, 640.0, 2560.0,
)  # fmt: skip
REQUEST_S = (
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0, 960.0,
    1920.0, 7680.0,
)  # fmt: skip


class MetricsPage:
    """Of one engine, for the model of that name."""

    def __init__(self, model_name: str) -> None:
        self._labels = (ENGINE, model_name)
        self._registry = CollectorRegistry()
        self._phases = {
            name: self._histogram(name, TTFT_S if name == TTFT else REQUEST_S)
            for name in (TTFT, QUEUE, PREFILL, DECODE, E2EL)
        }

    def observe(self, phase: str, seconds: float) -> None:
        """A request spent so long in a phase of the ledger's."""
        self._phases[phase].observe(seconds)

    def count(self, engine: Engine, ledger: Ledger, pace: Pace) -> None:
        """From now on the page tells what these have counted when it is asked for."""
        self._registry.register(_Counted(self._labels, engine, ledger, pace))

    def text(self) -> bytes:
        """As it is now."""
        return generate_latest(self._registry)

    def _histogram(self, name: str, bounds_s: tuple[float, ...]) -> Histogram:
        family = Histogram(f"vllm:{name}", "In seconds of the simulation.", LABELS, registry=self._registry,
                           buckets=bounds_s)  # fmt: skip
        return family.labels(*self._labels)


class _Counted(Collector):
    """What is counted where it happens, read when somebody asks."""

    def __init__(self, labels: tuple[str, str], engine: Engine, ledger: Ledger, pace: Pace) -> None:
        self._labels, self._engine, self._ledger, self._pace = labels, engine, ledger, pace

    def collect(self) -> Iterator[Metric]:
        """Every metric but the histograms."""
        for name, words, value in self._gauges():
            gauge = GaugeMetricFamily(f"vllm:{name}", words, labels=LABELS)
            gauge.add_metric(self._labels, value)
            yield gauge
        for name, words, value in self._counters():
            counter = CounterMetricFamily(name, words, labels=LABELS)
            counter.add_metric(self._labels, value)
            yield counter
        yield self._finished()
        yield self._cache_config()

    def _gauges(self) -> Iterator[tuple[str, str, float]]:
        engine, blocks = self._engine, self._engine.blocks
        yield "num_requests_running", "Requests in execution.", len(engine.running)
        yield "num_requests_waiting", "Requests that wait to be scheduled.", len(engine.waiting)
        yield "kv_cache_usage_perc", "KV cache in use; 1 is all of it.", blocks.used / blocks.count

    def _counters(self) -> Iterator[tuple[str, str, float]]:
        counted, ledger = self._engine.counted, self._ledger
        yield "vllm:prefix_cache_queries", "Prefix cache queries, in tokens.", counted.queries
        yield "vllm:prefix_cache_hits", "Prefix cache hits, in tokens.", counted.hits
        yield "vllm:num_preemptions", "Preemptions.", counted.preemptions
        yield "vllm:prompt_tokens", "Prefill tokens processed.", ledger.prompt_tokens
        yield "vllm:generation_tokens", "Generation tokens processed.", ledger.generation_tokens
        yield "thorexp_sim_busy_seconds", "What the steps took by the clock.", self._pace.busy_s
        yield "thorexp_sim_late_seconds", "By how much steps were told late, all together.", self._pace.late_s

    def _finished(self) -> Metric:
        family = CounterMetricFamily("vllm:request_success", "Finished requests.", labels=(*LABELS, "finished_reason"))
        family.add_metric((*self._labels, "length"), self._ledger.finished)
        return family

    def _cache_config(self) -> Metric:
        limits = self._engine.limits
        told = {
            "block_size": limits.block_size,
            "enable_prefix_caching": limits.enable_prefix_caching,
            "num_gpu_blocks": limits.num_blocks,
        }
        family = GaugeMetricFamily("vllm:cache_config_info", "The KV cache.", labels=("engine", *told))
        family.add_metric((ENGINE, *map(str, told.values())), 1)
        return family

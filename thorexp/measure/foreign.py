"""Results of other clients by the keys of `vllm bench serve`: GuideLLM's, AIPerf's and GenAI-Perf's.

Whatever means something else than vLLM's word is converted exactly or left out, as each function says. Sources:
vllm-project/guidellm 0.3.1 to 0.7.3, `schemas/request_stats.py`, `schemas/statistics.py`, `benchmark/schemas/`;
ai-dynamo/aiperf 0.1.1 and main of 2026, `metrics/types/`, `exporters/`; triton-inference-server/perf_analyzer,
`genai_perf/profile_data_parser/llm_profile_data_parser.py`, `genai_perf/metrics/statistics.py`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from thorexp.measure.stats import distribution, percentile_word

Values: TypeAlias = Mapping[str, Any]
Reader: TypeAlias = Callable[[Values], Iterator[dict[str, Any]]]

PERCENTILES = (1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9)
GUIDELLM_WORDS = {"p001": 0.1, "p01": 1, "p05": 5, "p10": 10, "p25": 25, "p75": 75, "p90": 90, "p95": 95, "p99": 99}
GUIDELLM_WORDS |= {"p50": 50, "p999": 99.9}
MS = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "sec": 1e3, "s": 1e3}  # of a unit
AIPERF = ("request_count", "request_latency", "request_throughput", "time_to_first_token")


def reader_of(values: object) -> Reader | None:
    """Who reads it, by what it holds; absent where it is none of these formats."""
    if not isinstance(values, Mapping):
        return None
    benchmarks = values.get("benchmarks")
    if isinstance(benchmarks, list) and any(_at(each, "metrics") is not None for each in benchmarks):
        return guidellm
    return aiperf if any(_at(values, name, "avg") is not None for name in AIPERF) else None


def guidellm(report: Values) -> Iterator[dict[str, Any]]:
    """Each benchmark of a GuideLLM report, as far as it was successful.

    Its `inter_token_latency_ms` of a request, (tn − t1)/(n − 1), is vLLM's TPOT. Over requests it is weighted by
    n − 1: the same only where all answers are of one length. So where the report holds every request, all is computed
    from them as vLLM does, E2EL as TTFT + TPOT·(n − 1); else there are TTFT and, of one length, TPOT, whose
    percentiles are values that occurred, where vLLM goes between two. Left out: `time_per_output_token_ms` (first
    token included: (tn − t0)/n, in 0.3 (tn − t1)/n), `request_latency` (to the end of the stream),
    `output_tokens_per_second` (vLLM's is total / duration), gaps between tokens, which it does not keep, and
    incomplete requests: cut off at the end, they are no failures.

    ValueError for a benchmark with a warm-up or cool-down: requests across its edges count whole, its duration not.
    """
    for number, benchmark in enumerate(report.get("benchmarks") or (), 1):
        if any((_number(benchmark, f"{phase}_duration") or 0) > 0 for phase in ("warmup", "cooldown")):
            raise ValueError(f"benchmark {number} counts requests that lie partly in its warm-up or cool-down")
        yield _stated({**_head(benchmark, report), **_counts(benchmark), **_guidellm_latencies(benchmark)})


def aiperf(export: Values) -> Iterator[dict[str, Any]]:
    """The one result of an AIPerf or GenAI-Perf export; of failures it says only how many there were.

    `inter_token_latency`, (latency − TTFT)/(n − 1) of a request, is vLLM's TPOT, and `inter_chunk_latency` its ITL;
    `request_latency` is to the last token, as E2EL; `output_sequence_length` counts reasoning, too. Left out: the
    first where `--per-chunk-usage` divides by another count, `total_output_tokens` (without reasoning),
    `time_to_second_token` (from the first), `adj_…` (failures as infinite), `output_token_throughput_per_user`
    (1/TPOT). GenAI-Perf tells no duration: requests / throughput are it. Tokens are counted by its own tokenizer
    unless it asked the server.
    """
    yield _stated({**_asked(export), **_counted(export), **_timed(export)})


@dataclass(frozen=True, slots=True)
class _Answer:
    """One successful request of GuideLLM. `tpot_ms` is absent for a single token."""

    tokens: int
    ttft_ms: float
    tpot_ms: float | None

    @property
    def e2el_ms(self) -> float:
        return self.ttft_ms + (self.tpot_ms or 0.0) * (self.tokens - 1)


def _head(benchmark: Values, report: Values) -> dict[str, Any]:
    """What was asked for."""
    strategy = _at(benchmark, "config", "strategy") or _at(benchmark, "args", "strategy")
    kind, ended = _at(strategy, "type_"), _number(benchmark, "end_time")
    return {
        "date": None if ended is None else datetime.fromtimestamp(ended, UTC).isoformat(timespec="seconds"),
        "model_id": _name(
            _at(benchmark, "config", "backend", "model"),
            _at(report, "config", "backend", "model"),
            _at(report, "args", "model"),
            _at(benchmark, "worker", "backend_model"),
        ),
        "request_rate": _number(strategy, "rate"),
        "burstiness": {"constant": "inf", "poisson": 1.0}.get(str(kind)),
        "max_concurrency": 1 if kind == "synchronous" else _at(strategy, "streams") or _at(strategy, "max_concurrency"),
    }


def _counts(benchmark: Values) -> dict[str, Any]:
    metrics = _at(benchmark, "metrics")
    totals = _at(metrics, "request_totals") or _at(benchmark, "request_totals")
    inputs, outputs = (
        _number(metrics, f"{which}_token_count", "successful", "total_sum") for which in ("prompt", "output")
    )
    return {
        "completed": _at(totals, "successful"),
        "failed": _at(totals, "errored"),
        "duration": _number(benchmark, "duration"),
        "total_input_tokens": None if inputs is None else round(inputs),
        "total_output_tokens": None if outputs is None else round(outputs),
    }


def _guidellm_latencies(benchmark: Values) -> dict[str, Any]:
    answers = _answers(benchmark)
    if answers is None:
        return _summaries(benchmark)
    samples = {
        "ttft": [answer.ttft_ms for answer in answers],
        "tpot": [answer.tpot_ms for answer in answers if answer.tpot_ms is not None],
        "e2el": [answer.e2el_ms for answer in answers],
    }
    return {key: value for name, sample in samples.items() for key, value in _statistics(name, sample)}


def _answers(benchmark: Values) -> tuple[_Answer, ...] | None:
    """Absent unless the report holds all that were successful, and when each got its first and last token."""
    counts = _counts(benchmark)
    answers = tuple(map(_answer, _at(benchmark, "requests", "successful") or ()))
    known = tuple(answer for answer in answers if answer is not None)
    whole = (len(answers), sum(answer.tokens for answer in known)) == (
        counts["completed"],
        counts["total_output_tokens"],
    )
    return known if whole and known and len(known) == len(answers) else None


def _answer(request: Values) -> _Answer | None:
    tokens, ttft_ms = _number(request, "output_tokens"), _number(request, "time_to_first_token_ms")
    tpot_ms = _number(request, "inter_token_latency_ms")
    if not tokens or not ttft_ms or (tokens > 1 and tpot_ms is None):
        return None
    return _Answer(int(tokens), ttft_ms, tpot_ms if tokens > 1 else None)


def _summaries(benchmark: Values) -> dict[str, Any]:
    """What is true of GuideLLM's own statistics."""
    metrics = _at(benchmark, "metrics")
    lengths = _at(metrics, "output_token_count", "successful")
    alike = _number(lengths, "min") is not None and _number(lengths, "min") == _number(lengths, "max")
    said = {"ttft": _at(metrics, "time_to_first_token_ms", "successful")}
    if alike:
        said["tpot"] = _at(metrics, "inter_token_latency_ms", "successful")
    return {key: value for name, summary in said.items() for key, value in _summary(name, summary)}


def _summary(name: str, summary: Any) -> Iterator[tuple[str, Any]]:
    for word, theirs in (("mean", "mean"), ("median", "median"), ("std", "std_dev")):
        yield f"{word}_{name}_ms", _number(summary, theirs)
    for theirs, p in GUIDELLM_WORDS.items():
        yield f"{percentile_word(p)}_{name}_ms", _number(summary, "percentiles", theirs)


def _statistics(name: str, sample: Sequence[float]) -> Iterator[tuple[str, Any]]:
    """As vLLM computes them; none of an empty sample."""
    found = distribution(sample, PERCENTILES)
    if found is not None:
        yield from ((f"{word}_{name}_ms", value) for word, value in (("mean", found.mean), ("median", found.median)))
        yield f"std_{name}_ms", found.std
        yield from ((f"{percentile_word(p)}_{name}_ms", value) for p, value in found.percentiles)


def _asked(export: Values) -> dict[str, Any]:
    """In AIPerf's config of 2025, its config of 2026, or the flat one of GenAI-Perf."""
    config = _at(export, "input_config")
    profiling = next((phase for phase in _at(config, "phases") or () if _at(phase, "name") == "profiling"), None)
    load = _at(config, "loadgen") or profiling or config
    return {
        "date": _at(export, "end_time"),
        "model_id": _name(
            _at(config, "endpoint", "model_names", 0),
            _at(config, "models", "items", 0, "name"),
            _at(config, "models", 0),
            _at(config, "model", 0),
        ),
        "request_rate": _number(load, "request_rate") or _number(load, "rate"),
        "max_concurrency": _number(load, "concurrency"),
    }


def _counted(export: Values) -> dict[str, Any]:
    completed = _number(export, "request_count", "avg")
    return {
        "completed": completed,
        "failed": _number(export, "error_request_count", "avg"),
        "duration": _duration_s(export, completed),
        "total_input_tokens": _tokens(export, "total_isl", "input_sequence_length", completed),
        "total_output_tokens": _tokens(export, "total_osl", "output_sequence_length", completed),
        "request_goodput": _number(export, "goodput", "avg") or _number(export, "request_goodput", "avg"),
    }


def _timed(export: Values) -> dict[str, float]:
    words = {"ttft": "time_to_first_token", "itl": "inter_chunk_latency", "e2el": "request_latency"}
    if not _at(export, "input_config", "endpoint", "per_chunk_usage"):
        words["tpot"] = "inter_token_latency"
    return {key: value for name, theirs in words.items() for key, value in _metric(name, export, theirs)}


def _metric(name: str, export: Values, theirs: str) -> Iterator[tuple[str, float]]:
    words = [
        ("mean", "avg"),
        ("median", "p50"),
        ("std", "std"),
        *((word, word) for word in map(percentile_word, PERCENTILES)),
    ]
    for word, said in words:
        value = _number(export, theirs, said)
        if value is not None:
            yield f"{word}_{name}_ms", value * _ms_per_unit(export, theirs)


def _duration_s(export: Values, completed: float | None) -> float | None:
    told, rate = _number(export, "benchmark_duration", "avg"), _number(export, "request_throughput", "avg")
    if told is not None:
        return told * _ms_per_unit(export, "benchmark_duration") / MS["s"]
    return completed / rate if completed and rate else None


def _tokens(export: Values, total: str, length: str, completed: float | None) -> int | None:
    """The total that is told, else the sum or mean of the lengths of successes."""
    told, mean = _number(export, total, "avg") or _number(export, length, "sum"), _number(export, length, "avg")
    if told is not None:
        return round(told)
    return None if mean is None or completed is None else round(mean * completed)


def _ms_per_unit(export: Values, name: str) -> float:
    unit = _at(export, name, "unit")
    if unit not in MS:
        raise ValueError(f"{name} in {unit}")
    return MS[unit]


def _name(*said: Any) -> str | None:
    """The first that is one; GuideLLM 0.3 writes "None" where it does not know."""
    return next((name for name in said if isinstance(name, str) and name not in ("", "None", "N/A")), None)


def _number(tree: Any, *path: str | int) -> float | None:
    """Absent where it is not there or is no number."""
    value = _at(tree, *path)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _at(tree: Any, *path: str | int) -> Any:
    """What lies at the end of the path; absent where it ends before."""
    for key in path:
        if isinstance(tree, Mapping):
            tree = tree.get(key)
        elif isinstance(tree, list) and isinstance(key, int) and key < len(tree):
            tree = tree[key]
        else:
            return None
    return tree


def _stated(values: Values) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}

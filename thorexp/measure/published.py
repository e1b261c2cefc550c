"""A published report as a summary, what it says and nothing of what it does not; and back."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from thorexp.measure.metrics import Summary
from thorexp.measure.stats import Distribution, percentile_word

# Without these there is no result.
LEAST = ("completed", "duration", "total_output_tokens")


def summary_of(values: Mapping[str, Any], percentiles: Sequence[float] = (50, 90, 95, 99)) -> Summary:
    """Of one report by the keys of `vllm bench serve`; KeyError, by the key, when it lacks one of `LEAST`; ValueError
    or TypeError when one of these is no number above 0, or another none from 0 up.

    Of latencies there are as many as successes; of gaps between tokens one for each token after the first. A mean or
    median of 0 is vLLM's word for what could not be measured, and so absent; but half of the gaps may be none.
    """
    completed, duration_s, outputs = (_positive(key, values[key]) for key in LEAST)
    completed, outputs = int(completed), int(outputs)
    inputs = _figure(values, "total_input_tokens")

    def latency(name: str, count: int = completed) -> Distribution | None:
        mean, median, std = (_figure(values, f"{word}_{name}_ms") for word in ("mean", "median", "std"))
        if not mean or median is None or (median == 0 and name != "itl"):
            return None
        marks = ((p, _figure(values, f"{percentile_word(p)}_{name}_ms")) for p in percentiles)
        return Distribution(count, mean, median, std, tuple((p, mark) for p, mark in marks if mark is not None))

    return Summary(
        duration_s=duration_s,
        completed=completed,
        failed=_failed(values, completed),
        unsent=0,
        stopped=None,
        errors=(),
        total_input_tokens=None if inputs is None else int(inputs),
        total_output_tokens=outputs,
        request_throughput=completed / duration_s,
        request_goodput=_figure(values, "request_goodput"),
        goodput_fraction=None,
        output_throughput=outputs / duration_s,
        total_token_throughput=None if inputs is None else (int(inputs) + outputs) / duration_s,
        max_output_tokens_per_s=_figure(values, "max_output_tokens_per_s"),
        max_concurrent_requests=None,
        tokens_per_chunk=None,
        one_read_share=None,
        ttft_ms=latency("ttft"),
        tpot_ms=latency("tpot"),
        itl_ms=latency("itl", outputs - completed),
        e2el_ms=latency("e2el"),
        client_queue_time_ms=None,
        e2el_including_client_queue_ms=None,
        ttft_from_schedule_ms=None,
        e2el_from_schedule_ms=None,
        schedule_lag_ms=None,
        loop_lag_ms=None,
        first_token_lateness_ms=None,
        late_share=None,
        client_cpu_share=None,
    )


def figures_of(summary: Summary) -> dict[str, float]:
    """Rates and latencies by the keys of `vllm bench serve`, those that are known."""
    rates = {
        "request_throughput": summary.request_throughput,
        "request_goodput": summary.request_goodput,
        "output_throughput": summary.output_throughput,
        "total_token_throughput": summary.total_token_throughput,
    }
    samples = {"ttft": summary.ttft_ms, "tpot": summary.tpot_ms, "itl": summary.itl_ms, "e2el": summary.e2el_ms}
    latencies = {
        f"{word}_{name}_ms": value
        for name, sample in samples.items()
        if sample is not None
        for word, value in sample.statistics
    }
    return {key: value for key, value in (rates | latencies).items() if value is not None}


def _failed(values: Mapping[str, Any], completed: int) -> int:
    """As many as are told or missing: files of 2025 have no key for failures, but one for the prompts."""
    told, prompts = _figure(values, "failed") or 0, _figure(values, "num_prompts") or 0
    # Of ours, some may be left out or never sent, and are no failures.
    return int(told if "thorexp" in values else max(told, prompts - completed))


def _figure(values: Mapping[str, Any], key: str) -> float | None:
    """Absent where a report does not say it."""
    value = values.get(key)
    if value is None:
        return None
    number = float(value)
    if not 0 <= number < math.inf:
        raise ValueError(f"{key} {value}")
    return number


def _positive(key: str, value: Any) -> float:
    number = float(value)
    if not 0 < number < math.inf:
        raise ValueError(f"{key} {value}")
    return number

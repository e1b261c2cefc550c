"""Results in the shape of other clients' files, made up by hand: three answers on Thor, read by eye."""

from typing import Any

MODEL = "Qwen/Qwen3-32B-AWQ"


def a_request(*, tokens: int = 5, ttft_ms: float = 600.0, itl_ms: float = 100.0) -> dict[str, Any]:
    """One of GuideLLM, as it lists them."""
    return {
        "output_tokens": tokens,
        "time_to_first_token_ms": ttft_ms,
        "inter_token_latency_ms": itl_ms,
        "time_per_output_token_ms": (ttft_ms + itl_ms * (tokens - 1)) / tokens,
        "request_latency": (ttft_ms + itl_ms * (tokens - 1) + 3.0) / 1000,
    }


def a_distribution(mean: float, **changes: Any) -> dict[str, Any]:
    """GuideLLM's summary of one status, of values that are all alike but for what a test says."""
    names = ("p001", "p01", "p05", "p10", "p25", "p50", "p75", "p90", "p95", "p99", "p999")
    alike = {"mean": mean, "median": mean, "std_dev": 0.0, "min": mean, "max": mean, "total_sum": 3 * mean}
    return {"successful": alike | {"percentiles": dict.fromkeys(names, mean)} | changes}


def a_benchmark(*requests: dict[str, Any], metrics: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """One of a report of GuideLLM 0.7: three requests of five tokens in 10 s, eight streams."""
    return {
        "config": {"strategy": {"type_": "concurrent", "streams": 8}, "backend": {"model": MODEL}},
        "start_time": 1_767_225_590.0,
        "end_time": 1_767_225_600.0,
        "duration": 10.0,
        "warmup_duration": 0.0,
        "cooldown_duration": 0.0,
        "metrics": {
            "request_totals": {"successful": 3, "incomplete": 2, "errored": 1, "total": 6},
            "prompt_token_count": a_distribution(2048.0),
            "output_token_count": a_distribution(5.0),
            "time_to_first_token_ms": a_distribution(610.0, median=600.0),
            "inter_token_latency_ms": a_distribution(100.0),
            "time_per_output_token_ms": a_distribution(200.0),
            "request_latency": a_distribution(1.0),
            **(metrics or {}),
        },
        "requests": {"successful": list(requests), "incomplete": [], "errored": []},
        **changes,
    }


def a_report(*benchmarks: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A report of GuideLLM: several benchmarks."""
    return {"metadata": {"version": 2}, "config": {}, "benchmarks": list(benchmarks), **changes}


def an_export(**changes: Any) -> dict[str, Any]:
    """Of AIPerf: three requests of 128 tokens, of which 28 are reasoning, in 60 s at one at once; None leaves out."""
    whole = {
        "schema_version": "1.0",
        "input_config": {"endpoint": {"model_names": [MODEL]}, "loadgen": {"concurrency": 1}},
        "request_count": {"unit": "requests", "avg": 3.0},
        "error_request_count": {"unit": "requests", "avg": 1.0},
        "benchmark_duration": {"unit": "sec", "avg": 60.0},
        "request_throughput": {"unit": "requests/sec", "avg": 0.05},
        "total_isl": {"unit": "tokens", "avg": 6144.0},
        "total_osl": {"unit": "tokens", "avg": 384.0},
        "total_output_tokens": {"unit": "tokens", "avg": 300.0},
        "input_sequence_length": {"unit": "tokens", "avg": 2048.0},
        "output_sequence_length": {"unit": "tokens", "avg": 128.0},
        "time_to_first_token": {"unit": "ms", "avg": 620.0, "p50": 610.0, "p99": 700.0, "std": 9.0, "adj_p99": 1e9},
        "inter_token_latency": {"unit": "ms", "avg": 74.0, "p50": 73.0, "p99": 80.0},
        "inter_chunk_latency": {"unit": "ms", "avg": 75.0, "p50": 72.0, "p99": 90.0},
        "request_latency": {"unit": "ms", "avg": 10_018.0, "p50": 9_900.0, "p99": 11_000.0},
        "end_time": "2026-06-13T05:11:53.616416",
    }
    return {key: value for key, value in (whole | changes).items() if value is not None}

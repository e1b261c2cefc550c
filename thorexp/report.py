"""A result as text and as keys, in the layout of `vllm bench serve`; and that text read back.

Layout and keys: vLLM 0.33.0, `benchmarks/serve.py`. What thorexp adds stands in a block and under a key of
its own, so that tools written for vLLM's files read ours. Keys of audio and speculative decoding are left out.
"""

import math
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from thorexp.measure.metrics import Summary
from thorexp.measure.plan import json_number
from thorexp.measure.stats import Distribution
from thorexp.measure.verdict import Origin, Reason, Verdict

Scalar: TypeAlias = float | int | str | None
Extra: TypeAlias = Scalar | tuple[str, ...] | list[str] | Mapping[str, Mapping[str, Scalar]]

WIDTH = 50
WIDE = 78  # of the figures of a stage, which are many
TITLE = f"{' Serving Benchmark Result ':=^{WIDTH}}"
OURS = f"{' thorexp ':=^{WIDTH}}"
JUDGED = f"{' verdict ':=^{WIDTH}}"
FOOT = "=" * WIDTH
ABSENT = "-"
FOREIGN: Mapping[Origin, str] = {  # above the title of what we did not measure
    "simulated": "SIMULATED: nothing of this was measured",
    "imported": "IMPORTED: measured by others",
    "rehearsed": "REHEARSED: a tiny model of random weights, no figure is of the model or the board",
}


@dataclass(frozen=True, slots=True)
class Result:
    """What a report shows of a job.

    `is_open`: whether requests were due at times of their own. `extras` is what thorexp adds to vLLM's numbers, by
    key: None for what is absent, words, or figures by the name of what they belong to. `verdict` is absent for a
    result that nobody judged.
    """

    model_id: str
    date: str
    num_prompts: int
    request_rate: float
    burstiness: float
    max_concurrency: int | None
    summary: Summary
    extras: Mapping[str, Extra]
    verdict: Verdict | None = None
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class _Section:
    head: str
    word: str
    key: str


LATENCIES = (
    _Section("Time to First Token", "TTFT", "ttft"),
    _Section("Time per Output Token (excl. 1st token)", "TPOT", "tpot"),
    _Section("Inter-token Latency", "ITL", "itl"),
    _Section("End-to-end Latency", "E2EL", "e2el"),
    _Section("Client-side Queueing", "Client Queue Time", "client_queue_time"),
    _Section("Queue-inclusive End-to-end Latency", "E2EL incl. Client Queue", "e2el_including_client_queue"),
)

COUNTS = (
    ("Successful requests", "completed"),
    ("Failed requests", "failed"),
    ("Maximum request concurrency", "max_concurrency"),
    ("Request rate configured (RPS)", "request_rate"),
    ("Benchmark duration (s)", "duration"),
    ("Total input tokens", "total_input_tokens"),
    ("Total generated tokens", "total_output_tokens"),
    ("Request throughput (req/s)", "request_throughput"),
    ("Request goodput (req/s)", "request_goodput"),
    ("Output token throughput (tok/s)", "output_throughput"),
    ("Peak output token throughput (tok/s)", "max_output_tokens_per_s"),
    ("Peak concurrent requests", "max_concurrent_requests"),
    ("Total token throughput (tok/s)", "total_token_throughput"),
)


def render(result: Result) -> str:
    """The report as a terminal shows it, below a line that says so when it was not measured.

    A metric without a sample has no section.
    """
    values = _counts(result)
    lines = [*_foreign(result.verdict), TITLE]
    peak = values["max_concurrent_requests"]
    values["max_concurrent_requests"] = None if peak is None else float(peak)  # vLLM prints this count as 9.00
    lines += [_line(f"{label}:", values[key]) for label, key in COUNTS if _shown(values[key])]
    for section, sample in _latencies(result):
        lines.append(f"{section.head:-^{WIDTH}}")
        lines += [_line(f"{label} {section.word} (ms):", value) for label, value in _rows(sample)]
    lines += [FOOT, OURS]
    for key, extra in result.extras.items():
        lines += _extra_lines(f"{key.replace('_', ' ')}:", extra)
    if result.verdict is not None:
        lines += [JUDGED, *verdict_lines(result.verdict)]
    return "\n".join([*lines, FOOT, ""])


def verdict_lines(verdict: Verdict) -> Iterator[str]:
    """Origin and standing, then each reason with what it touches, its evidence and what to try."""
    yield verdict.words
    for reason in verdict.reasons:
        yield from _reason_lines(reason, f"{reason.standing} {', '.join(reason.metrics)}")
    for reason in verdict.accepted:
        yield from _reason_lines(reason, "accepted")


def _foreign(verdict: Verdict | None) -> Iterator[str]:
    if verdict is not None and verdict.origin in FOREIGN:
        yield FOREIGN[verdict.origin]


def _reason_lines(reason: Reason, standing: str) -> Iterator[str]:
    """Paths, flags and lines of a log are in it: a word is never broken."""
    for indent, part in (("", f"{reason.name}: {standing}"), ("  ", reason.evidence), ("  ", f"try: {reason.remedy}")):
        yield from textwrap.wrap(
            part,
            WIDE,
            initial_indent=indent,
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )


def as_json(result: Result) -> dict[str, Any]:
    """The keys that `vllm bench serve --save-result` writes; ours under "thorexp"."""
    head = {
        "date": result.date,
        "endpoint_type": "vllm",
        "backend": "vllm",
        "label": None,
        "model_id": result.model_id,
        "tokenizer_id": None,
        "num_prompts": result.num_prompts,
        "request_rate": json_number(result.request_rate),
        "burstiness": json_number(result.burstiness),
        "max_concurrency": result.max_concurrency,
    }
    statistics = {}
    for section, sample in _latencies(result):
        for word, value in sample.statistics:
            statistics[f"{word}_{section.key}_ms"] = value
    return {
        **head,
        **_without(_counts(result), head),
        **statistics,
        "thorexp": {key: _plain(extra) for key, extra in result.extras.items()} | _judged(result.verdict),
    }


def parse(text: str) -> Iterator[dict[str, float]]:
    """Each report in a text, by vLLM's JSON keys.

    Reads today's layout and that of 2025 (`Total Token throughput`), without its trailing spaces, and passes
    over lines and sections that it does not know. A report ends with its foot, or where the next begins.
    """
    for block in re.split(r"(?<!=)=+ Serving Benchmark Result =+", text)[1:]:
        body = re.split(rf"^={{{WIDTH}}}\s*$", block, maxsplit=1, flags=re.MULTILINE)[0]
        yield {
            key: float(value)
            for label, value in re.findall(r"^(\S.*?):\s+(-?[\d.]+)\s*$", body, flags=re.MULTILINE)
            if (key := _key(label)) is not None
        }


# What we do not print, but read: a report with drafts has several tokens a step.
_SPECULATIVE = {"acceptance length": "spec_decode_acceptance_length", "drafts": "spec_decode_num_drafts"}
_KEYS = {label.casefold(): key for label, key in COUNTS} | _SPECULATIVE
_WORDS = {section.word: section.key for section in LATENCIES}


def _key(label: str) -> str | None:
    statistic = re.fullmatch(r"(Mean|Median|P[\d.]+) (.+) \(ms\)", label)
    if statistic is None:
        return _KEYS.get(label.casefold())
    word = _WORDS.get(statistic[2])
    return None if word is None else f"{statistic[1].lower()}_{word}_ms"


def _counts(result: Result) -> dict[str, Any]:
    summary = result.summary
    return {
        "duration": summary.duration_s,
        "completed": summary.completed,
        "failed": summary.failed,
        "max_concurrency": result.max_concurrency,
        "request_rate": result.request_rate,
        "total_input_tokens": summary.total_input_tokens,
        "total_output_tokens": summary.total_output_tokens,
        "request_throughput": summary.request_throughput,
        "request_goodput": summary.request_goodput,
        "output_throughput": summary.output_throughput,
        "total_token_throughput": summary.total_token_throughput,
        "max_output_tokens_per_s": summary.max_output_tokens_per_s,
        "max_concurrent_requests": summary.max_concurrent_requests,
    }


def _latencies(result: Result) -> Iterator[tuple[_Section, Distribution]]:
    summary = result.summary
    queueing = (summary.client_queue_time_ms, summary.e2el_including_client_queue_ms)
    # Where all are due at once, waiting in the client is the load's shape and says nothing.
    is_open = result.is_open or math.isfinite(result.request_rate)
    waits = queueing if is_open and result.max_concurrency else (None, None)
    samples = (summary.ttft_ms, summary.tpot_ms, summary.itl_ms, summary.e2el_ms, *waits)
    for section, sample in zip(LATENCIES, samples, strict=True):
        if sample is not None:
            yield section, sample


def _rows(sample: Distribution) -> Iterator[tuple[str, float]]:
    return ((word.capitalize(), value) for word, value in sample.statistics if word != "std")


def _line(label: str, value: float | str) -> str:
    return f"{label:<40} {value:<10.2f}" if isinstance(value, float) else f"{label:<40} {value:<10}"


def _extra_lines(label: str, extra: Extra) -> Iterator[str]:
    """What does not fit beside its label stands indented below it, where no reader looks for a metric."""
    match extra:
        case tuple() | list():
            line = _line(label, ", ".join(extra) or ABSENT)
            yield from [line] if len(line.rstrip()) <= WIDTH else [label, *_filled(extra, "  ", WIDTH)]
        case Mapping():
            yield label
            for name, figures in extra.items():
                yield f"  {name}"
                yield from _filled([f"{key} {_word(value)}" for key, value in figures.items()], "    ", WIDE)
        case _:
            yield _line(label, ABSENT if extra is None else extra)


def _filled(words: Sequence[str], indent: str, width: int) -> Iterator[str]:
    """Words with commas between them, in lines of at most that width; a word is never broken."""
    line = ""
    for word in (*(f"{word}," for word in words[:-1]), *words[-1:]):
        if line and len(line) + 1 + len(word) > width:
            yield line
            line = ""
        line = f"{line} {word}" if line else f"{indent}{word}"
    if line:
        yield line


def _word(value: Scalar) -> str:
    return ABSENT if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)


def _judged(verdict: Verdict | None) -> dict[str, Any]:
    """By name; `verdict.json` has the rest."""
    if verdict is None:
        return {}
    names = [reason.name for reason in verdict.reasons]
    return {"verdict": verdict.standing, "origin": verdict.origin, "reasons": names}


def _plain(extra: Extra) -> Any:
    """As json.dumps takes it and gives it back."""
    match extra:
        case tuple() | list():
            return list(extra)
        case Mapping():
            return {name: dict(figures) for name, figures in extra.items()}
        case _:
            return extra


def _shown(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _without(values: dict[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in other}

"""What MLflow shows as the description of a job's run, in Markdown."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from thorexp.markdown_text import escaped, fenced
from thorexp.measure.verdict import Verdict
from thorexp.secret import masked
from thorexp.tracking.limits import TAG_CHARS, cut

_ERROR_CHARS = 2500  # a third of what MLflow takes: a fence around backticks is as long as they are
_LATENCIES = (("TTFT", "ttft"), ("TPOT", "tpot"), ("ITL", "itl"), ("E2EL", "e2el"))
HOW = "How to read the numbers: the description of the experiment."


def note_of_job(
    tags: Mapping[str, str], result: Mapping[str, Any], verdict: Verdict | None, error: str | None, files: Sequence[str]
) -> str:
    """Whether it may be believed comes first, with its throughput, for MLflow folds all but some lines.

    `error`: absent when it finished. `files`: those of the artifacts that are worth a look.
    """
    judged = "" if verdict is None else f", **{verdict.standing}**"
    parts = [
        f"{_subject(tags)}{judged}",
        *_failure(error),
        *_throughput(result),
        *_reasons(verdict),
        *_latencies(result),
        looked_at(files),
        HOW,
    ]
    return cut("\n\n".join(part for part in parts if part), TAG_CHARS)


def _subject(tags: Mapping[str, str]) -> str:
    what = " ".join(f"`{tags[key]}`" for key in ("model", "load", "workload") if key in tags)
    where = "" if "hardware" not in tags else f" on {tags['hardware']}"
    mode = f", power mode {tags['power_mode']}" if "power_mode" in tags else ""
    return f"{what}{where}{mode}: {tags.get('origin', 'measured')}"


def _reasons(verdict: Verdict | None) -> Iterator[str]:
    for reason in () if verdict is None else verdict.reasons:
        about = f"**{reason.name}**, {reason.standing} about {', '.join(f'`{name}`' for name in reason.metrics)}"
        yield f"{about}: {escaped(masked(reason.evidence))}; try: {escaped(reason.remedy)}"


def _failure(error: str | None) -> Iterator[str]:
    if error is not None:
        yield "\n".join(fenced(cut(masked(error).strip(), _ERROR_CHARS).splitlines()))


def _throughput(result: Mapping[str, Any]) -> Iterator[str]:
    if result.get("output_throughput") is not None:
        yield (
            f"{_number(result['output_throughput'])} output tokens/s; {result.get('completed')} requests completed, "
            f"{result.get('failed', 0)} failed, in {_number(result.get('duration'))} s"
        )


def _latencies(result: Mapping[str, Any]) -> Iterator[str]:
    """As a table, by median and percentile."""
    words = ["median", *(key.removesuffix("_ttft_ms") for key in result if re.fullmatch(r"p[\d.]+_ttft_ms", key))]
    rows = [
        f"| {heading} | {' | '.join(_number(result.get(f'{word}_{name}_ms')) for word in words)} |"
        for heading, name in _LATENCIES
        if result.get(f"median_{name}_ms") is not None
    ]
    if rows:
        heads = " | ".join(word.upper() if word[0] == "p" else word for word in words)
        yield "\n".join([f"| ms | {heads} |", f"| --- |{' ---: |' * len(words)}", *rows])


def _number(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, int | float) else "-"


def looked_at(files: Sequence[str]) -> str:
    """Where these are; nothing of none."""
    return f"Under Artifacts: {', '.join(f'`{name}`' for name in files)}" if files else ""

"""python -m thorexp.judge FILE … key=value …: published results, judged by the config that they are said to be of.

A FILE holds reports as `vllm bench serve` prints them, or what it saves as JSON: one, a list, or one a line. A
result's model is found by the name that it carries; else `model=` says it.
"""

import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir

from thorexp.app import conf_dir, register
from thorexp.capacity import roofline
from thorexp.compose import COMPOSITION_ERRORS, explain, job_config
from thorexp.config import JobConfig
from thorexp.config_load import WorkloadKind
from thorexp.errors import ConfigError, RecordError, ThorexpError
from thorexp.measure.findings import Findings, judge
from thorexp.measure.grounds.answers import Lengths
from thorexp.measure.grounds.steadiness import lengths_differ
from thorexp.measure.limits import (
    Against,
    Limit,
    Roofline,
    Utilization,
    decoding_by_means,
    mean_lengths,
    shown_against,
    utilization,
)
from thorexp.measure.metrics import Summary
from thorexp.measure.published import summary_of
from thorexp.measure.stats import Distribution
from thorexp.measure.verdict import Reason, Verdict
from thorexp.prepare import resolve_engine_args
from thorexp.report import parse

SAVED = "what `vllm bench serve` prints, whole, or what it saves with --save-result"
JSON = (".json", ".jsonl")
# Above 0 where tokens were drafted, of which a step may bring several.
DRAFTED = ("spec_decode_acceptance_length", "spec_decode_num_drafts")
MARKS = {"VALID": "", "SUSPECT": " ?", "INVALID": " !"}
HEADS = ("published result", "tok/s", "TTFT p50", "at least", "TPOT p50", "at least", "MFU", "MBU", "verdict")


@dataclass(frozen=True, slots=True)
class Judged:
    """One published result by its name, with what its hardware allows."""

    name: str
    at_once: str
    summary: Summary
    prefill: Limit | None
    decode: Limit | None
    used: Utilization
    verdict: Verdict


def main(argv: Sequence[str] | None = None) -> int:
    """A table of all, then the reasons. 1 when a file cannot be read; INVALID is no failure of ours."""
    words = sys.argv[1:] if argv is None else argv
    files = [Path(word) for word in words if "=" not in word]
    typed = [word for word in words if "=" in word]
    if not files:
        print(__doc__)
        return 2
    try:
        judged = [judge_one(values, typed, path) for path in files for values in read(path)]
    except ThorexpError as wrong:
        print(wrong, file=sys.stderr)
        return 1
    _show(table(judged))
    return 0


def read(path: Path) -> list[dict[str, Any]]:
    """The results in a file, by vLLM's keys; RecordError when there are none."""
    try:
        text = path.read_text(encoding="utf-8")
        values = list(_saved(text) if path.suffix in JSON else parse(text))
    except (OSError, ValueError) as unreadable:
        facts = (("where", str(path)), ("says", str(unreadable)), ("try", SAVED))
        raise RecordError("A file of results cannot be read.", *facts) from None
    results = [_in_seconds(each) for value in values for each in (value if isinstance(value, list) else [value])]
    if not results:
        raise RecordError(
            "A file has no result of `vllm bench serve`.",
            ("where", str(path)),
            ("try", SAVED),
        )
    return results


def judge_one(values: Mapping[str, Any], typed: Sequence[str], path: Path) -> Judged:
    """One result; ConfigError when nobody says of which model it is, RecordError when it lacks a number."""
    config = _config(values, typed, path)
    summary = _summary(values, config, path)
    limits = roofline(config, {arg.name: arg.value for arg in resolve_engine_args(config, frozenset())})
    prefill, decode = _limits(summary, limits, config)
    lengths = mean_lengths(summary)
    used = utilization(
        summary, limits, prefilled=None if lengths is None else lengths[0], decoding=decoding_by_means(summary)
    )
    if _is_drafted(values):
        decode, used = None, replace(used, mbu=None, mbu_uniform=None)
    found = Findings(
        summary=summary,
        ttft=_shown("TTFT", summary.ttft_ms, prefill, config) if _is_fresh(config) else (),
        tpot=_shown("TPOT", summary.tpot_ms, decode, config),
        used=used,
        lengths=_lengths(config, summary),
    )
    return Judged(
        name=str(values.get("model") or values.get("model_id") or config.model.name),
        at_once=_word(values.get("max_concurrency")),
        summary=summary,
        prefill=prefill,
        decode=decode,
        used=used,
        verdict=judge(found, config.verdict),
    )


def _summary(values: Mapping[str, Any], config: JobConfig, path: Path) -> Summary:
    try:
        return summary_of(values, config.metrics.percentiles)
    except KeyError as missing:
        facts = (("where", str(path)), ("lacks", str(missing)), ("try", SAVED))
        raise RecordError("A result is not whole.", *facts) from None
    except (ValueError, TypeError, OverflowError) as wrong:
        facts = (("where", str(path)), ("says", str(wrong)), ("try", SAVED))
        raise RecordError("A result has a number that is none.", *facts) from None


def _is_drafted(values: Mapping[str, Any]) -> bool:
    """Whether a step brought several tokens, and nobody knows how many at most."""
    figures = (values.get(key) for key in DRAFTED)
    return any(isinstance(figure, int | float) and figure > 0 for figure in figures)


def _word(max_concurrency: Any) -> str:
    """8 for 8.0, as a report has it."""
    return f"{max_concurrency:g}" if isinstance(max_concurrency, int | float) else str(max_concurrency or "any")


def table(judged: Sequence[Judged]) -> Iterator[str]:
    """Markdown: one row a result, ! what is INVALID, ? what is SUSPECT; times in ms; then every reason."""
    yield _piped(HEADS)
    yield _piped(("---", *("---:" for _ in HEADS[1:-1]), "---"))
    for each in judged:
        yield _piped(_row(each))
    yield ""
    for each in judged:
        yield from _reasons(f"{each.name}, {each.at_once} at once", each.verdict.reasons)
    for at_once in dict.fromkeys(each.at_once for each in judged):
        alike = [each for each in judged if each.at_once == at_once]
        differ = lengths_differ(_apart(alike))
        yield from _reasons(f"all {len(alike)} results of {at_once} at once", () if differ is None else (differ,))


def _row(each: Judged) -> Iterator[str]:
    summary, verdict = each.summary, each.verdict
    yield f"{each.name}, {each.at_once} at once"
    yield f"{summary.output_throughput:.2f}{MARKS[verdict.of('output_throughput')]}"
    for name, sample, limit in (("ttft", summary.ttft_ms, each.prefill), ("tpot", summary.tpot_ms, each.decode)):
        yield "-" if sample is None else f"{sample.median:.2f}{MARKS[verdict.of(f'median_{name}_ms')]}"
        yield "-" if limit is None else f"{limit.ms:.1f}"
    for name, share in (("mfu", each.used.mfu), ("mbu", each.used.mbu)):
        yield "-" if share is None else f"{100 * share:.0f} %{MARKS[verdict.of(name)]}"
    yield f"{verdict.standing}{': ' if verdict.reasons else ''}{', '.join(r.name for r in verdict.reasons)}"


def _reasons(of: str, reasons: Sequence[Reason]) -> Iterator[str]:
    for reason in reasons:
        yield f"- {of}: {reason.standing} {reason.name}: {reason.evidence}. Try: {reason.remedy}."


def _limits(summary: Summary, limits: Roofline, config: JobConfig) -> tuple[Limit | None, Limit | None]:
    """Of mean lengths. What unequal prompts read, other than what they compute, does not grow with their length alone:
    the mean of their limits may be below the limit of their mean.
    """
    lengths = mean_lengths(summary)
    if lengths is None:
        return None, None
    inputs, outputs = lengths
    of_prefill = limits if _is_exact(config) else replace(limits, board=replace(limits.board, bandwidth_bytes_s=None))
    return of_prefill.prefill(inputs), limits.decode(inputs + outputs / 2)


def _shown(word: str, sample: Distribution | None, limit: Limit | None, config: JobConfig) -> tuple[Against, ...]:
    """Of unequal lengths the mean alone: only that has a limit."""
    figures = shown_against(word, sample, limit)
    return figures if _is_exact(config) else figures[:1]


def _is_exact(config: JobConfig) -> bool:
    return config.workload.range_ratio == config.workload.std_ratio == 0


def _is_fresh(config: JobConfig) -> bool:
    """Whether no prompt begins as another: else a cache may rightly hold some of it."""
    workload = config.workload
    return workload.kind is WorkloadKind.random and workload.prefix_len == 0 and workload.turns == 1


def _lengths(config: JobConfig, summary: Summary) -> Lengths | None:
    """As the config says they were asked for."""
    asked = config.workload.output_len
    if asked is None or not config.workload.ignore_eos or not _is_exact(config):
        return None
    return Lengths(asked * summary.completed, summary.total_output_tokens)


def _apart(alike: Sequence[Judged]) -> dict[str, float]:
    """Tokens an answer by name, and by number where names are not one's own."""
    names = Counter(each.name for each in alike)
    return {
        each.name if names[each.name] == 1 else f"{each.name} (result {i})": each.summary.total_output_tokens
        / max(each.summary.completed, 1)
        for i, each in enumerate(alike, 1)
    }


def _config(values: Mapping[str, Any], typed: Sequence[str], path: Path) -> JobConfig:
    named = any(word.startswith("model=") for word in typed)
    overrides = [*typed] if named else [f"model={_model_of(values, path)}", *typed]
    register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        try:
            return job_config(compose("config", overrides))
        except COMPOSITION_ERRORS as wrong:
            raise explain(wrong) from None


def _model_of(values: Mapping[str, Any], path: Path) -> str:
    """The option of `model=` whose name, repository or its last part a result carries."""
    said = str(values.get("model") or values.get("model_id") or "")
    for option in sorted((conf_dir() / "model").glob("*.yaml")):
        model = yaml.safe_load(option.read_text(encoding="utf-8"))
        names = (model["name"], model["repository"], model["repository"].rpartition("/")[2])
        if said.casefold() in {name.casefold() for name in names}:
            return option.stem
    raise ConfigError(
        "A result does not say of which model it is." if not said else f"{said} is no model of conf/model.",
        ("where", str(path)),
        ("try", "model=qwen3_32b_awq, or another of `python -m thorexp --help`"),
    )


def _saved(text: str) -> Iterator[Any]:
    """One value after another, as --append-result writes them; ValueError says where in the text one is none."""
    decoder, at = json.JSONDecoder(), 0
    while (begin := re.compile(r"\S").search(text, at)) is not None:
        value, at = decoder.raw_decode(text, begin.start())
        yield value


def _in_seconds(values: Any) -> dict[str, Any]:
    """By vLLM's keys: some files say `duration_s`."""
    if not isinstance(values, Mapping):
        raise RecordError("A result is no mapping.", ("says", f"{values!r:.80}"))
    return {("duration" if key == "duration_s" else key): value for key, value in values.items()}


def _show(lines: Iterator[str]) -> None:
    """To whom it may concern: a reader who has seen enough (`| head`) is no failure of ours."""
    try:
        print("\n".join(lines), flush=True)
    except BrokenPipeError:
        # Else the interpreter, which flushes once more at its end, complains itself.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _piped(cells: Iterator[str] | Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())

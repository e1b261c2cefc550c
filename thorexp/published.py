"""Published results, judged by the config that they are said to be of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from thorexp.compose import explain, job_config, resolved_yaml
from thorexp.composing import is_of_composing
from thorexp.conf_tree import conf_dir, tree_of
from thorexp.config import HardwareConfig, JobConfig
from thorexp.config_load import WorkloadKind
from thorexp.errors import ConfigError, RecordError
from thorexp.measure.findings import Findings, judge
from thorexp.measure.grounds.answers import Lengths
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
from thorexp.measure.verdict import Reason, Verdict, joined, verdict
from thorexp.prepare import resolve_engine_args
from thorexp.rehearsal import rehearsed
from thorexp.result_files import SAVED, origin_in
from thorexp.rooflines import roofline
from thorexp.rundir import CONFIG, RECORD, RESULT, RunDir, check_whole

# Above 0 where tokens were drafted, of which a step may bring several.
DRAFTED = ("spec_decode_acceptance_length", "spec_decode_num_drafts")


@dataclass(frozen=True, slots=True)
class Judged:
    """One published result by its name, with what its hardware allows.

    `config`: what it was judged by; `config_yaml`: the same, resolved, as it is kept.
    """

    name: str
    at_once: str
    config: JobConfig
    config_yaml: str
    summary: Summary
    prefill: Limit | None
    decode: Limit | None
    used: Utilization
    verdict: Verdict

    @property
    def hardware(self) -> HardwareConfig:
        """What it was measured on, or is said to be."""
        return self.config.hardware


def judge_one(values: Mapping[str, Any], typed: Sequence[str], path: Path) -> Judged:
    """One result; ConfigError when nobody says of which model it is, RecordError when it lacks a number."""
    run_dir = RunDir(path.parent) if path.name == RESULT and "thorexp" in values else None
    if run_dir is not None and run_dir.has(RECORD):
        check_whole(run_dir)
    model = _named(values, run_dir)
    config, config_yaml = _config(model, typed, path)
    config = rehearsed(config) if origin_in(values) == "rehearsed" else config
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
    own = judge(found, config.verdict)
    return Judged(
        name=model or config.model.name,
        at_once=_word(values.get("max_concurrency")),
        config=config,
        config_yaml=config_yaml,
        summary=summary,
        prefill=prefill,
        decode=decode,
        used=used,
        verdict=verdict(joined((*_recorded(run_dir), *own.reasons, *own.accepted)), config.verdict.accept),
    )


def imported(judged: Judged) -> Judged:
    """Marked as measured by others."""
    return replace(judged, verdict=replace(judged.verdict, origin="imported"))


def _recorded(run_dir: RunDir | None) -> tuple[Reason, ...]:
    """What spoke against a result of thorexp's own when it was measured, with all that nobody publishes."""
    found = None if run_dir is None else run_dir.verdict()
    return () if found is None else verdict(found.reasons).reasons


def _summary(values: Mapping[str, Any], config: JobConfig, path: Path) -> Summary:
    try:
        summary = summary_of(values, config.metrics.percentiles)
    except KeyError as missing:
        facts = (("where", str(path)), ("lacks", str(missing)), ("try", SAVED))
        raise RecordError("A result is not whole.", *facts) from None
    except (ValueError, TypeError, OverflowError) as wrong:
        facts = (("where", str(path)), ("says", str(wrong)), ("try", SAVED))
        raise RecordError("A result has a number that is none.", *facts) from None
    if not any((summary.ttft_ms, summary.tpot_ms, summary.itl_ms, summary.e2el_ms)):
        lacks = "every latency: mean and median of ttft, tpot, itl or e2el"
        raise RecordError("A result is not whole.", ("where", str(path)), ("lacks", lacks), ("try", SAVED))
    return summary


def _is_drafted(values: Mapping[str, Any]) -> bool:
    """Whether a step brought several tokens, and nobody knows how many at most."""
    figures = (values.get(key) for key in DRAFTED)
    return any(isinstance(figure, int | float) and figure > 0 for figure in figures)


def _word(max_concurrency: Any) -> str:
    """8 for 8.0, as a report has it."""
    return f"{max_concurrency:g}" if isinstance(max_concurrency, int | float) else str(max_concurrency or "any")


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


def _named(values: Mapping[str, Any], run_dir: RunDir | None) -> str:
    """The model that a result says it is of: of a run directory its config's, for the result may carry a path."""
    model = run_dir.config().get("model") if run_dir is not None and run_dir.has(CONFIG) else None
    configured = model.get("name") if isinstance(model, Mapping) else None
    return str(configured or values.get("model") or values.get("model_id") or "")


def _config(model: str, typed: Sequence[str], path: Path) -> tuple[JobConfig, str]:
    named = any(word.startswith("model=") for word in typed)
    overrides = [*typed] if named else [f"model={_model_of(model, path)}", *typed]
    try:
        tree = tree_of(overrides)
        return job_config(tree), resolved_yaml(tree)
    except Exception as wrong:
        if not is_of_composing(wrong):
            raise
        raise explain(wrong) from None


def _model_of(said: str, path: Path) -> str:
    """The option of `model=` whose name, repository or its last part a result carries."""
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

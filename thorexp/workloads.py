"""A workload's config becomes where prompts come from; a file is read whole, or refused by its line."""

import codecs
import logging
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from thorexp.config_load import WorkloadConfig, WorkloadKind
from thorexp.errors import ConfigError
from thorexp.measure.dataset import FileWorkload, read_jsonl, read_sharegpt
from thorexp.measure.shape import Workload
from thorexp.measure.trace import TraceWorkload, read_trace
from thorexp.measure.workload import Lengths, RandomWorkload

log = logging.getLogger(__name__)

# The value of each key that only some workloads read, where it says nothing.
UNSAID: Mapping[str, Any] = {
    "file": None,
    "input_len": None,
    "output_len": None,
    "lengths": Lengths.uniform,
    "range_ratio": 0.0,
    "std_ratio": 0.0,
    "prefix_len": 0,
    "num_prefixes": 1,
    "turns": 1,
    "turn_input_len": None,
    "think_time_s": 0.0,
    "max_len": None,
    "timestamp_s": 0.001,
    "block_len": 512,
}
READ = {
    WorkloadKind.random: UNSAID.keys() - {"file", "max_len", "timestamp_s", "block_len"},
    WorkloadKind.jsonl: {"file", "output_len", "max_len"},
    WorkloadKind.sharegpt: {"file", "output_len", "max_len", "turns"},
    WorkloadKind.trace: {"file", "max_len", "timestamp_s", "block_len"},
}


def workload_of(config: WorkloadConfig, token_ids: int) -> Workload:
    """Where the conversations come from."""
    _check(config)
    match config.kind:
        case WorkloadKind.random:
            return _random(config, token_ids)
        case WorkloadKind.trace:
            return _trace(config, token_ids)
        case WorkloadKind.jsonl | WorkloadKind.sharegpt:
            return _prompts(config)


def _random(config: WorkloadConfig, token_ids: int) -> RandomWorkload:
    if config.input_len is None or config.output_len is None:
        raise ConfigError(
            "A random workload has lengths.", ("try", "workload.input_len=2048 workload.output_len=128, in tokens")
        )
    return RandomWorkload(
        input_len=config.input_len,
        output_len=config.output_len,
        token_ids=token_ids,
        lengths=config.lengths,
        range_ratio=config.range_ratio,
        std_ratio=config.std_ratio,
        prefix_len=config.prefix_len,
        num_prefixes=config.num_prefixes,
        turns=config.turns,
        turn_input_len=config.turn_input_len,
        think_time_s=config.think_time_s,
    )


def _trace(config: WorkloadConfig, token_ids: int) -> TraceWorkload:
    where = _where(config)
    trace = read_trace(_text(where), str(where), timestamp_s=config.timestamp_s)
    most = config.max_len
    rows = tuple(row for row in trace.rows if most is None or row.input_len + row.output_len <= most)
    if len(rows) < len(trace.rows):
        left_out = len(trace.rows) - len(rows)
        log.warning(
            "%s: left out %d of %d rows, longer than workload.max_len=%s", where, left_out, len(trace.rows), most
        )
    if not rows:
        raise ConfigError(
            "Nothing of the trace is left to be asked.",
            ("where", f"workload.max_len={most}"),
            ("shortest", f"{min(row.input_len + row.output_len for row in trace.rows)} tokens, in and out"),
        )
    return TraceWorkload(replace(trace, rows=rows), token_ids, config.seed, config.block_len)


def _prompts(config: WorkloadConfig) -> FileWorkload:
    where = _where(config)
    if config.kind is WorkloadKind.jsonl:
        found = read_jsonl(_text(where), str(where), output_len=config.output_len)
    else:
        found = read_sharegpt(_text(where), str(where), output_len=config.output_len, turns=config.turns)
    if found.left_out:
        log.warning(
            "%s: left out %d of %d entries, which ask nothing (the first on line %d)",
            where,
            found.left_out,
            found.left_out + len(found.conversations),
            found.first_left_out_line or 0,
        )
    return FileWorkload(found.conversations, str(where))


def _where(config: WorkloadConfig) -> Path:
    if config.file is None:
        raise ConfigError(
            "workload.file is missing.", ("try", f"workload.file=/path/to/a/file, of {config.kind.value}")
        )
    return Path(config.file).expanduser()


def _text(path: Path) -> str:
    """As UTF-8, without the byte-order mark that some programs put before it."""
    try:
        if path.is_char_device() or path.is_block_device():
            raise OSError(0, "a device, which has no end")
        content = path.read_bytes()
    except OSError as unreadable:
        raise ConfigError(
            "The workload's file cannot be read.",
            ("where", f"workload.file={path}"),
            ("says", str(unreadable.strerror)),
        ) from None
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        return content.decode()
    except UnicodeDecodeError as broken:
        line = content[: broken.start].count(b"\n") + 1
        raise ConfigError(
            "The workload's file is not UTF-8.",
            ("where", f"{path}:{line}"),
            ("says", broken.reason),
            ("try", "iconv -t UTF-8"),
        ) from None


def _check(config: WorkloadConfig) -> None:
    """Refuse what would be left unread, and a seed that is none."""
    if config.seed < 0:
        raise ConfigError(f"workload.seed={config.seed} is too small.", ("try", "workload.seed=0 or more"))
    if config.max_len is not None and config.max_len < 1:
        raise ConfigError(f"workload.max_len={config.max_len} is too small.", ("try", "workload.max_len=4096, or null"))
    values, kind = asdict(config), config.kind
    for key, unsaid in UNSAID.items():
        if key not in READ[kind] and values[key] != unsaid:
            raise ConfigError(
                f"workload.{key}={values[key]} means nothing to workload.kind={kind.value}.",
                ("try", f"workload.{key}={typed(unsaid)}, or another workload"),
            )


def typed(value: object) -> str:
    """As a command line says it."""
    return "null" if value is None else str(value)

"""Results in files, whoever measured them: of thorexp, of vLLM and of other tools, by vLLM's keys."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from thorexp.errors import RecordError
from thorexp.measure.foreign import reader_of
from thorexp.measure.headings import names_over
from thorexp.measure.verdict import UNREAL
from thorexp.report import COUNTS, FOREIGN, LATENCIES, parse
from thorexp.rundir import RESULT

SAVED = (
    "what `vllm bench serve` prints, whole, or what it saves with --save-result; JSON of GuideLLM, AIPerf or GenAI-Perf"
)
JSON = (".json", ".jsonl")
# What was counted or timed; what was asked for stands in files that are no results, too.
COUNTED = {key for _, key in COUNTS} - {"max_concurrency", "request_rate"}
TIMED = tuple(f"_{section.key}_ms" for section in LATENCIES)


def file_of(path: Path) -> Path:
    """Of a run directory its result; RecordError where a directory has none."""
    try:
        if not path.is_dir():
            return path
    except OSError:  # who reads it says why
        return path
    if not (path / RESULT).is_file():
        facts = (("where", str(path)), ("lacks", RESULT), ("try", f"the directory of a finished run, or {SAVED}"))
        raise RecordError("A directory has no result.", *facts)
    return path / RESULT


def read(path: Path) -> list[dict[str, Any]]:
    """The results in a file, by vLLM's keys, whoever measured them; RecordError when there are none."""
    try:
        if path.is_char_device() or path.is_block_device():
            raise OSError("a device, which has no end")
        text = path.read_text(encoding="utf-8")
        values = list(_reports(text)) or list(_saved(text) if _is_json(text, path) else ())
        listed = [each for value in values for each in (value if isinstance(value, list) else [value])]
        results = [each for value in listed for each in _in_our_words(value)]
    except (OSError, ValueError, ArithmeticError, TypeError, AttributeError, LookupError, RecursionError) as unreadable:
        facts = (("where", str(path)), ("says", str(unreadable)), ("try", SAVED))
        raise RecordError("A file of results cannot be read.", *facts) from None
    if not any(map(_is_result, results)):
        raise RecordError(
            "A file has no result of `vllm bench serve`.",
            ("where", str(path)),
            ("try", SAVED),
        )
    return [_in_seconds(each) for each in results]


def check_measured(values: Mapping[str, Any], source: Path) -> None:
    """RecordError for a result of a simulation or a rehearsal, which nobody can import as measured."""
    if (origin := origin_in(values)) in UNREAL:
        remedy = "results that somebody measured; its own run directory: python -m thorexp.tracking RUN_DIR"
        raise RecordError(f"A result was {origin}, not measured.", ("where", str(source)), ("try", remedy))


def origin_in(values: Mapping[str, Any]) -> str | None:
    """As thorexp recorded it; absent of a result of others."""
    ours = values.get("thorexp")
    origin = ours.get("origin") if isinstance(ours, Mapping) else None
    return None if origin is None else str(origin)


def _is_json(text: str, path: Path) -> bool:
    """By its name, or its first sign."""
    return path.suffix in JSON or text.lstrip().startswith(("{", "["))


def _reports(text: str) -> Iterator[dict[str, Any]]:
    """Each that was printed, of the model whose heading it stands under; what one of ours says of its origin, too."""
    begins = [begin.start() for begin in re.finditer(r"(?<!=)=+ Serving Benchmark Result =+", text)]
    for begin, name, values in zip(begins, names_over(text, begins), parse(text), strict=True):
        above = text[max(0, begin - 2_000) : begin].rstrip()
        unreal = next((origin for origin in UNREAL if above.endswith(FOREIGN[origin])), None)
        said = {"model_id": name, "thorexp": {"origin": unreal} if unreal else None}
        yield {key: value for key, value in said.items() if value is not None} | values


def _in_our_words(value: Any) -> Iterator[Any]:
    reader = reader_of(value)
    yield from [value] if reader is None else reader(value)


def _saved(text: str) -> Iterator[Any]:
    """One value after another, as --append-result writes them; ValueError says where in the text one is none."""
    decoder, at = json.JSONDecoder(), 0
    while (begin := re.compile(r"\S").search(text, at)) is not None:
        value, at = decoder.raw_decode(text, begin.start())
        yield value


def _is_result(values: Any) -> bool:
    """Whether it has any figure of a report, be it not whole."""
    return isinstance(values, Mapping) and any(key in COUNTED or key.endswith(TIMED) for key in values)


def _in_seconds(values: Any) -> dict[str, Any]:
    """By vLLM's keys: some files say `duration_s`."""
    if not isinstance(values, Mapping):
        raise RecordError("A result is no mapping.", ("says", f"{values!r:.80}"))
    return {("duration" if key == "duration_s" else key): value for key, value in values.items()}

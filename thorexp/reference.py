"""python -m thorexp.reference: every key of the config, with its type, unit, default and meaning, as Markdown.

Keys, types and meanings are those of the dataclasses, defaults those that `conf/config.yaml` composes. Below them: what
`hydra/sweeper=optuna` takes, the files of a run directory, the numbers of a result and what is known of vLLM on a Thor.
"""

import ast
import dataclasses
import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from itertools import pairwise, takewhile
from pathlib import Path
from types import NoneType
from typing import Any, Union, get_args, get_origin, get_type_hints

import yaml
from omegaconf import OmegaConf

from thorexp import rundir
from thorexp.conf_tree import conf_dir, tree_of
from thorexp.config import JobConfig
from thorexp.flat import typed
from thorexp.own_error import at_edge
from thorexp.report import COUNTS, LATENCIES
from thorexp.results.page import piped
from thorexp.serve.known_problems import KNOWN

# What is absent by default, and the words that bring it, for the defaults of what is in it.
BROUGHT_BY: Mapping[str, str] = {"load.search": "load=max_under_slo"}
UNITS = {"gb_s": "GB/s", "tflops": "TFLOP/s", "gb": "GB", "ms": "ms", "s": "s", "c": "°C"}  # by the end of a name
LONGEST = 80  # characters of a default, above which its entries are counted
ANY, TEXT, YES_OR_NO = "anything", "text", "`true`, `false`"
PLAIN: Mapping[Any, str] = {Any: ANY, str: TEXT, bool: YES_OR_NO, int: "integer", float: "number"}


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the config, dotted. `unit` and `default` are empty where there is none."""

    name: str
    kind: str
    unit: str
    default: str
    meaning: str


def main() -> int:
    """Print it."""
    print("\n".join(reference()))
    return 0


def reference() -> Iterator[str]:
    """Its lines; the same for the same code and configs."""
    yield "# Reference"
    yield ""
    yield "Printed by `python -m thorexp.reference`. A key and its value are typed as `load.num_prompts=10`, *absent*"
    yield "as `null`, an infinite number as `inf`. What a mapping does not have yet is added with a `+` before it, as"
    yield "in `+server.env.NAME=value`; `engine`, `hardware.engine`, `endpoint.extra_body` take any without. A share"
    yield "is of 1. Defaults are those of a command without any word."
    for title, lines in _sections():
        yield from ("", f"## {title}", "", *lines)


def _sections() -> Iterator[tuple[str, Iterable[str]]]:
    tree: Any = OmegaConf.to_container(tree_of(()), resolve=False)
    hints = get_type_hints(JobConfig)
    groups = {name: hint for name, hint in hints.items() if isinstance(hint, type) and dataclasses.is_dataclass(hint)}
    yield "The job itself", _table(key for key in keys(JobConfig, tree) if key.name not in groups)
    for name, hint in groups.items():
        said = inspect.cleandoc(hint.__doc__ or "")
        yield name, (said, *_options(name, tree), "", *_table(keys(hint, tree, name)))
    for name in ("engine", "experiment"):
        yield f"{name}: what there is", tuple(_options(name, tree))[1:]
    yield "hydra/sweeper=optuna", _of_optuna()
    yield "Files of a run directory", _of_files()
    yield "Numbers of a result", _of_result()
    yield "Known problems of vLLM on a Thor", _of_problems()


def keys(of: type, node: Any, prefix: str = "") -> Iterator[Key]:
    """Of a dataclass, in its order, with what is in it; `node`: the composed tree that the defaults are of."""
    said = meanings(of)
    for field, hint in zip(dataclasses.fields(of), get_type_hints(of).values(), strict=True):
        name = f"{prefix}.{field.name}" if prefix else field.name
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            yield from keys(hint, node, name) if prefix else ()
            continue
        unit, meaning = said.get(field.name, ("", ""))
        default = _shown(_default(field, name, node))
        yield Key(name, _kind(hint), unit or _unit(field.name), default, f"{meaning}{_choices(hint)}")
        for inner in get_args(hint):
            if isinstance(inner, type) and dataclasses.is_dataclass(inner):
                yield from _below(inner, name, is_each=get_origin(hint) is list)


def _below(of: type, name: str, *, is_each: bool) -> Iterator[Key]:
    """What is in a key that may be absent, or in each of a list."""
    if is_each:
        return keys(of, {}, f"{name}[]")
    return keys(of, OmegaConf.to_container(tree_of((BROUGHT_BY[name],)), resolve=False), name)


@cache
def meanings(of: type) -> Mapping[str, tuple[str, str]]:
    """What stands below the fields of a dataclass: the unit in its brackets, empty without, and the rest."""
    (definition,) = ast.parse(inspect.getsource(of)).body
    assert isinstance(definition, ast.ClassDef)
    return {
        item.target.id: _unit_and_meaning(" ".join(str(below.value.value).split()))
        for item, below in pairwise(definition.body)
        if isinstance(item, ast.AnnAssign)
        and isinstance(item.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
    }


def _unit_and_meaning(words: str) -> tuple[str, str]:
    unit, closed, meaning = words.removeprefix("[").partition("] ")
    return (unit, meaning) if closed and words.startswith("[") else ("", words)


def _default(field: "dataclasses.Field[Any]", name: str, node: Any) -> Any:
    """As composed, else the dataclass's own."""
    for part in name.split("."):
        if not isinstance(node, dict) or part not in node:
            own = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
            return None if own is dataclasses.MISSING else own
        node = node[part]
    return node


def _kind(hint: Any) -> str:
    """A type, in words."""
    if hint in PLAIN:
        return PLAIN[hint]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return ", ".join(f"`{member.name}`" for member in hint)
    if dataclasses.is_dataclass(hint):
        return "a mapping of the keys below"
    inner = [_kind(each) for each in get_args(hint) if each is not NoneType]
    if get_origin(hint) is list:
        return f"list of {inner[0]}"
    if get_origin(hint) is dict:
        return f"mapping to {inner[1]}"
    assert get_origin(hint) in (Union, type(int | None)), hint
    return f"{inner[0]}, or absent"


def _choices(hint: Any) -> str:
    """What the members of an enumeration say of themselves."""
    enums = [each for each in (hint, *get_args(hint)) if isinstance(each, type) and issubclass(each, Enum)]
    said = [found for enum in enums for found in re.findall(r' = "(\w+)"  # (.*)', inspect.getsource(enum))]
    return f" {'; '.join(f'`{name}`: {words}' for name, words in said)}." if said else ""


def _unit(name: str) -> str:
    return next((unit for end, unit in UNITS.items() if name.endswith(f"_{end}")), "")


def _shown(value: Any) -> str:
    if value is None:
        return ""
    words = typed(value)
    return f"{len(value)} entries" if isinstance(value, dict) and len(words) > LONGEST else f"`{words}`"


def _table(rows: Iterable[Key]) -> tuple[str, ...]:
    lines = ((f"`{row.name}`", row.kind, row.unit, row.default, row.meaning) for row in rows)
    return tuple(_rows(("key", "type", "unit", "default", "meaning"), lines))


def _rows(head: tuple[str, ...], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    yield piped(head)
    yield piped("---" for _ in head)
    yield from (piped(cell.replace("|", "\\|") for cell in row) for row in rows)


def _options(group: str, tree: Mapping[str, Any]) -> Iterator[str]:
    """What is in its folder, below an empty line; nothing of a group that has one option."""
    files = sorted((conf_dir() / group).glob("*.yaml"))
    chosen = (tree.get(group) or {}).get("name", _in_defaults(group))
    rows = (
        (f"`{group}={file.stem}`{' (default)' if file.stem == chosen else ''}", _first_words(file)) for file in files
    )
    if len(files) > 1:
        yield ""
        yield from _rows(("option", "what"), rows)


def _in_defaults(group: str) -> str | None:
    """What a command without any word chooses of it."""
    listed = yaml.safe_load((conf_dir() / "config.yaml").read_text(encoding="utf-8"))["defaults"]
    return next((each[group] for each in listed if isinstance(each, dict) and group in each), None)


def _first_words(file: Path) -> str:
    """The first sentence of the comment that a config begins with; of a model its repository, of a board its name."""
    text = file.read_text(encoding="utf-8")
    for key in ("repository", "description"):
        if (found := re.search(rf"^{key}: (.*)$", text, re.MULTILINE)) is not None:
            return found[1]
    comment = takewhile(lambda line: line.startswith("#"), text.splitlines())
    lines = (line.removeprefix("#").strip() for line in comment)
    words = " ".join(line for line in lines if not line.startswith(("@package", "python -m")))
    return re.split(r"(?<=\.) (?=[A-Z])|: (?=-m |\w+=)", words)[0]


def _of_optuna() -> Iterator[str]:
    """Its arguments, as its config has them with their comments."""
    text = (conf_dir() / "hydra/sweeper/optuna.yaml").read_text(encoding="utf-8")
    said = dict(re.findall(r"^(\w+):.*? # (.*)$", text, re.MULTILINE))
    values = yaml.safe_load(text)
    rows = (
        (f"`hydra.sweeper.{key}`", _shown(value), said.get(key, "")) for key, value in values.items() if key[0] != "_"
    )
    yield from _rows(("key", "default", "meaning"), rows)


def _of_files() -> Iterator[str]:
    said = re.findall(r'^[A-Z_]+ = "([\w.]+)"(?:  # (.*))?$', inspect.getsource(rundir), re.MULTILINE)
    rows = ((f"`{name}`", words or "written last: the directory is complete") for name, words in said)
    yield from _rows(("file", "what"), rows)


def _of_result() -> Iterator[str]:
    yield "Keys of `result.json` and metrics of MLflow, beside the words of the report; `p99` is each percentile of"
    yield "`metrics.percentiles`."
    yield ""
    counts = ((f"`{key}`", label) for label, key in COUNTS)
    latencies = ((f"`mean_`, `median_`, `std_`, `p99_` + `{each.key}_ms`", f"{each.word} (ms)") for each in LATENCIES)
    yield from _rows(("key", "report"), (*counts, *latencies))


def _of_problems() -> Iterator[str]:
    yield "Found by version, board and log, and told with the remedy; where figures are doubtful, as `known_problem`."
    yield ""
    rows = ((f"`{row.name}`", row.meaning, row.remedy, row.source) for row in KNOWN)
    yield from _rows(("problem", "what", "try", "who says so"), rows)


if __name__ == "__main__":
    sys.exit(at_edge(main))

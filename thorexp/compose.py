"""A composed Hydra tree becomes a JobConfig, or is refused by the name of what is wrong."""

import dataclasses
import difflib
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from thorexp.composing import ERRORS, refusal_of, word_of
from thorexp.config import JobConfig
from thorexp.config_server import ServerKind
from thorexp.errors import ConfigError
from thorexp.ranges import check_ranges
from thorexp.secret import learn_config, shown_tree


def job_config(tree: DictConfig) -> JobConfig:
    """The tree (without its `hydra` node), resolved and checked against the dataclasses.

    ConfigError by the full key: unknown, missing, of the wrong type, out of its range, or an interpolation that leads
    nowhere.
    """
    try:
        values = OmegaConf.to_container(tree, resolve=True, throw_on_missing=True)
        if isinstance(values, dict):
            learn_config({str(key): value for key, value in values.items()})
        _check_members(JobConfig, values)
        job = OmegaConf.to_object(OmegaConf.merge(_schema(JobConfig, _present(JobConfig, values)), values))
    except OmegaConfBaseException as wrong:
        raise _refusal(wrong) from None
    if not isinstance(job, JobConfig):
        raise TypeError(f"a JobConfig was composed as {type(job)}")
    check_ranges(job)
    return job


@cache
def _schema(of: type, present: frozenset[str] = frozenset(), prefix: str = "") -> DictConfig:
    """The typed tree, which a merge leaves as it is. `present`: keys below it that may be absent, and are not.

    Writable all the way down: OmegaConf would freeze what a frozen dataclass holds.
    """
    node: DictConfig = OmegaConf.structured(of)
    OmegaConf.set_readonly(node, False)
    for name, hint in get_type_hints(of).items():
        key = f"{prefix}{name}"
        for inner in (hint, *(get_args(hint) if key in present else ())):
            if dataclasses.is_dataclass(inner) and isinstance(inner, type):
                node[name] = _schema(inner, present, f"{key}.")
    return node


def _present(of: type, values: Any, prefix: str = "") -> frozenset[str]:
    """The keys of groups that may be absent, and are not."""
    found: set[str] = set()
    for name, hint in get_type_hints(of).items() if isinstance(values, dict) else ():
        value, key = values.get(name), f"{prefix}{name}"
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            found |= _present(hint, value, f"{key}.")
        elif isinstance(value, dict) and any(map(dataclasses.is_dataclass, get_args(hint))):
            found.add(key)
    return frozenset(found)


def _check_members(of: type, values: Any, prefix: str = "") -> None:
    """ConfigError for what OmegaConf lets through in a list or a mapping: another one where a text or a number should
    be; and, by the full key, for what is wrong within a list of groups.
    """
    for name, hint in get_type_hints(of).items() if isinstance(values, dict) else ():
        key, value = f"{prefix}{name}", values.get(name)
        for inner in (hint, *get_args(hint)):
            if dataclasses.is_dataclass(inner) and isinstance(inner, type):
                if get_origin(hint) is list:
                    _check_each(inner, key, value)
                else:
                    _check_members(inner, value, f"{key}.")
        if get_origin(hint) in (list, dict) and get_args(hint)[-1] in (str, int, float):
            _check_flat(key, value)


def _check_each(of: type, key: str, values: Any) -> None:
    for number, each in enumerate(values if isinstance(values, list) else ()):
        try:
            OmegaConf.merge(_schema(of), each)
        except OmegaConfBaseException as wrong:
            raise _refusal(wrong, f"{key}[{number}].") from None
        except ValueError:
            raise ConfigError(f"{key}[{number}] is wrong.", ("says", f"{each!r} is no mapping")) from None


def _check_flat(key: str, value: Any) -> None:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in items:
        if isinstance(each, dict | list):
            full = f"{key}.{name}" if isinstance(value, dict) else f"{key}[{name}]"
            what = "a list" if isinstance(each, list) else "a mapping"
            raise ConfigError(f"{full} is wrong.", ("says", f"{what} where one value should be"))


def composed(whole: DictConfig) -> tuple[JobConfig, frozenset[str]]:
    """From a tree that still has its `hydra` node: the job, and the engine arguments that were typed."""
    tree = OmegaConf.masked_copy(whole, [str(key) for key in whole if key != "hydra"])
    job = job_config(tree)
    check_meaning(job, whole.hydra.overrides.task)
    return job, typed_engine_args(whole.hydra.overrides.task)


def check_meaning(job: JobConfig, overrides: Sequence[str]) -> None:
    """ConfigError for what was typed about a container where there will be none."""
    of_docker = [key for key in _typed_keys(overrides) if f"{key}.".startswith("server.docker.")]
    if of_docker and job.server.kind is not ServerKind.docker:
        raise ConfigError(
            f"{of_docker[0]} means nothing without a container.",
            ("where", f"server={job.server.kind.value}"),
            ("try", f"server=docker, or the same command without {of_docker[0]}"),
        )


def resolved_yaml(tree: DictConfig) -> str:
    """The tree as YAML with every interpolation replaced by its value, and every secret by what is shown of it."""
    return OmegaConf.to_yaml(OmegaConf.create(shown_tree(OmegaConf.to_container(tree, resolve=True))))


def typed_engine_args(overrides: Sequence[str]) -> frozenset[str]:
    """Names of the engine arguments among a command line's overrides: `engine.max_num_seqs=16`."""
    return frozenset(key.split(".")[1] for key in _typed_keys(overrides) if key.startswith("engine."))


def _typed_keys(overrides: Sequence[str]) -> Iterator[str]:
    return (override.lstrip("+~").split("=", 1)[0] for override in overrides)


def explain(wrong: Exception) -> ConfigError:
    """What Hydra or OmegaConf refused, with the nearest right name in place of advice to use `+`.

    A refusal of ours that they passed on, from a resolver, is that refusal.
    """
    ours = _refused_by_us(wrong)
    if ours is not None:
        return ours
    if isinstance(wrong, MissingConfigException) and wrong.missing_cfg_file and wrong.options:
        group, _, option = wrong.missing_cfg_file.rpartition("/")
        return ConfigError(
            f"{group}={option} does not exist.",
            *_nearest(option, wrong.options),
            ("have", ", ".join(wrong.options)),
        )
    if isinstance(wrong, OmegaConfBaseException):
        return _refusal(wrong)
    if not isinstance(wrong, ERRORS):
        return _no_item(wrong) or refusal_of(wrong)
    headline, *rest = str(wrong).strip().splitlines() or [type(wrong).__name__]
    key = headline.split("'")[1] if headline.count("'") > 1 else None
    if key is not None and headline.startswith(("Could not override", "Could not delete")):
        return _no_key(key)
    says = [line.strip() for line in (*rest[:5], *str(wrong.__cause__ or "").splitlines()[:1]) if line.strip()]
    word = word_of(wrong)
    if isinstance(wrong, OverrideParseException):
        return ConfigError(f"{word} cannot be read.", *(("says", line) for line in (headline, *says) if line != "^"))
    where = () if word is None or word in headline else (("where", word),)
    return ConfigError(headline, *where, *(("says", line) for line in says))


def _no_item(wrong: Exception) -> ConfigError | None:
    """Hydra counts in a list, and has only Python's word for a name there."""
    key = (word_of(wrong) or "").lstrip("+~").partition("=")[0]
    parent, _, name = key.rpartition(".")
    if not isinstance(wrong, ValueError) or parent not in _of_kind(list):
        return None
    said = f"{parent} is a list, whose items have numbers"
    return ConfigError(f"There is no key {key}.", ("says", said), ("try", f"{parent}.0.{name}, or {parent}=[…]"))


def _of_kind(kind: type, of: type = JobConfig, prefix: str = "") -> Iterator[str]:
    """Those of the keys that hold a list, or a mapping."""
    for name, hint in get_type_hints(of).items():
        if get_origin(hint) is kind:
            yield prefix + name
        elif dataclasses.is_dataclass(hint) and isinstance(hint, type):
            yield from _of_kind(kind, hint, f"{prefix}{name}.")


def _typeable(key: str, number: int = 0) -> str:
    """A key in a list has the number of its item."""
    parent = next((each for each in _of_kind(list) if key.startswith(f"{each}.")), None)
    return key if parent is None else f"{parent}.{number}{key.removeprefix(parent)}"


def _no_key(key: str) -> ConfigError:
    """Nor to be overridden; one that may be absent can be added."""
    add = ("try", f"+{key}=…")
    if key in keys():
        return ConfigError(f"{key} is not set, and so not to be changed.", add)
    if any(key.startswith(f"{mapping}.") for mapping in _of_kind(dict)):
        return ConfigError(f"{key} is not there, and so not to be changed.", add)
    return ConfigError(f"There is no key {key}.", *_nearest(key, (*map(_typeable, keys()), *GROUPS_OF_HYDRA)))


def keys(of: type = JobConfig, prefix: str = "") -> Iterator[str]:
    """Every key of the config, dotted; groups before what is in them."""
    for name, hint in get_type_hints(of).items():
        yield prefix + name
        for inner in (hint, *get_args(hint)):
            if dataclasses.is_dataclass(inner) and isinstance(inner, type):
                yield from keys(inner, f"{prefix}{name}.")


def _refused_by_us(wrong: BaseException | None) -> ConfigError | None:
    """The ConfigError that the others were raised for."""
    while wrong is not None and not isinstance(wrong, ConfigError):
        wrong = wrong.__cause__ or wrong.__context__
    return wrong


def _refusal(wrong: OmegaConfBaseException, before: str = "") -> ConfigError:
    """`before`: what OmegaConf does not know of the key."""
    key: Any = "".join(filter(None, (before, wrong.full_key)))
    says = str(wrong.msg or wrong).splitlines()[0]
    if (of_few := _OF_FEW.match(says)) is not None:
        remedy = _nearest(of_few["value"], of_few["names"].split(", "), f"{key}=")
    else:
        number = _NUMBER.search(key or "")
        known = [_typeable(each, int(number[1]) if number else 0) for each in keys()]
        typed = _NUMBER.sub(r".\1", key or "")
        remedy = () if typed in known else _nearest(typed, known)
    return ConfigError(f"{key or 'The config'} is wrong.", ("says", says), *remedy)


def _nearest(name: str, names: Sequence[str], before: str = "") -> tuple[tuple[str, str], ...]:
    """The remedy, with words `before` each; none where nothing is near."""
    near = [f"{before}{close}" for close in difflib.get_close_matches(name, names, n=3) if close != name]
    return (("try", " or ".join(near)),) if near else ()


_NUMBER = re.compile(r"\[(\d+)\]")
_OF_FEW = re.compile(r"Invalid value '(?P<value>.*)', expected one of \[(?P<names>.*)\]")  # OmegaConf 2.3 of an enum
GROUPS_OF_HYDRA = ("hydra/launcher", "hydra/sweeper", "hydra.sweep.dir", "hydra.sweep.subdir", "hydra.run.dir")

"""What comes of Hydra while it composes, be it no error of its own, and of which word or file."""

from collections.abc import Iterator
from traceback import walk_tb
from types import FrameType
from typing import Any

import yaml
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException, HydraException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from thorexp.errors import ConfigError, ThorexpError
from thorexp.refused import causes, refused_by

ERRORS = (ConfigCompositionException, HydraException, OmegaConfBaseException)
# Of Hydra 1.3: where it composes a job, or the words of a sweep.
PLACES = (
    "hydra._internal.config_loader_impl",
    "hydra._internal.defaults_list",
    "hydra._internal.core_plugins.basic_sweeper",
    "hydra.core.override_parser.overrides_parser",
)


def is_of_composing(wrong: BaseException) -> bool:
    """Whether it was raised for what somebody typed or wrote into a file. Hydra passes on what a parser of YAML raises,
    and has some of Python's own for words that it does not take. What the machine refuses is nobody's word, and what we
    have said already is said.
    """
    if isinstance(wrong, ThorexpError) or refused_by(wrong) is not None:
        return False
    return isinstance(wrong, ERRORS) or any(map(_is_hydras, causes(wrong)))


def _is_hydras(wrong: BaseException) -> bool:
    """Whether it was raised where Hydra composes, and not by what Hydra called of ours there."""
    modules = [str(frame.f_globals.get("__name__")) for frame, _ in walk_tb(wrong.__traceback__)]
    places = [module in PLACES for module in modules]
    if not any(places):
        return False
    after = modules[len(places) - places[::-1].index(True) :]
    return not any(module.split(".")[0] == "thorexp" for module in after)


def refusal_of(wrong: BaseException) -> ConfigError:
    """One that is no error of Hydra's own, with the word or the file that it is of."""
    where = word_of(wrong) or file_of(wrong)
    facts = () if where is None else (("where", where),)
    if isinstance(wrong, RecursionError):
        return ConfigError("A word or a file of the config is nested too deep.", *facts)
    if isinstance(wrong, yaml.YAMLError):
        return ConfigError("A file of the config is no YAML.", *facts, ("says", str(wrong)))
    if isinstance(wrong, UnicodeError):
        return ConfigError("A file of the config is not UTF-8.", *facts, ("says", str(wrong)))
    says = ("says", str(wrong) or type(wrong).__name__)
    if where is not None and "must be a string" in str(wrong):
        key = where.lstrip("+~").partition("=")[0]
        return ConfigError(f"{where} chooses nothing.", says, ("try", f"{key}=NAME, of `python -m thorexp --help`"))
    return ConfigError("The config cannot be composed.", *facts, says)


def word_of(wrong: BaseException) -> str | None:
    """The override that Hydra was at; absent where it was at none."""
    if isinstance(wrong, OverrideParseException):
        return str(wrong.override)
    found = (_local(frame, "override") for frame in reversed(list(_frames(wrong))))
    return next((str(each.input_line) for each in found if isinstance(each, Override) and each.input_line), None)


def file_of(wrong: BaseException) -> str | None:
    """The file that Hydra read; absent where it read none."""
    found = (_local(frame, "full_path") for frame in reversed(list(_frames(wrong))))
    return next((each for each in found if isinstance(each, str)), None)


def _frames(wrong: BaseException) -> Iterator[FrameType]:
    """Of all that it was raised from, the outermost first."""
    return (frame for error in causes(wrong) for frame, _ in walk_tb(error.__traceback__))


def _local(frame: FrameType, name: str) -> Any:
    return frame.f_locals.get(name)

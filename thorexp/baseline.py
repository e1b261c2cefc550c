"""Published tables to compare with, read and judged."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from thorexp.conf_tree import conf_dir
from thorexp.config import BaselineConfig
from thorexp.errors import ConfigError
from thorexp.published import Judged, imported, judge_one
from thorexp.result_files import check_measured, read
from thorexp.said_load import load_words

FOLDER = "baseline"


def names() -> tuple[str, ...]:
    """Of all that are shipped and have a table."""
    return tuple(path.stem for path in sorted((conf_dir() / FOLDER).glob("*.yaml")) if shipped(path.stem).file)


def shipped(name: str) -> BaselineConfig:
    """`conf/baseline/<name>.yaml`; ConfigError for no such name."""
    folder = conf_dir() / FOLDER
    options = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in options:
        near = get_close_matches(name, options, n=1)
        raise ConfigError(
            f"baseline={name} does not exist.",
            *(("try", f"baseline={each}") for each in near),
            ("have", ", ".join(options)),
        )
    return BaselineConfig(**yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8")))


def baseline_results(baseline: BaselineConfig) -> tuple[Judged, ...]:
    """All of its file, judged on its hardware; none of one without a file. RecordError for one that cannot be read.

    A file is looked for among those that are shipped, then from the working directory.
    """
    if baseline.file is None:
        return ()
    ours = conf_dir() / FOLDER / baseline.file
    file = ours if ours.is_file() else Path(baseline.file)
    typed = [] if baseline.hardware is None else [f"hardware={baseline.hardware}"]
    return tuple(judged_import(values, typed, file) for values in read(file))


def judged_import(values: Mapping[str, Any], typed: Sequence[str], source: Path) -> Judged:
    """A result of others, judged under the load that it says it had; RecordError for what was not measured."""
    check_measured(values, source)
    return imported(judge_one(values, [*load_words(values), *typed], source))

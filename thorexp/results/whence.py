"""Where the results of a sweep are from: origin, machine, versions and days, as their records say it."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from thorexp.errors import RecordError
from thorexp.measure.verdict import Origin
from thorexp.results.summary import Row, origins
from thorexp.rundir import MACHINE, RECORD, Record, RunDir

ORIGINS: Mapping[Origin, str] = {
    "measured": "measured",
    "simulated": "simulated, nothing was measured",
    "imported": "imported, measured by others",
    "rehearsed": "rehearsed by a tiny model of random weights, no figure is of the model or the board",
}


@dataclass(frozen=True, slots=True)
class Whence:
    """Each fact once, in the order of the table; none where no record says it.

    `hardware`: of what was measured beside our server with the machine in words, else as `hardware=` names it.
    `versions` with the names of what they are of. `days`: YYYY-MM-DD in local time, the first and the last.
    """

    origins: tuple[str, ...]
    hardware: tuple[str, ...]
    power_modes: tuple[str, ...]
    versions: tuple[str, ...]
    days: tuple[str, ...]

    def lines(self) -> Iterator[tuple[str, str]]:
        """What is known, with a word for what it is."""
        said = {
            "origin": "; ".join(self.origins),
            "hardware": "; ".join(self.hardware),
            "power mode": ", ".join(self.power_modes),
            "versions": ", ".join(self.versions),
            "date": " to ".join(self.days),
        }
        yield from ((word, fact) for word, fact in said.items() if fact)


def whence(table: Sequence[Row]) -> Whence:
    """Of the records of all rows that can be read; of rows beside a sweep, which have none, the origin alone."""
    there = origins(table)
    pairs = list(_read(RunDir(directory) for row in table for directory in row.directories))
    records, machines = [record for record, _ in pairs], [machine for _, machine in pairs]
    days = sorted(time.strftime("%Y-%m-%d", time.localtime(record.started_at)) for record in records)
    return Whence(
        origins=tuple(words for origin, words in ORIGINS.items() if origin in there),
        hardware=_each(_hardware(*pair) for pair in pairs),
        power_modes=_each((machine.get("before") or {}).get("power_mode") for machine in machines),
        versions=_each(version for pair in pairs for version in _versions(*pair)),
        days=_each((*days[:1], *days[-1:])),
    )


def several_images(table: Sequence[Row]) -> Iterator[str]:
    """A line of each name by which the points ran several images, as boards do that pulled a tag on different days.
    None of images that were asked for by their digests.
    """
    images: dict[str, list[str]] = {}
    for record, _ in _read(RunDir(directory) for row in table for directory in row.directories):
        name, _, digest = record.tags.get("image", "").partition("@")
        is_typed = any(digest and digest in word for word in record.overrides or ())
        if not is_typed and digest not in images.setdefault(name, []):
            images[name].append(digest)
    for name, digests in images.items():
        if len(digests) > 1:
            yield (
                f"{name} is {len(digests)} images here, whose points are no like for like: {', '.join(digests)}; "
                f"try: server.docker.image={name}@{digests[-1]}, which is the same on every board"
            )


def _read(run_dirs: Iterable[RunDir]) -> Iterator[tuple[Record, Mapping[str, Any]]]:
    """Each that has a record, with its machine."""
    for run_dir in run_dirs:
        with suppress(RecordError):  # the sweep's page says what is wrong with it
            if run_dir.has(RECORD):
                yield run_dir.record(), run_dir.read_mapping(MACHINE) if run_dir.has(MACHINE) else {}


def _hardware(record: Record, machine: Mapping[str, Any]) -> str | None:
    named = record.tags.get("hardware")
    if record.tags.get("origin") != "measured" or machine.get("before") is None:
        return named
    described = (machine.get("client") or {}).get("description")
    return f"{described} ({named})" if described and named else described or named


def _versions(record: Record, machine: Mapping[str, Any]) -> Iterator[str]:
    """Of a simulation without those of the machine that it ran on."""
    commit, tags = record.tags.get("git_commit"), record.tags
    if "vllm_version" in tags:
        yield f"vLLM {tags['vllm_version']}"
    if "thorexp_version" in tags:
        yield f"thorexp {tags['thorexp_version']}{f' ({_short(commit)})' if commit else ''}"
    jetpack = (machine.get("client") or {}).get("jetpack")
    if jetpack and tags.get("origin") == "measured":
        yield f"JetPack {jetpack}"


def _short(commit: str) -> str:
    """With the word on a checkout that was changed."""
    digest, dash, changed = commit.partition("-")
    return f"{digest[:7]}{dash}{changed}"


def _each(said: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(fact for fact in said if fact))

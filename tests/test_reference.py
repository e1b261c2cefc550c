"""The reference: what is printed of the config, and that docs/reference.md is it."""

from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import get_type_hints

from thorexp.compose import keys as all_keys
from thorexp.config import JobConfig
from thorexp.reference import Key, keys, meanings, reference

ROOT = Path(__file__).parents[1]
GROUPS = {name: of for name, of in get_type_hints(JobConfig).items() if isinstance(of, type) and is_dataclass(of)}


@dataclass(frozen=True)
class Brakes:
    """What slows it."""

    kind: str = "disc"
    """How they are made."""


@dataclass(frozen=True)
class Bicycle:
    """Something to ride."""

    gears: int
    """[gears] How many; absent for none."""
    top_speed_ms: float | None = None
    """The time to it."""
    brakes: Brakes = field(default_factory=Brakes)
    bells: list[str] = field(default_factory=list)
    """Their
    sounds."""


def test_a_key_has_type_unit_default_and_meaning() -> None:
    """Of the dataclass; the default as it is composed, the unit by brackets or by the name's end."""
    tree = {"bike": {"gears": 7, "brakes": {"kind": "drum"}}}
    assert [
        Key("bike.gears", "integer", "gears", "`7`", "How many; absent for none."),
        Key("bike.top_speed_ms", "number, or absent", "ms", "", "The time to it."),
        Key("bike.brakes.kind", "text", "", "`drum`", "How they are made."),
        Key("bike.bells", "list of text", "", "`[]`", "Their sounds."),
    ] == list(keys(Bicycle, tree, "bike"))


def test_a_field_without_words_has_no_meaning() -> None:
    """It is not in the mapping."""
    assert {"gears", "top_speed_ms", "bells"} == meanings(Bicycle).keys()


def test_every_key_is_told() -> None:
    """That a user may type; of a group what is in it."""
    printed = "\n".join(reference()).replace("[]", "")
    assert [] == [key for key in all_keys() if f"`{key}`" not in printed and f"`{key}." not in printed]


def test_every_key_has_a_meaning() -> None:
    """But engine arguments, which are vLLM's."""
    assert [] == [key.name for group, of in GROUPS.items() for key in keys(of, {}, group) if not key.meaning]


def test_the_page_is_what_the_command_prints() -> None:
    """python -m thorexp.reference > docs/reference.md, after a change of a key."""
    assert "\n".join(reference()) + "\n" == (ROOT / "docs/reference.md").read_text(encoding="utf-8")

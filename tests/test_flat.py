"""A config under dotted keys, as typed."""

import pytest

from thorexp.flat import flat, typed


def test_a_tree_is_flat_under_dotted_keys() -> None:
    """In its order; a mapping that holds nothing stands for itself."""
    tree = {"load": {"name": "high", "stop_when": {"goodput": None}}, "engine": {}, "predict": True}
    expected: list[tuple[str, object]] = [
        ("load.name", "high"),
        ("load.stop_when.goodput", None),
        ("engine", {}),
        ("predict", True),
    ]
    assert expected == list(flat(tree))


@pytest.mark.parametrize(
    ("value", "word"),
    [("high", "high"), (None, "null"), (True, "true"), (8, "8"), (0.5, "0.5"), (float("inf"), "inf"), ([1], "[1]")],
)
def test_a_value_is_written_as_one_types_it(value: object, word: str) -> None:
    """Behind `key=`."""
    assert word == typed(value)

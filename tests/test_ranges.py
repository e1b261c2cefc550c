"""Where numbers of a config are bounded."""

import re

import pytest

from thorexp.compose import keys
from thorexp.ranges import RANGES

OPEN = {r"sweep\.ray\.resources\..*"}  # what they are named is a cluster's to say


@pytest.mark.parametrize("pattern", sorted(RANGES.keys() - OPEN))
def test_every_range_is_of_a_key_that_there_is(pattern: str) -> None:
    """One whose key was renamed would bound nothing."""
    of_items = re.sub(r"\\\[\\d\+\\\]", "", pattern)
    assert any(re.fullmatch(of_items, key) for key in keys())

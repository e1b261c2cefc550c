"""What `python -m thorexp.fit` prints of its constants."""

from dataclasses import replace

from thorexp.fit import as_config
from thorexp.kernels import Kernels

FITTED = Kernels(bandwidth=0.8752499, prefill=0.0961149, step_ms=12.34567, source="a table", routed_alike=2.0)


def test_constants_are_printed_to_four_digits() -> None:
    """By the keys of sim.kernels, without where they are from: that is for a person to write."""
    expected = {"bandwidth": 0.8752, "prefill": 0.09611, "step_ms": 12.35, "routed_alike": 2.0}
    assert {"int4_moe": expected} == as_config({"int4_moe": FITTED})


def test_constants_are_printed_of_each_family() -> None:
    """In the order of the fit."""
    assert ["b", "a"] == list(as_config({"b": FITTED, "a": replace(FITTED, prefill=0.5)}))

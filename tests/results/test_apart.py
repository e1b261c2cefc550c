"""Points by what sets them apart."""

from thorexp.results.apart import apart, apart_in_columns, unshared


def test_points_are_named_by_what_sets_them_apart() -> None:
    """What all of them share says nothing."""
    points = [("hardware=cpu", "model=a", "load=high"), ("hardware=cpu", "model=b", "load=high")]
    assert ["model=a", "model=b"] == apart(points)


def test_a_point_that_is_alone_is_named_by_all_of_it() -> None:
    """There is nothing to set it apart from."""
    assert ["model=a load=high"] == apart([("model=a", "load=high")])


def test_a_point_that_adds_nothing_has_a_dash() -> None:
    """A name is never empty."""
    assert ["-", "load=low"] == apart([(), ("load=low",)])


def test_keys_stand_in_the_heading() -> None:
    """Where all points differ by the same keys, values are enough."""
    points = [("model=a", "load=high"), ("model=b", "load=low")]
    assert ("model load", ["a high", "b low"]) == apart_in_columns(points)


def test_points_of_several_shapes_keep_their_keys() -> None:
    """A value without its key would be a riddle."""
    points = [("model=a",), ("model=b", "load=low")]
    assert ("point", ["model=a", "model=b load=low"]) == apart_in_columns(points)


def test_a_value_may_hold_an_equals_sign() -> None:
    """The key ends at the first."""
    points = [("x={a:1}", "load=a=b"), ("x={a:2}", "load=a=c")]
    assert ("x load", ["{a:1} a=b", "{a:2} a=c"]) == apart_in_columns(points)


def test_a_secret_is_in_no_name() -> None:
    """Points that it alone sets apart are numbered, so that they stay two."""
    points = [("engine.api_key=a", "load=high"), ("engine.api_key=b", "load=high")]
    assert ["engine.api_key=***", "engine.api_key=*** (2)"] == apart(points)
    assert ("engine.api_key", ["***", "*** (2)"]) == apart_in_columns(points)


def test_a_secret_is_shared_by_its_value() -> None:
    """Not by what is shown of it."""
    assert [["engine.api_key=a"], ["engine.api_key=b"]] == unshared([("engine.api_key=a",), ("engine.api_key=b",)])

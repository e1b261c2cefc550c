"""What the words of a search let it choose from."""

import math

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from thorexp.errors import ConfigError
from thorexp.sweep.search_space import Choice, Interval, Ladder, Params, Space, space_of


def of(*words: str) -> Space:
    """The space that they ask for."""
    return space_of(OverridesParser.create().parse_overrides(list(words)))


@pytest.mark.parametrize(
    ("word", "dimension"),
    [
        ("engine.max_num_seqs=32,8,16", Ladder("engine.max_num_seqs", ("8", "16", "32"))),
        ("a=choice(0.9,0.85)", Ladder("a", ("0.85", "0.9"))),
        ("a=-3,1e2,inf", Ladder("a", ("-3", "100.0", "inf"))),
        ("a=8,8,16", Ladder("a", ("8", "16"))),
        ("a=range(1024,4096,1024)", Ladder("a", ("1024", "2048", "3072"))),
        ("a=range(3)", Ladder("a", ("0", "1", "2"))),
        ("a=range(8,0,-4)", Ladder("a", ("4", "8"))),
        ("a=range(0.5,0.8,step=0.1)", Ladder("a", ("0.5", "0.6", "0.7"))),
        ("a=interval(0.5,0.9)", Interval("a", 0.5, 0.9, log=False)),
        ("a=int(interval(1,65))", Interval("a", 1, 64, log=False)),
        ("a=tag(log,interval(0.1,10))", Interval("a", 0.1, 10.0, log=True)),
        ("model=qwen3_32b_awq,qwen3_30b_a3b", Choice("model", ("qwen3_32b_awq", "qwen3_30b_a3b"))),
        ("a=true,false", Choice("a", ("True", "False"))),
        ("a=null,8", Choice("a", ("null", "8"))),
        ("a='x, y','8'", Choice("a", ("'x, y'", "'8'"))),
        ("a={mode:3},{mode:0,level:[1,2]}", Choice("a", ("{mode:3}", "{mode:0,level:[1,2]}"))),
        ("+a=x,y", Choice("+a", ("x", "y"))),
    ],
)
def test_a_swept_word_is_a_dimension(word: str, dimension: object) -> None:
    """Numbers rise, whatever their order; a range ends before its stop; all else is as Hydra takes it again."""
    assert (dimension,) == of(word).dimensions


def test_a_word_with_one_value_is_fixed() -> None:
    """As typed, be it quoted, deleted or a sweep of a single value; and every point has it."""
    space = of("a=1,2", "b='x, y'", "~c", "d=choice(7)", "e=range(1,2)")
    assert ("b='x, y'", "~c", "d=7", "e=1") == space.fixed
    assert ("b='x, y'", "~c", "d=7", "e=1", "a=2") == space.words({"a": 1})


def test_the_last_of_two_words_counts() -> None:
    """The command line takes the place of what `hydra.sweeper.params` says before it."""
    assert (Ladder("a", ("3", "4")),) == of("a=1,2", "a=3,4").dimensions


def test_a_space_counts_its_points() -> None:
    """The product of its dimensions; without end where one is an interval of real numbers."""
    assert 3 * 2 * 8 == of("a=1,2,3", "b=x,y", "c=int(interval(1,9))").size
    assert (math.inf, False) == ((whole := of("a=1,2", "b=interval(0,1)")).size, whole.is_finite)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("a=1", "model=x"), "nothing to choose from"),
        (("a=range(5,5)",), "no value"),
        (("a=range(1,5,0)",), "cannot be enumerated"),
        (("a=interval(2,1)",), "no value"),
        (("a=tag(log,interval(0,1))",), "logarithm"),
    ],
)
def test_what_leaves_no_choice_is_refused(words: tuple[str, ...], says: str) -> None:
    """Before anything is started."""
    with pytest.raises(ConfigError, match=says):
        of(*words)


def test_each_word_without_an_order_is_looked_at_once() -> None:
    """The first point, then the others one at a time; of numbers, which are alike, the ends."""
    sampled: list[Params] = list(of("a=1,2,3", "b=x,y,z").samples())
    assert [{"a": 0, "b": "x"}, {"a": 2, "b": "x"}, {"a": 0, "b": "y"}, {"a": 0, "b": "z"}] == sampled


def test_a_real_number_is_typed_to_six_digits_and_within_its_ends() -> None:
    """As many as one would type, and never more than the highest."""
    near = Interval("a", 0.12345678, 0.12345689, log=False)
    assert ("0.721395", "0.12345689") == (
        Interval("a", 0.5, 0.9, log=False).typed(0.7213948572930184),
        near.typed(0.12345685),
    )

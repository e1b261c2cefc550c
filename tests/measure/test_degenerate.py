"""Texts that a broken model says, and texts that only look like it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thorexp.measure.degenerate import degenerate

SEA = (
    "the sea is a wide and restless blue that keeps its own time under every sky while gulls cross over white waves "
    "far from any harbour where people wait for boats"
)
WORDS = SEA.split()
ENGLISH = "The sea stretched out beneath the pale morning sky, whispering its ancient secrets to the patient shore."
CHINESE = "大海在清晨的阳光下闪烁着银色的光芒，海浪轻轻拍打着岸边的礁石，仿佛在诉说着古老的故事。"
CODE = """def count(n: int) -> list[int]:
    numbers = []
    for i in range(n):
        if i % 2 == 0:
            numbers.append(i)
        else:
            numbers.append(-i)
    return numbers
"""
HTML = "<ul>\n  <li><a href='#'>One</a></li>\n  <li><a href='#'>Two</a></li>\n</ul>\n</div>\n</div>\n</div>"
JSON = '[{"id": 1, "name": "Ann", "ok": true}, {"id": 2, "name": "Bob", "ok": true}, {"id": 3, "name": "Cy", "ok": tr'
TABLE = """| Country | Capital | Million |
|---------|---------|---------|
| France  | Paris   | 2.1     |
| Spain   | Madrid  | 3.3     |
| Italy   | Rome    | 2.7     |
"""
COUNTING = " three, four, five, six, seven, eight, nine, ten, eleven, twelve, thirteen, fourteen, fifteen, sixteen, "


@pytest.mark.parametrize(
    "text",
    [
        SEA,
        ENGLISH,
        CHINESE,
        CODE,
        HTML,
        JSON,
        TABLE,
        COUNTING,
        "Paris.",
        " Paris",
        "Paris!!!",
        "1",
        "1000000",
        "banana",
        "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
        "- red\n- green\n- blue\n- white",
        "Introduction\n============\n\nThe sea is blue.",
        "Row, row, row your boat, gently down the stream.",
        "No, no, no! I said no.",
        "It is 20°C in Zürich — naïve façades, ‘quoted’, 😀😀😀.",
        "The answer ends in a character that was cut: 好\ufffd",
        "\ufffd".join(ENGLISH.split()),
        "I see. I see.",
        "Let me think about this. The capital of France is Paris. So the answer is Paris. The answer is Paris.",
    ],
)
def test_an_ordinary_text_is_not_degenerate(text: str) -> None:
    """Lists, tables, code, numbers, and answers of one word included."""
    assert degenerate(text) is None


@pytest.mark.parametrize(
    ("text", "evidence"),
    [
        ("", "empty"),
        ("\n\n\n\n", "nothing but white space, 4 characters"),
        ("Paris." + "\n" * 42, "white space to the end, 42 characters"),
        ("!!!!", "'!' 4 times to the end"),
        ("!!!!!!!!", "'!' 8 times to the end"),
        ("0000000", "'0' 7 times to the end"),
        ("ab ab ab ab ab", "'ab ' 5 times to the end"),
        ("the " * 12, "'the ' 12 times to the end"),
        ("<unk>" * 48, "'<unk>' 48 times to the end"),
        (" the the\n" * 6, r"'the the\n ' 6 times to the end"),
        ("的" * 20, "'的' 20 times to the end"),
        ("I am a model. " * 3, "'I am a model. ' 3 times to the end"),
        ("The sea is" + "!" * 38, "'!' 38 times to the end"),
        ("\ufffd\ufffda", "2 of 3 characters are no text"),
        ("\x00\x01\x02\x03 ok", "4 of 7 characters are no text"),
    ],
)
def test_a_degenerate_text_is_told_by_what_is_wrong_with_it(text: str, evidence: str) -> None:
    """What stands where a text should, and how much of it."""
    assert evidence == degenerate(text)


def test_few_different_words_are_degenerate_in_any_order() -> None:
    """Two words, in no cycle."""
    text = " ".join("sea" if i in (1, 3, 4, 8, 9, 13, 15, 20, 21, 22) else "blue" for i in range(24))
    assert "2 different among the last 24 words" == degenerate(text)


def test_a_loop_that_ended_is_not_repeated_to_the_end() -> None:
    """Another text follows, longer than the loop."""
    assert degenerate("ha ha ha ha ha ha. " + ENGLISH) is None


def test_of_a_long_text_the_end_is_looked_at() -> None:
    """What it went on to say counts, however much was said before."""
    assert "'!' 2000 times to the end" == degenerate(ENGLISH * 100 + "!" * 3000)


@given(unit=st.text(min_size=1, max_size=12), times=st.integers(min_value=8, max_value=60))
def test_whatever_is_only_repeated_is_degenerate(unit: str, times: int) -> None:
    """Of any characters."""
    assert degenerate(unit * times) is not None


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8), st.text("ab!?0 好", min_size=1, max_size=6))
def test_a_loop_after_a_good_beginning_is_degenerate(words: list[str], unit: str) -> None:
    """If it goes on for longer than the beginning."""
    assert degenerate(" ".join(words) + f" {unit}" * 100) is not None


@given(st.lists(st.sampled_from(WORDS), unique=True, min_size=1))
def test_different_words_are_ordinary(words: list[str]) -> None:
    """In any order and number."""
    assert degenerate(" ".join(words)) is None


@given(
    start=st.integers(min_value=0, max_value=10**6),
    step=st.integers(min_value=1, max_value=1000),
    count=st.integers(min_value=3, max_value=60),
    between=st.sampled_from([", ", " ", "\n", ",", " | "]),
)
def test_counting_is_ordinary(start: int, step: int, count: int, between: str) -> None:
    """By any step, from anywhere, however it is written down."""
    assert degenerate(between.join(str(start + i * step) for i in range(count))) is None


@given(st.text(max_size=300))
def test_every_text_is_told_from_itself_alone(text: str) -> None:
    """What is told is short and printable, whatever the text."""
    told = degenerate(text)
    assert told is None or (len(told) < 200 and told.isprintable())

"""What a sweep has found, as blocks."""

from collections.abc import Iterator, Sequence

import pytest

from thorexp.html.blocks import Block, Figure, Section, Table, Words
from thorexp.results.decision import decision_blocks
from thorexp.results.entry import entries
from thorexp.results.summary import Point, rows


def blocks(points: Sequence[Point]) -> tuple[Block, ...]:
    heading, table = rows(points)
    return decision_blocks(entries(table), heading)


def flat(found: Sequence[Block]) -> Iterator[Block]:
    for block in found:
        if isinstance(block, Section):
            yield from flat(block.blocks)
        else:
            yield block


def table(points: Sequence[Point], begin: str) -> Table:
    found = [each for each in flat(blocks(points)) if isinstance(each, Table) and each.caption.startswith(begin)]
    assert 1 == len(found)
    return found[0]


def words(points: Sequence[Point]) -> list[str]:
    return [line for each in flat(blocks(points)) if isinstance(each, Words) for line in each.paragraphs]


def test_the_answer_comes_before_what_it_rests_on(points: tuple[Point, ...]) -> None:
    """Where there is no power, there is no part on energy, which is said."""
    found = [(each.title, each.folded) for each in blocks(points) if isinstance(each, Section)]
    titles = ("What to choose", "Throughput against speed", "All points", "Where the numbers are from")
    assert [(title, False) for title in titles] == found
    assert "No point says what power was drawn, so energy is not compared." in words(points)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("points", ["Measured: 2 of 3 points.", "Without numbers: 1 of 3 points."]),
        (
            "foreign",
            [
                "Measured: 2 of 6 points.",
                "Simulated, nothing was measured: 2 of 6 points.",
                "Imported, measured by others: 2 of 6 points.",
                "SUSPECT or INVALID in some of their numbers, which win nothing: 2 of 6 points.",
            ],
        ),
        ("doubted", ["Measured: all 5 points."]),
    ],
)
def test_first_is_said_where_numbers_are_from(made: str, said: list[str], request: pytest.FixtureRequest) -> None:
    """And how many of them decide nothing."""
    assert said == words(request.getfixturevalue(made))[: len(said)]


def test_all_points_have_the_marks_of_the_text(doubted: tuple[Point, ...]) -> None:
    """Best, SUSPECT, INVALID, and the verdict in full."""
    lines = table(doubted, "All points").rows
    assert ["5.00?", "6.00*", "6.00?", "7.00", "1.00!"] == [line[3] for line in lines]
    assert ["SUSPECT", "VALID", "SUSPECT", "VALID", "INVALID"] == [line[-1] for line in lines]


def test_each_point_leads_to_its_section(points: tuple[Point, ...]) -> None:
    """By the anchor that its entry has."""
    assert ("point-1", "point-2", "point-3") == table(points, "All points").links


def test_reasons_are_told_once_with_what_to_try(doubted: tuple[Point, ...]) -> None:
    """And with the points that they speak against."""
    expected = {
        ("few_samples", "SUSPECT", "P99 of 10 values: p99_ttft_ms", "load.num_prompts=100", "a; c"),
        ("prefix_cache_hits", "INVALID", "96 of 128 prompt tokens", "another seed", "e"),
    }
    assert expected == set(table(doubted, "What speaks").rows)


def test_what_is_accepted_is_told_apart(accepting: tuple[Point, ...]) -> None:
    """After what counts."""
    found = [(row[0], row[1], row[4]) for row in table(accepting, "What speaks").rows]
    assert [("prefix_cache_hits", "INVALID", "c"), ("few_samples", "accepted", "a; c")] == found


def test_the_frontier_is_drawn_once(points: tuple[Point, ...]) -> None:
    """And nothing else without energy."""
    assert 1 == sum(isinstance(each, Figure) for each in flat(blocks(points)))

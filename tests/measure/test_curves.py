"""A run as curves, and curves of fewer points."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records import MS, S, a_failure, a_record, a_run
from thorexp.measure.curves import extremes, in_flight, means, tokens_per_s
from thorexp.measure.signals import Series

BEGIN = 77 * S  # of a run: its clock does not begin with it


def numbered(*values: float) -> Series:
    """One value a ns, from 0 on."""
    return Series(tuple(range(len(values))), values)


def test_requests_are_in_flight_from_sending_to_the_last_token() -> None:
    """The second is sent before the first has ended, and stays when it has."""
    run = a_run(a_record(sent_ns=10, token_ns=(20, 40)), a_record(sent_ns=30, token_ns=(50, 60)))
    assert Series((10, 30, 40, 60), (1.0, 2.0, 1.0, 0.0)) == in_flight(run)


def test_one_that_ends_as_another_is_sent_is_not_in_flight_with_it() -> None:
    """At no time were there more than one."""
    run = a_run(a_record(sent_ns=10, token_ns=(20,)), a_record(sent_ns=20, token_ns=(30,)))
    assert 1.0 == max(in_flight(run).values)


def test_requests_without_a_known_end_are_not_in_flight() -> None:
    """Neither one that failed nor one that was never sent."""
    assert Series((), ()) == in_flight(a_run(a_failure(sent_ns=10), a_failure(sent_ns=None)))


def test_tokens_are_counted_in_each_second_of_the_run() -> None:
    """Two in the first, none in the second, one in the third."""
    tokens = (BEGIN, BEGIN + S - 1, BEGIN + 2 * S)
    run = a_run(a_record(token_ns=tokens), start_ns=BEGIN, end_ns=BEGIN + 3 * S)
    assert Series((BEGIN, BEGIN + S, BEGIN + 2 * S), (2.0, 0.0, 1.0)) == tokens_per_s(run)


def test_a_chunk_of_several_tokens_counts_as_so_many() -> None:
    """Where the server says so; one where it does not."""
    counted = a_record(token_ns=(BEGIN, BEGIN + MS), chunk_tokens=(3, 4))
    run = a_run(counted, a_record(token_ns=(BEGIN,)), start_ns=BEGIN, end_ns=BEGIN + S)
    assert (3.0 + 4.0 + 1.0,) == tokens_per_s(run).values


def test_a_second_that_the_run_did_not_end_is_left_out() -> None:
    """Half of one would look as if the server had been half as fast."""
    tokens = (BEGIN, BEGIN + S + S // 4)
    run = a_run(a_record(token_ns=tokens), start_ns=BEGIN, end_ns=BEGIN + S + S // 2)
    assert Series((BEGIN,), (1.0,)) == tokens_per_s(run)


@pytest.mark.parametrize("end_ns", [BEGIN, BEGIN + S // 2, BEGIN + S])
def test_a_run_without_a_token_or_a_second_has_no_tokens_per_s(end_ns: int) -> None:
    """No value, where nothing was measured."""
    records = [a_record(token_ns=(BEGIN,))] if end_ns < BEGIN + S else [a_failure()]
    assert Series((), ()) == tokens_per_s(a_run(*records, start_ns=BEGIN, end_ns=end_ns))


def test_the_extremes_of_each_part_are_kept_in_their_order() -> None:
    """Of two parts of four: 9 before 1, and 2 before 7."""
    assert Series((1, 2, 4, 7), (9, 1, 2, 7)) == extremes(numbered(5, 9, 1, 5, 2, 3, 3, 7), 4)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=300), st.integers(1, 40))
def test_no_extreme_is_lost(values: list[float], halves: int) -> None:
    """Largest and smallest stay, and no more points than were asked for."""
    kept = extremes(numbered(*values), 2 * halves)
    assert (min(values), max(values)) == (min(kept.values), max(kept.values))
    assert len(kept.ns) <= max(2 * halves, 2)


def test_means_are_of_equal_parts() -> None:
    """Of six samples two of three, in time as in value."""
    series = Series((10, 20, 60, 100, 110, 150), (1.0, 2.0, 6.0, 4.0, 4.0, 7.0))
    assert Series((30, 120), ((1 + 2 + 6) / 3, (4 + 4 + 7) / 3)) == means(series, 2)


@given(st.integers(1, 500), st.integers(1, 60))
def test_no_more_means_are_made_than_asked_for(length: int, points: int) -> None:
    """As many, where there is enough to average."""
    assert min(length, points) == len(means(numbered(*[1.0] * length), points).ns)


def test_short_curves_stay_as_they_are() -> None:
    """Nothing is to be gained."""
    series = numbered(3, 1, 2)
    assert [series, series] == [extremes(series, 3), means(series, 3)]

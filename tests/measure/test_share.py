"""A share of requests, and its interval."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thorexp.measure.share import Share, share_of


@pytest.mark.parametrize(
    ("share", "low", "high"),
    [
        # Newcombe, Stat. Med. 17 (1998) 857, table I, method 3 (Wilson's score interval).
        (Share(81, 263, 263), 0.2553, 0.3662),
        (Share(15, 148, 148), 0.0624, 0.1605),
        (Share(0, 20, 20), 0.0, 0.1611),
        (Share(1, 29, 29), 0.0061, 0.1718),
    ],
    ids=str,
)
def test_the_interval_is_wilsons(share: Share, low: float, high: float) -> None:
    """As published, to four digits."""
    assert (low, high) == tuple(round(bound, 4) for bound in share.interval)


@given(st.integers(1, 5000), st.data())
def test_the_interval_contains_the_share(total: int, data: st.DataObject) -> None:
    """Whatever it is, between nothing and all."""
    share = Share(data.draw(st.integers(0, total)), total, data.draw(st.floats(1.0, total)))
    low, high = share.interval
    assert 0 <= low <= share.value <= high <= 1


@pytest.mark.parametrize(
    ("kept", "decided"),
    [(100, True), (99, False), (95, False), (85, True)],
    ids=str,
)
def test_an_interval_around_the_limit_decides_nothing(kept: int, decided: bool) -> None:
    """Of 95 %: [96.3, 100] and [76.7, 90.7] do, [94.6, 99.8] and [88.8, 97.8] do not."""
    assert decided == Share(kept, 100, 100).is_decided(0.95)


def test_shares_of_two_samples_count_together() -> None:
    """Each request once."""
    assert Share(90 + 199, 100 + 200, 50 + 200) == Share(90, 100, 50) + Share(199, 200, 200)


def test_a_share_is_told_with_its_interval() -> None:
    """In percent."""
    assert "95.0 % [88.8, 97.8] of 100 requests" == str(Share(95, 100, 100))


def test_misses_that_come_in_clusters_are_worth_less() -> None:
    """Of 50 that keep and 50 that miss, each beside its own but for one pair: 99 products, 98 of ¼ and one of −¼, over
    100 squares of ¼ make r = 0.97.
    """
    share = share_of([True] * 50 + [False] * 50)
    assert (50, 100) == (share.kept, share.total)
    assert pytest.approx(100 * (1 - 0.97) / (1 + 0.97)) == share.worth


@pytest.mark.parametrize("kept", [[True] * 8, [False] * 8, [True, False] * 4], ids=["all", "none", "in turns"])
def test_requests_that_do_not_cluster_are_worth_what_they_are(kept: list[bool]) -> None:
    """No more than that either, and where all are alike nothing is known."""
    assert 8 == share_of(kept).worth

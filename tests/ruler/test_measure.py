"""The ruler itself: what it says of a client is what the client did."""

from dataclasses import replace

import pytest

from tests.records import MS, S, a_record, a_run
from thorexp.ruler.__main__ import HEADING, cores, in_a_process, row
from thorexp.ruler.measure import Error, Figures, Task, compare
from thorexp.ruler.server import Served

TASK = Task(1, 2, 3, ttft_ms=20.0, itl_ms=20.0, client_core=None, server_core=None)


def some_figures(*late_ns: tuple[int, int, int], end_ns: int = S) -> Figures:
    """Two requests of three tokens, sent 1 ms before they arrived, whose tokens are seen so late."""
    true_ns = [(at, at + 20 * MS, at + 40 * MS) for at in (20 * MS, 120 * MS)]
    served = {i: Served(i, ns[0] - 20 * MS, list(ns)) for i, ns in enumerate(true_ns)}
    records = [
        a_record(
            index=i,
            sent_ns=served[i].arrived_ns - MS,
            token_ns=tuple(true + late for true, late in zip(true_ns[i], late_ns[i], strict=True)),
        )
        for i in range(2)
    ]
    return compare(replace(a_run(*records, end_ns=end_ns), cpu_share=0.000060), served, TASK, peak_mb=60.0)


def test_ttft_errs_by_the_way_and_the_lateness_of_the_first_token() -> None:
    """1 ms to the server, then 2 and 4 ms until the first token was seen."""
    figures = some_figures((2 * MS, 0, 0), (4 * MS, 0, 0))
    assert ((3 + 5) / 2, 20.0) == (figures.ttft.mean, figures.true_ttft_ms)


def test_itl_errs_by_the_change_of_lateness() -> None:
    """Of four gaps one is seen 3 ms too short, one 3 ms too long."""
    figures = some_figures((3 * MS, 0, 0), (0, 0, 3 * MS))
    assert figures.itl is not None
    assert (3 + 0 + 0 + 3) / 4 == figures.itl.mean


def test_a_client_that_loses_no_time_has_the_whole_rate() -> None:
    """Two requests of 60 ms by one stream in 120 ms; in 240 ms it is half."""
    assert [1.0, 0.5] == [pytest.approx(some_figures((0, 0, 0), (0, 0, 0), end_ns=ms * MS).rate) for ms in (120, 240)]


def test_cpu_is_shared_out_over_tokens() -> None:
    """60 us for two requests of three tokens."""
    assert 60 / (2 * 3) == pytest.approx(some_figures((0, 0, 0), (0, 0, 0)).cpu_us)


def test_a_request_that_failed_ends_the_ruler() -> None:
    """It measures nothing, and says why."""
    failed = a_run(a_record(error="HTTP 500"))
    with pytest.raises(SystemExit, match="HTTP 500"):
        compare(failed, {}, TASK, peak_mb=60.0)


def test_a_load_is_played_and_measured_in_a_process_of_its_own() -> None:
    """The server's own TTFT is what was asked for and a little more; tokens are seen after they were written."""
    figures = in_a_process(Task(4, 2, 8, 20.0, 5.0, *cores()))
    assert figures.true_ttft_ms >= 20.0
    assert figures.ttft.mean > 0
    assert 0 < figures.rate <= 1.001
    assert figures.cpu_us > 0
    assert figures.peak_mb > 10


def test_a_row_stands_below_its_heading() -> None:
    """Also where a load of one token has no gaps."""
    figures = Figures(Error(0.1, 0.2), None, 20.0, 0.98, 9.5, 60.0)
    assert len(HEADING) == len(row(1024, figures))
    assert ["1024", "0.100", "0.200", "-", "-", "98.0", "%", "9.5", "us", "60", "MB"] == row(1024, figures).split()

"""How near a run came to what its hardware can do, as a figure."""

from dataclasses import asdict, replace
from typing import Any

from tests.html.kept import as_drawn
from thorexp.html.blocks import Figure
from thorexp.html.roofline_position import roofline_position
from thorexp.measure.limits import Against, Limit, Utilization
from thorexp.measure.position import Position, Work

USED = Utilization(mfu=0.25, mbu=0.8)
# A board that computes 200 TFLOP/s and reads 250 GB/s: prefill at a quarter of it, decode at four fifths.
POSITION = Position(
    200e12,
    250e9,
    prefill=Work(100e12, 20e9, took_ms=2000),
    decode=Work(0.4e12, 20e9, took_ms=100),
    against=(Against("median TTFT", 2000, Limit(500, "100.00 TFLOP at 200 TFLOP/s")),),
)


def drawn(used: Utilization = USED, position: Position | None = POSITION) -> Figure:
    figure = roofline_position(a_summary(used, position))
    assert figure is not None
    return figure


def a_summary(used: Utilization, position: Position | None) -> dict[str, Any]:
    kept = {} if position is None else {"position": asdict(position)}
    return dict(as_drawn({"utilization": asdict(used)} | kept))


def named(figure: Figure) -> dict[str, Any]:
    return {trace["name"]: trace for trace in figure.data if "name" in trace}


def test_shares_of_the_limit_are_bars() -> None:
    """A quarter and four fifths, in %, also as text."""
    bars = drawn().data[0]
    assert (["prefill, MFU", "decode, MBU"], [25, 80], ["25 %", "80 %"]) == (bars["y"], bars["x"], bars["text"])


def test_a_mixture_of_experts_has_a_bar_more() -> None:
    """For experts that are hit evenly: the truth lies between the two."""
    assert 3 == len(drawn(replace(USED, mbu_uniform=0.9)).data[0]["x"])


def test_work_lies_below_the_roof() -> None:
    """Prefill: 100 TFLOP of 20 GB in 2 s. Decode: 0.4 TFLOP of 20 GB in 0.1 s."""
    points = named(drawn())
    assert (5000, 50) == (points["prefill"]["x"][0], points["prefill"]["y"][0])
    assert (20, 4) == (points["decode"]["x"][0], points["decode"]["y"][0])


def test_the_roof_has_its_ridge_where_reading_takes_as_long_as_computing() -> None:
    """200 TFLOP/s by 250 GB/s are 800 FLOP/byte; at 20 / 4 reading allows 250 G · 5 = 1.25 TFLOP/s."""
    roof = named(drawn())["the board's limit"]
    assert ([20 / 4, 800, 5000 * 4], [1.25, 200, 200]) == (roof["x"], roof["y"])


def test_a_latency_stands_beside_the_least_possible() -> None:
    """In the table and in words."""
    figure = drawn()
    assert figure.table is not None
    assert (("median TTFT", "2000", "500", "4 times", "100.00 TFLOP at 200 TFLOP/s"),) == figure.table.rows
    assert "median TTFT 2000 ms, 4 times the least possible 500 ms." in figure.description


def test_of_an_older_record_the_shares_are_known() -> None:
    """And no roof."""
    figure = drawn(position=None)
    assert (1, None, False) == (len(figure.data), figure.table, "xaxis2" in figure.layout)


def test_of_an_unknown_board_there_is_no_figure() -> None:
    """Nothing to compare with."""
    unknown = replace(POSITION, peak_flops_s=None, bandwidth_bytes_s=None, against=())
    assert roofline_position(a_summary(Utilization(), unknown)) is None
    assert roofline_position({}) is None

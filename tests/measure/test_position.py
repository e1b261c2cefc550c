"""Where a run stands below the roofline of its hardware, of the model that is counted on paper."""

import json
from dataclasses import asdict, replace

import pytest

from tests.measure.test_limits import PAPER, UNKNOWN
from tests.records import S, a_failure, a_record, a_summary
from thorexp.measure.limits import Decoding, Roofline
from thorexp.measure.metrics import Summary
from thorexp.measure.position import Position, Work, from_json, position

# 2 s to the first token, then 4 s a token.
RAN = a_summary(a_record(token_ns=(2 * S, 6 * S, 10 * S), output_tokens=3))
ONE_AT_ONCE = Decoding(at_once=1.0, context=5.0)


def placed(
    summary: Summary = RAN,
    roofline: Roofline = PAPER,
    prefilled: float | None = 10.0,
    decoding: Decoding | None = ONE_AT_ONCE,
) -> Position:
    return position(summary, roofline, prefilled=prefilled, decoding=decoding)


def test_a_prefill_is_the_work_of_its_tokens() -> None:
    """10 tokens of 1000 FLOP, which read 700 bytes of weights and write 10 · 20 of KV."""
    assert Work(10 * 1000, 700 + 10 * 20, 2000) == placed().prefill


def test_a_step_of_decode_is_the_work_of_its_sequences() -> None:
    """A token each; weights are read once, and the KV of 5 tokens of each."""
    assert Work(1000, 700 + 5 * 20, 4000) == placed().decode
    assert Work(3 * 1000, 700 + 3 * 5 * 20, 4000) == placed(decoding=Decoding(3.0, 5.0)).decode


def test_work_has_an_intensity_and_a_speed() -> None:
    """Its place in a roofline: FLOP per byte, and per second."""
    work = Work(1000, 800, 4000)
    assert (1000 / 800, 1000 / 4) == (work.intensity, work.flops_s)


def test_latencies_stand_beside_their_limits() -> None:
    """Ten tokens at 100 ms of computing each; 800 bytes at 1000 a second."""
    told = [(each.what, each.measured_ms, each.limit.ms) for each in placed().against]
    assert [("median TTFT", 2000, 10 * 100), ("median TPOT", 4000, 800)] == told


def test_of_an_unknown_board_the_work_is_known() -> None:
    """And no limit."""
    unknown = placed(roofline=replace(PAPER, board=UNKNOWN))
    assert (None, None, ()) == (unknown.peak_flops_s, unknown.bandwidth_bytes_s, unknown.against)
    assert placed().prefill == unknown.prefill


@pytest.mark.parametrize("prefilled", [None, 0.0])
def test_without_tokens_there_is_no_prefill(prefilled: float | None) -> None:
    """Nobody counted them, or a cache held all."""
    told = placed(prefilled=prefilled)
    assert (None, ["median TPOT"]) == (told.prefill, [each.what for each in told.against])


def test_without_a_success_nothing_has_a_place() -> None:
    """The board's figures stand alone."""
    told = placed(a_summary(a_failure()), decoding=None)
    assert Position(10_000.0, 1000.0, None, None, ()) == told


@pytest.mark.parametrize("told", [placed(), placed(decoding=None, prefilled=None)])
def test_a_position_is_read_back(told: Position) -> None:
    """From the JSON that keeps it."""
    assert told == from_json(json.loads(json.dumps(asdict(told))))

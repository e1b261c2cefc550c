"""Where a run stands below the roofline of its hardware."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from thorexp.measure.limits import Against, Decoding, Limit, Roofline
from thorexp.measure.metrics import Summary
from thorexp.measure.roofline import decode_step_bytes, prefill_bytes, prefill_flops


@dataclass(frozen=True, slots=True)
class Work:
    """A prompt's prefill, or a step of decode: FLOP and bytes that it cannot do without, and the ms that it took."""

    flops: float
    moved_bytes: float
    took_ms: float

    @property
    def intensity(self) -> float:
        """In FLOP/byte."""
        return self.flops / self.moved_bytes

    @property
    def flops_s(self) -> float:
        """What was reached of the peak."""
        return self.flops / (self.took_ms / 1000)


@dataclass(frozen=True, slots=True)
class Position:
    """A run's median prefill and decode. `against`: TTFT and TPOT beside their limits, those that are known.

    Peak and bandwidth are absent where the board's are unknown, the work where nobody counted its tokens.
    """

    peak_flops_s: float | None
    bandwidth_bytes_s: float | None
    prefill: Work | None
    decode: Work | None
    against: tuple[Against, ...]


def position(summary: Summary, roofline: Roofline, *, prefilled: float | None, decoding: Decoding | None) -> Position:
    """Of a run. `prefilled`: tokens of a mean prompt that were computed, absent where nobody knows."""
    return Position(
        roofline.board.peak_flops_s,
        roofline.board.bandwidth_bytes_s,
        _prefill(summary, roofline, prefilled),
        _decode(summary, roofline, decoding),
        tuple(_against(summary, roofline, prefilled, decoding)),
    )


def from_json(values: Mapping[str, Any]) -> Position:
    """What `asdict` makes of one, read back."""
    prefill, decode = (None if values[name] is None else Work(**values[name]) for name in ("prefill", "decode"))
    against = tuple(Against(each["what"], each["measured_ms"], Limit(**each["limit"])) for each in values["against"])
    return Position(values["peak_flops_s"], values["bandwidth_bytes_s"], prefill, decode, against)


def _prefill(summary: Summary, roofline: Roofline, prefilled: float | None) -> Work | None:
    if summary.ttft_ms is None or not prefilled or summary.ttft_ms.median <= 0:
        return None
    model = roofline.model
    moved = prefill_bytes(model, roofline.precision, prefilled)
    return Work(prefill_flops(model, prefilled), moved, summary.ttft_ms.median)


def _decode(summary: Summary, roofline: Roofline, decoding: Decoding | None) -> Work | None:
    """The step of the median gap; each sequence adds the FLOP of one token."""
    if summary.itl_ms is None or decoding is None or summary.itl_ms.median <= 0:
        return None
    model, batch = roofline.model, roofline.batch_of(decoding)
    moved = decode_step_bytes(model, roofline.precision, batch, decoding.context)
    return Work(prefill_flops(model, batch), moved, summary.itl_ms.median)


def _against(summary: Summary, roofline: Roofline, prefilled: float | None, decoding: Decoding | None) -> list[Against]:
    limits = (
        ("median TTFT", summary.ttft_ms, roofline.prefill(prefilled or 0)),
        ("median TPOT", summary.tpot_ms, None if decoding is None else roofline.decode(decoding.context)),
    )
    return [
        Against(what, sample.median, limit)
        for what, sample, limit in limits
        if sample is not None and limit is not None
    ]

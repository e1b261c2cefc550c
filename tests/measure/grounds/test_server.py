"""What the server did beside serving, as it says itself."""

import pytest

from thorexp.measure.grounds.server import (
    OtherLoad,
    known_problem,
    kv_cache_full,
    other_load,
    preemptions,
    server_queue,
    simulation_late,
    slow_kernels,
)


def test_preemptions_are_suspect() -> None:
    """Any at all: what was computed twice is in every time but that of the first token."""
    reason = preemptions(1)
    assert reason is not None
    assert ("preemptions", "SUSPECT") == (reason.name, reason.standing)
    assert ("tpot", "itl", "e2el", "throughput", "goodput", "tokens_per_s", "energy") == reason.metrics
    assert "1 preemptions for lack of KV cache" == reason.evidence
    assert "engine.max_num_seqs" in reason.remedy


@pytest.mark.parametrize("count", [0, None])
def test_without_preemptions_a_server_is_believed(count: int | None) -> None:
    """None happened, or nobody counted."""
    assert preemptions(count) is None


def test_a_full_kv_cache_is_suspect() -> None:
    """99 % of it is beyond 98: requests wait for the end of others."""
    reason = kv_cache_full(0.99, 0.98)
    assert reason is not None
    assert ("kv_cache_full", "SUSPECT") == (reason.name, reason.standing)
    assert ("ttft", "e2el", "throughput", "goodput", "tokens_per_s", "energy") == reason.metrics
    assert "99 % of the KV cache was in use" == reason.evidence
    assert "engine.gpu_memory_utilization" in reason.remedy


@pytest.mark.parametrize("share", [0.98, 0.5, None])
def test_a_kv_cache_with_room_is_believed(share: float | None) -> None:
    """98 % is what is still believed; also where the server does not say."""
    assert kv_cache_full(share, 0.98) is None


def test_a_ttft_that_is_mostly_waiting_is_suspect() -> None:
    """51 of 100 ms were spent in the queue."""
    reason = server_queue(51.0, 100.0, 0.5)
    assert reason is not None
    assert ("server_queue", "SUSPECT", ("ttft", "e2el")) == (reason.name, reason.standing, reason.metrics)
    assert "requests waited 51.0 ms in the server's queue; mean TTFT 100.0 ms" == reason.evidence
    assert "load.max_concurrency" in reason.remedy


@pytest.mark.parametrize(
    ("queue_ms", "ttft_ms"), [(50.0, 100.0), (0.0, 100.0), (None, 100.0), (51.0, None), (None, None)]
)
def test_a_ttft_that_is_mostly_prefill_is_believed(queue_ms: float | None, ttft_ms: float | None) -> None:
    """Up to half of it in the queue, and where either is not known."""
    assert server_queue(queue_ms, ttft_ms, 0.5) is None


def test_slow_kernels_are_suspect() -> None:
    """Each line of the log is told, a remedy that they share once."""
    lines = [("no tuned config for E=128", "tune it"), ("falls back to Marlin", "tune it"), ("eager", "no eager")]
    reason = slow_kernels(lines)
    assert reason is not None
    assert ("slow_kernels", "SUSPECT", ("all",)) == (reason.name, reason.standing, reason.metrics)
    assert "no tuned config for E=128; falls back to Marlin; eager" == reason.evidence
    assert "tune it; no eager" == reason.remedy


def test_a_log_that_says_nothing_of_kernels_is_believed() -> None:
    """Nor does one that nobody sees accuse anybody."""
    assert slow_kernels(()) is None


def test_a_known_problem_is_suspect() -> None:
    """All figures of a version that may compute nothing on this board."""
    reason = known_problem([("FP8 before 0.20 may compute nothing", "a newer vLLM"), ("another", "a newer vLLM")])
    assert reason is not None
    assert ("known_problem", "SUSPECT", ("all",)) == (reason.name, reason.standing, reason.metrics)
    assert ("FP8 before 0.20 may compute nothing; another", "a newer vLLM") == (reason.evidence, reason.remedy)


def test_a_server_without_a_known_problem_is_believed() -> None:
    """Its version may not even be known."""
    assert known_problem(()) is None


def test_a_simulation_that_is_late_is_suspect() -> None:
    """A fifth of its time, where a tenth is believed: no number is as it says itself."""
    reason = simulation_late(0.2, 0.1)
    assert reason is not None
    assert ("simulation_late", "SUSPECT", ("all",)) == (reason.name, reason.standing, reason.metrics)
    assert "steps of the simulation were 20 % of their time late" == reason.evidence
    assert "server.speedup" in reason.remedy


@pytest.mark.parametrize("share", [0.1, 0.0, None])
def test_a_simulation_in_time_is_believed(share: float | None) -> None:
    """Up to a tenth, and of what is no simulation nobody asks."""
    assert simulation_late(share, 0.1) is None


@pytest.mark.parametrize(
    ("others", "evidence"),
    [
        (OtherLoad(before=2, after=0), "2 requests of others were under way before the load"),
        (OtherLoad(before=0, after=1), "1 requests of others were under way after the load"),
        (OtherLoad(answered=5, sent=3), "5 requests were answered meanwhile, of which 3 are ours"),
        (
            OtherLoad(before=2, after=1, answered=5, sent=3),
            "2 requests of others were under way before the load, 1 after it; "
            "5 requests were answered meanwhile, of which 3 are ours",
        ),
    ],
)
def test_a_server_that_others_ask_too_is_suspect(others: OtherLoad, evidence: str) -> None:
    """All of its figures: steps are shared."""
    reason = other_load(others)
    assert reason is not None
    assert ("other_load", "SUSPECT", ("all",), evidence) == (
        reason.name, reason.standing, reason.metrics, reason.evidence,
    )  # fmt: skip


@pytest.mark.parametrize(
    "others", [OtherLoad(), OtherLoad(0, 0, 3, 3), OtherLoad(0, 0, 2, 3), OtherLoad(None, None, 3, 3)]
)
def test_a_server_that_nobody_else_asks_is_believed(others: OtherLoad) -> None:
    """It may have counted less than was sent: of what was given up nobody hears."""
    assert other_load(others) is None

"""One point of a search, whose probes a test plays."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tests.records import BELIEVED, MS, S, a_failure, a_record
from tests.sweep.makers import CACHED, FEW, FINISHED, a_failed_point, a_point
from tests.sweep.test_slo_probe import asked
from thorexp.measure.records import RequestRecord
from thorexp.measure.share import Share
from thorexp.measure.verdict import Reason
from thorexp.results.summary import Point
from thorexp.rundir import CONFIG, REQUESTS, SUMMARY, RunDir
from thorexp.sweep.slo_found import Found
from thorexp.sweep.slo_search import SearchedPoint

FAILED = Reason("failed_requests", "INVALID", ("all",), "30 of 100 requests failed", "a lower load")
DIED = "The server died."


def values_of(words: Sequence[str]) -> dict[str, str]:
    return dict(word.split("=", 1) for word in words)


def request(i: int, tpot_ms: int) -> RequestRecord:
    """Of three tokens."""
    token_ns = tuple(i * MS + 10 + tpot_ms * MS * k for k in range(3))
    return a_record(index=i, sent_ns=i * MS, released_ns=i * MS, token_ns=token_ns, output_tokens=3)


class Board:
    """Plays probes: of those that count so many percent keep 100 ms a token, by their concurrency."""

    def __init__(self, folder: Path, percent: Mapping[float, int], otherwise: int = 100) -> None:
        self.folder = folder
        self.percent = percent
        self.otherwise = otherwise
        self.reasons: dict[float, tuple[Reason, ...]] = {}
        self.stopped: dict[float, str] = {}
        self.failing = 0  # of the last requests
        self.dies_from = math.inf
        self.refuses_from = math.inf
        self.probes: list[float] = []
        self.accept: list[str] = []

    def play(self, words: Sequence[str]) -> tuple[Point, ...]:
        asked_for = values_of(words)
        value, count, before = (float(asked_for[f"load.{key}"]) for key in KEYS)
        self.probes.append(value)
        if value >= self.refuses_from:
            return (a_failed_point(*words, error="It does not fit."),)
        believed = replace(BELIEVED, accept=self.accept)
        point = a_point(self.folder, *words, result={}, reasons=self.reasons.get(value, ()), now=believed)
        assert point.directory is not None
        run_dir = RunDir(point.directory)
        if value >= self.dies_from:
            run_dir.complete(replace(FINISHED, status="failed", error=DIED, measure_s=1.0))
            return (replace(point, state="failed", error=f"{DIED}\n  log  server.log"),)
        self._keep(run_dir, value, int(count), int(before))
        return (point,)

    def _keep(self, run_dir: RunDir, value: float, count: int, before: int) -> None:
        """Misses are spread evenly, and all that do not count miss."""
        percent = self.percent.get(value, self.otherwise)
        fast = [i >= before and (i * percent) // 100 != ((i + 1) * percent) // 100 for i in range(count)]
        played = [request(i, 50 if each else 200) for i, each in enumerate(fast)]
        for i in range(count - self.failing, count):
            played[i] = a_failure(index=i, sent_ns=i * MS, released_ns=i * MS)
        run_dir.write_jsonl(REQUESTS, map(asdict, played))
        exclusion = f"exclude_first: {before}, exclude_first_s: 0.0, exclude_last: 0, exclude_last_s: 0.0"
        run_dir.write_text(CONFIG, f"load: {{{exclusion}}}\n")
        run_dir.write_json(SUMMARY, {"load_ns": [before * MS, 10 * S], "summary": {"stopped": self.stopped.get(value)}})


KEYS = ("max_concurrency", "num_prompts", "exclude_first")


def searched(board: Board, *words: str) -> Found:
    """By the search that is shipped, but for what is typed."""
    config, search = asked(*words)
    return SearchedPoint("model=a", (), config, search).searched(board.play)


def above(limit: float) -> dict[float, int]:
    """All miss above that many at once."""
    return {value: 0 for value in range(1, 100) if value > limit}


def test_the_edge_is_found(tmp_path: Path) -> None:
    """34 keeps and 35 does not, each of 8 requests a stream behind the first burst."""
    found = searched(board := Board(tmp_path, above(34)))
    assert [8, 16, 32, 64, 45, 38, 35, 33, 34] == board.probes
    assert (
        "model=a: max_concurrency 34 keeps the SLO (100.0 % [98.6, 100.0] of 272 requests), "
        "35 does not (0.0 % [0.0, 1.4] of 280 requests); 9 probes"
    ) == str(found)
    assert (False, None) == (found.broken, found.unfinished)


def test_a_probe_that_decides_nothing_is_played_again_and_counted_together(tmp_path: Path) -> None:
    """98 of 100 are 95 % or not; 294 of 300 are more: [95.7, 99.1]."""
    found = searched(board := Board(tmp_path, {8: 98, 16: 0, 11: 0, 9: 0}))
    assert [8, 8, 16, 11, 9] == board.probes
    (first, *_) = found.tried
    assert (Share(294, 300, 300), 2, False, True) == (first.share, first.probes, first.undecided, first.holds)


def test_what_stays_undecided_is_decided_by_its_share_and_said(tmp_path: Path) -> None:
    """96 % of 300 keep: [93.1, 97.7]."""
    found = searched(Board(tmp_path, {8: 96, 16: 0, 11: 0, 9: 0}))
    assert (
        "max_concurrency 8 keeps the SLO (96.0 % [93.1, 97.7] of 300 requests; undecided, by the share alone)"
        in str(found)
    )


def test_nothing_is_played_again_that_others_need(tmp_path: Path) -> None:
    """With all undecided, 12 probes are spent on more values than 6."""
    found = searched(board := Board(tmp_path, above(34), otherwise=96))
    assert (12, 34, 35) == (len(board.probes), found.best and found.best.value, found.miss and found.miss.value)


def test_a_server_that_dies_has_missed(tmp_path: Path) -> None:
    """From 20 at once on, with the headline of why."""
    board = Board(tmp_path, {})
    board.dies_from = 20
    found = searched(board)
    assert (19, 20) == (found.best and found.best.value, found.miss and found.miss.value)
    assert f"20 does not (failed: {DIED})" in str(found)


@pytest.mark.parametrize(("begin", "probes"), [(1, 1), (16, 2)], ids=["at once", "later"])
def test_without_a_server_the_search_ends(tmp_path: Path, begin: int, probes: int) -> None:
    """Nothing was missed by a load that was never played; what is known by then is said."""
    board = Board(tmp_path, {})
    board.refuses_from = begin
    found = searched(board)
    assert (probes, True) == (len(board.probes), found.broken)
    assert f"ended at {max(begin, 8)}: It does not fit." in str(found)


def test_an_invalid_probe_ends_the_search_with_its_reason(tmp_path: Path) -> None:
    """A number that is not believed decides nothing."""
    board = Board(tmp_path, {})
    board.reasons[16] = (CACHED,)
    found = searched(board)
    assert ([8, 16], True, 8) == (board.probes, found.broken, found.best and found.best.value)
    assert "ended at 16: INVALID, prefix_cache_hits: 96 of 128 prompt tokens; try: another seed" in str(found)


def test_an_accepted_cause_ends_nothing(tmp_path: Path) -> None:
    """The same probe counts with verdict.accept."""
    board = Board(tmp_path, above(16))
    board.reasons[16], board.accept = (CACHED,), ["prefix_cache_hits"]
    assert (16, False) == ((found := searched(board)).best and found.best.value, found.broken)


def test_requests_that_fail_miss_the_slo(tmp_path: Path) -> None:
    """A result that is INVALID for them is one that misses, and ends nothing."""
    board = Board(tmp_path, above(15))
    board.reasons[16] = (FAILED,)
    found = searched(board)
    assert (False, 15, 16) == (found.broken, found.best and found.best.value, found.miss and found.miss.value)


def test_a_load_that_was_given_up_has_missed(tmp_path: Path) -> None:
    """Whatever the share of what was played."""
    board = Board(tmp_path, {})
    board.stopped[16] = "30 of 144 requests missed the SLO, load.stop_when.goodput=0.8444"
    found = searched(board, "load.search.most=16")
    assert ["given up: 30 of 144 requests missed the SLO"] == [str(each) for each in found.tried if each.value == 16]


def test_doubts_are_told_beside_the_share(tmp_path: Path) -> None:
    """But for those that are not about it: a percentile of few values."""
    board = Board(tmp_path, {})
    board.reasons[8] = (FEW, Reason("client_lag", "SUSPECT", ("ttft",), "1 ms", "a core"))
    assert "of 100 requests; SUSPECT: client_lag); 1 probe" in str(searched(board, "load.search.most=8"))


def test_the_limits_of_a_search_are_said(tmp_path: Path) -> None:
    """Not even 1 keeps it; the largest that was tried keeps it; the probes are used up."""
    for name in ("low", "high", "short"):
        (tmp_path / name).mkdir()
    low = searched(Board(tmp_path / "low", {}, otherwise=0))
    high = searched(Board(tmp_path / "high", {}), "load.search.most=16")
    short = searched(Board(tmp_path / "short", {}), "load.search.max_probes=2")
    assert "not even max_concurrency 1 keeps the SLO (0.0 %" in str(low)
    assert "max_concurrency 16, the highest that was tried, keeps the SLO (100.0 %" in str(high)
    assert "not known to 5 %: load.search.max_probes=2 are used up; 2 probes" in str(short)


def test_failed_requests_count_as_misses(tmp_path: Path) -> None:
    """The last 10 of 100 that count: 90 % keep."""
    board = Board(tmp_path, {})
    board.failing = 10
    (told,) = searched(board, "load.search.max_probes=1").tried
    assert (90, 100, False) == (told.share and told.share.kept, told.share and told.share.total, told.holds)

"""How long a sweep will take."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.records import a_record, a_summary
from tests.sweep.makers import FINISHED, SWEEP, a_job, a_run_dir
from thorexp.capacity import Capacity
from thorexp.prediction import Forecast
from thorexp.rundir import RECORD, RunDir
from thorexp.sweep.estimate import Estimate, History, history, measure_time, pace_of, sweep_time

NOTHING = History({}, {})


def floor(seconds: float) -> Capacity:
    """A load whose least possible time is known."""
    return Capacity(fit=None, floor_s=seconds)


def measured(**seconds: float) -> History:
    """Points that were measured before."""
    return History(seconds, {})


def test_a_measured_point_takes_as_long_as_it_took() -> None:
    """Whatever the roofline says."""
    assert Estimate(90.0, at_least=False) == measure_time(a_job("p", needs=floor(10.0)), measured(p=90.0), pace=2.0)


def test_a_point_takes_as_long_as_its_other_repeat_took() -> None:
    """Repeats differ by their seed alone."""
    repeat = a_job("p1", base="p", repeat=1, needs=floor(10.0))
    assert Estimate(90.0, at_least=False) == measure_time(repeat, measured(p=90.0), pace=None)


def test_a_points_own_time_stands_before_that_of_its_other_repeat() -> None:
    """Its own record is the nearer one."""
    repeat = a_job("p1", base="p", repeat=1)
    assert 80.0 == measure_time(repeat, measured(p=90.0, p1=80.0), pace=None).seconds


def test_a_point_that_was_never_measured_takes_its_floor_at_least() -> None:
    """The limit of the hardware."""
    assert Estimate(10.0, at_least=True) == measure_time(a_job("p", needs=floor(10.0)), NOTHING, pace=None)


def test_a_pace_makes_a_guess_of_a_floor() -> None:
    """Points that took three times their floor say what others will take."""
    assert Estimate(3 * 10.0, at_least=False) == measure_time(a_job("p", needs=floor(10.0)), NOTHING, pace=3.0)


def test_what_nobody_knows_is_not_known() -> None:
    """Neither a record nor a floor."""
    assert "not known" == str(measure_time(a_job("p"), NOTHING, pace=3.0))


def test_a_pace_is_the_middle_of_what_was_measured() -> None:
    """20, 90 and 40 s of 10 s each are a pace of 4; a job without a floor or a record has none."""
    jobs = [a_job(name, needs=floor(10.0)) for name in "abcd"]
    known = measured(a=20.0, b=90.0, c=40.0, e=1.0)
    assert 40 / 10 == pace_of([*jobs, a_job("e")], known)


@pytest.mark.parametrize("known", [NOTHING, measured(q=20.0)])
def test_no_measured_job_no_pace(known: History) -> None:
    """Absent, not one."""
    assert pace_of([a_job("p", needs=floor(10.0))], known) is None


def test_a_sweep_takes_its_loads_and_its_server_starts() -> None:
    """Two loads on one server of a, one on one of b: two starts."""
    jobs = [a_job("p"), a_job("q"), a_job("r", server="server of b", model="b")]
    known = History({"p": 60.0, "q": 30.0, "r": 10.0}, {"a": 100.0, "b": 200.0})
    assert Estimate(60 + 30 + 10 + 100 + 200, at_least=False) == sweep_time(jobs, known)


def test_a_sweep_pauses_between_its_jobs() -> None:
    """Three jobs have two pauses between them."""
    jobs = [a_job(name, sweep=replace(SWEEP, cooldown_s=7.0)) for name in "pqr"]
    known = History({"p": 60.0, "q": 60.0, "r": 60.0}, {"a": 100.0})
    assert Estimate(3 * 60 + 100 + 2 * 7, at_least=False) == sweep_time(jobs, known)


def test_a_board_that_has_to_cool_down_takes_it_longer() -> None:
    """Nobody knows how long."""
    jobs = [a_job(name, sweep=replace(SWEEP, cooldown_below_c=50.0)) for name in "pq"]
    assert Estimate(60 + 60 + 100, at_least=True) == sweep_time(jobs, History({"p": 60.0, "q": 60.0}, {"a": 100.0}))


def test_a_server_that_never_started_is_left_out() -> None:
    """The sweep takes at least the rest."""
    assert Estimate(60.0, at_least=True) == sweep_time([a_job("p")], measured(p=60.0))


def test_measured_points_set_the_pace_of_the_others() -> None:
    """p took 30 s of 10 s, so q takes 3 x 20 s."""
    jobs = [a_job("p", needs=floor(10.0)), a_job("q", needs=floor(20.0))]
    assert Estimate(30 + 3 * 20 + 100, at_least=False) == sweep_time(jobs, History({"p": 30.0}, {"a": 100.0}))


def test_no_job_takes_no_time() -> None:
    """A sweep that is done."""
    assert Estimate(0, at_least=False) == sweep_time([], NOTHING)


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        (Estimate(8.4, at_least=False), "about 8 s"),
        (Estimate(41 * 60, at_least=True), "at least 41 min"),
        (Estimate(2 * 3600 + 5 * 60, at_least=False), "about 2 h 5 min"),
        (Estimate(0.0, at_least=True), "not known"),
        (Estimate(0.0, at_least=False), "about 0 s"),
        (Estimate(8.4, at_least=False, simulated=True), "about 8 s~"),
    ],
)
def test_an_estimate_says_how_sure_it_is(estimate: Estimate, words: str) -> None:
    """In words that a person reads."""
    assert words == str(estimate)


def test_a_history_is_of_all_records_below(tmp_path: Path) -> None:
    """Of loads by their point, of servers by their model."""
    a_run_dir(tmp_path / "yesterday" / "0", "p", measure_s=60.0, server_start_s=100.0)
    a_run_dir(tmp_path / "today" / "0", "q", measure_s=30.0)
    assert History({"p": 60.0, "q": 30.0}, {"a": 100.0}) == history(tmp_path)


def test_the_latest_record_counts(tmp_path: Path) -> None:
    """By when it ended, not by where it lies."""
    a_run_dir(tmp_path / "sweep" / "a", "p", ended_at=2.0, measure_s=20.0)
    a_run_dir(tmp_path / "sweep" / "b", "p", ended_at=1.0, measure_s=10.0)
    assert {"p": 20.0} == history(tmp_path).measures


def test_a_load_that_failed_says_nothing_of_one_that_does_not(tmp_path: Path) -> None:
    """A server that died after a second would promise a sweep of seconds."""
    a_run_dir(tmp_path / "sweep" / "a", "p", ended_at=1.0, measure_s=60.0)
    a_run_dir(tmp_path / "sweep" / "b", "p", ended_at=2.0, measure_s=1.0, status="failed", error="It died.")
    assert {"p": 60.0} == history(tmp_path).measures


def test_what_cannot_be_read_is_no_history(tmp_path: Path) -> None:
    """The rest is one."""
    RunDir(tmp_path / "sweep" / "0").write_text(RECORD, "{")
    a_run_dir(tmp_path / "sweep" / "1", "p", measure_s=60.0)
    assert {"p": 60.0} == history(tmp_path).measures


def test_there_is_no_history_before_the_first_sweep(tmp_path: Path) -> None:
    """Not even a folder."""
    assert NOTHING == history(tmp_path / "outputs")


@pytest.mark.parametrize(
    ("record", "measures", "starts"),
    [
        ({"measure_s": 50.0, "server_start_s": 90.0}, {"p": 50.0, "p1": 50.0}, {"a": 90.0}),
        ({"measure_s": 50.0}, {"p": 50.0, "p1": 50.0}, {"a": 100.0}),
        ({}, {"p": 60.0}, {"a": 100.0}),
    ],
    ids=["server started", "server ran", "no server"],
)
def test_a_repeat_that_ended_adds_to_what_is_known(
    record: Mapping[str, Any], measures: Mapping[str, float], starts: Mapping[str, float]
) -> None:
    """Of its own point and of its base; what it does not tell stays as it was."""
    known = History({"p": 60.0}, {"a": 100.0}).and_also(replace(FINISHED, point="p1", **record), "p")
    assert History(measures, starts) == known


FORECAST = Forecast(40.0, a_summary(a_record()))


def test_a_point_that_was_never_measured_takes_as_long_as_it_is_simulated() -> None:
    """Neither its floor nor the pace of others is as near."""
    job = a_job("p", needs=floor(10.0), forecast=FORECAST)
    assert 2 * [Estimate(40.0, at_least=False, simulated=True)] == [
        measure_time(job, NOTHING, pace) for pace in (None, 3.0)
    ]


def test_what_was_measured_stands_before_what_is_simulated() -> None:
    """It is the nearer one."""
    assert Estimate(90.0, at_least=False) == measure_time(a_job("p", forecast=FORECAST), measured(p=90.0), pace=None)


def test_a_sweep_takes_its_simulated_loads_and_its_server_starts() -> None:
    """One load of 60 s that was measured, one of 40 that is simulated, and one start."""
    jobs = [a_job("p"), a_job("q", forecast=FORECAST)]
    assert Estimate(60 + 40 + 100, at_least=False, simulated=True) == sweep_time(
        jobs, History({"p": 60.0}, {"a": 100.0})
    )


def test_a_simulated_server_says_nothing_of_how_long_one_takes_to_start(tmp_path: Path) -> None:
    """It loads no weights; its load counts for the same point, which is simulated again."""
    simulated = {**FINISHED.tags, "origin": "simulated"}
    a_run_dir(tmp_path / "sweep" / "0", "p", measure_s=60.0, server_start_s=1.0, tags=simulated)
    assert History({"p": 60.0}, {}) == history(tmp_path)


def test_a_simulated_repeat_says_nothing_of_how_long_a_server_takes_to_start() -> None:
    """What was known stays so."""
    record = replace(FINISHED, server_start_s=1.0, tags={**FINISHED.tags, "origin": "simulated"})
    assert History({}, {"a": 100.0}) == History({}, {"a": 100.0}).and_also(record, "p")


def test_a_rehearsal_tells_how_long_a_rehearsal_takes_to_start(tmp_path: Path) -> None:
    """And nothing of the model that it stands for."""
    rehearsed = {**FINISHED.tags, "origin": "rehearsed"}
    a_run_dir(tmp_path / "sweep" / "0", "p", measure_s=5.0, server_start_s=20.0, tags=rehearsed)
    known = history(tmp_path)
    assert History({"p": 5.0}, {"rehearsed a": 20.0}) == known
    assert 5 + 20 == sweep_time([a_job("p", model="a", rehearsed=True)], known).seconds
    assert 5 == sweep_time([a_job("p", model="a")], known).seconds


def test_what_is_simulated_faster_takes_that_much_less() -> None:
    """Forty seconds twenty times as fast; of a floor of ten a half."""
    known, unknown = (a_job("p", needs=floor(10.0), forecast=each, speedup=20.0) for each in (FORECAST, None))
    assert Estimate(40.0 / 20, at_least=False, simulated=True) == measure_time(known, NOTHING, pace=None)
    assert Estimate(10.0 / 20, at_least=True) == measure_time(unknown, NOTHING, pace=None)


def test_a_prediction_takes_no_time() -> None:
    """Whatever its load would take."""
    job = a_job("p", needs=floor(10.0), speedup=math.inf)
    assert Estimate(0.0, at_least=False) == measure_time(job, NOTHING, pace=None)


def test_a_sweep_does_not_wait_for_what_loads_no_model() -> None:
    """Two predictions, and a model that never started here."""
    assert Estimate(0.0, at_least=False) == sweep_time(
        [a_job(name, simulated=True, speedup=math.inf) for name in "pq"], NOTHING
    )


def test_what_was_simulated_sets_no_pace() -> None:
    """Neither of what is to be measured, nor of what is simulated: a pace of the clock is none of a board's."""
    jobs = [a_job(name, needs=floor(10.0), simulated=True, speedup=20.0) for name in "pq"]
    assert pace_of(jobs, measured(p=1.0)) is None
    assert Estimate(10.0 / 20, at_least=True) == measure_time(jobs[1], measured(p=1.0), pace=3.0)

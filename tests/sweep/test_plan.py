"""What a sweep will do, before it does any of it."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.records import MS, a_failure, a_record, a_summary
from tests.sweep.makers import MODELS, WITHOUT_VLLM, a_job, needing
from tests.test_compose import a_tree
from thorexp.capacity import Capacity
from thorexp.compose import job_config
from thorexp.errors import ConfigError
from thorexp.measure.metrics import Slo
from thorexp.prediction import Forecast
from thorexp.prepare import prepare
from thorexp.sweep.estimate import History
from thorexp.sweep.jobs import ComposedJob
from thorexp.sweep.plan import SweepPlan, plan_of_one

MISFIT = ConfigError("b does not fit on cpu.", ("needs", "61.1 GB of weights"), ("try", "a smaller quantization"))


def a_plan(*jobs: ComposedJob, done: Sequence[str] = (), known: History | None = None) -> SweepPlan:
    return SweepPlan(jobs, frozenset(done), Path("outputs/now"), known or History({}, {}))


def cells(plan: str) -> list[list[str]]:
    """Of each row; a name that is longer than its column goes on in the next."""
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in plan.splitlines() if line.startswith("│")]


def row(plan: SweepPlan, name: str) -> list[str]:
    """The cells of a point, by its name."""
    (found,) = (each for each in cells(plan.text()) if f"{each[0]} ".startswith(f"{name} "))
    return found


def of_model(model: str, load: str = "high", **changes: object) -> ComposedJob:
    overrides = (f"model={model}", f"load={load}")
    changes = {"overrides": overrides, "model": model, "server": f"server of {model}", **changes}
    return a_job(f"{model} {load}", **changes)


def repeats(count: int) -> tuple[ComposedJob, ...]:
    return tuple(a_job(f"p{repeat}", base="p0", repeat=repeat) for repeat in range(count))


def test_what_is_done_or_refused_is_not_run() -> None:
    """The rest is, server by server."""
    jobs = [of_model(model, load) for load in ("high", "low") for model in "ab"]
    refused = of_model("c", refused=MISFIT)
    plan = a_plan(*jobs, refused, done=["a low"])
    assert ["a high", "b high", "b low"] == [job.point for job in plan.to_run]


def test_the_title_sums_up() -> None:
    """Three points on two servers, of which one is done and one refused."""
    jobs = (of_model("a"), of_model("a", "low"), of_model("b", refused=MISFIT))
    known = History({"a low": 60.0}, {"a": 120.0})
    title = a_plan(*jobs, done=["a high"], known=known).text().splitlines()[0]
    assert "3 points: 1 done already, 1 to run on 1 server start, 1 refused; about 3 min" == title.rstrip()


def test_a_plan_that_is_done_takes_no_time() -> None:
    """Nothing is left to say of it."""
    title = a_plan(of_model("a"), done=["a high"]).text().splitlines()[0]
    assert "1 point: 1 done already, 0 to run on 0 server starts" == title.rstrip()


def test_the_title_counts_repeats_as_jobs() -> None:
    """One point three times is three jobs."""
    title = a_plan(*repeats(3)).text().splitlines()[0]
    assert "1 point, 3 jobs: 0 done already, 3 to run on 1 server start; not known" == title.rstrip()


@pytest.mark.parametrize(
    ("done", "state"), [((), "to run x 3"), (("p1",), "1 of 3 done"), (("p0", "p1", "p2"), "done x 3")]
)
def test_repeats_are_one_row(done: tuple[str, ...], state: str) -> None:
    """It says how many of them are done."""
    assert state == row(a_plan(*repeats(3), done=done), "a high")[-1]


@pytest.mark.parametrize(("done", "state"), [((), "to run"), (("a high",), "done")])
def test_a_row_says_what_becomes_of_its_point(done: tuple[str, ...], state: str) -> None:
    """Either it is there, or it is to run."""
    assert state == row(a_plan(of_model("a"), of_model("b"), done=done), "a")[-1]


def test_a_row_has_the_memory_that_its_point_needs() -> None:
    """Weights and KV in GB against what the board gives."""
    plan = a_plan(of_model("a", needs=needing(19.32, 2.15, 105.504)), of_model("b"))
    assert (["19.3 + 2.1", "105.5"], ["-", "-"]) == (row(plan, "a")[2:4], row(plan, "b")[2:4])


def test_rows_number_their_servers() -> None:
    """Points that share a server are told by its number."""
    plan = a_plan(of_model("a"), of_model("b"), of_model("a", "low"))
    assert ["1", "2", "1"] == [row(plan, name)[1] for name in ("a high", "b high", "a low")]


def test_a_row_has_the_time_of_its_point() -> None:
    """Measured, or at the pace of what was measured, or at least its floor."""
    jobs = [of_model(model, needs=Capacity(None, floor_s=60.0)) for model in "ab"]
    known = History({"a high": 120.0}, {})
    assert ["about 2 min", "about 2 min"] == [row(a_plan(*jobs, known=known), name)[4] for name in "ab"]
    assert "at least 1 min" == row(a_plan(*jobs), "b")[4]


def test_the_title_takes_what_is_left_at_the_pace_of_what_is_done() -> None:
    """A took twice its floor of 60 s, so b will take 2 x 60 s, as its row says."""
    jobs = [of_model(model, server="one", needs=Capacity(None, floor_s=60.0)) for model in "ab"]
    plan = a_plan(*jobs, done=["a high"], known=History({"a high": 120.0}, {"b": 60.0}))
    assert "about 3 min" in " ".join(plan.text().split()[:24])
    assert "about 2 min" == row(plan, "b")[4]


def test_a_refused_point_says_why() -> None:
    """Once for all its repeats, whole, below the table."""
    jobs = [of_model("b", refused=MISFIT, base="b", repeat=repeat) for repeat in range(3)]
    plan = a_plan(of_model("a"), *jobs)
    assert (1, "refused") == (plan.text().count(str(MISFIT)), row(plan, "b")[-1])


def test_arguments_that_nobody_checked_are_said() -> None:
    """A dry run on a machine without vLLM promises less."""
    assert "they are not checked" in a_plan(of_model("a", unchecked=True)).text()
    assert "they are not checked" not in a_plan(of_model("a")).text()


def test_a_rehearsal_is_said_to_be_one() -> None:
    """In the plan of a sweep as in that of a job."""
    words = (*WITHOUT_VLLM, "rehearse=true")
    told = "A rehearsal: each model is a tiny one of random weights, on a CPU."
    assert told in a_plan(of_model("a", rehearsed=True)).text()
    assert told in plan_of_one(prepare(job_config(a_tree(*words)), frozenset()))
    assert told not in a_plan(of_model("a")).text()


def test_a_table_of_every_model_fits_100_columns() -> None:
    """With the longest name that is shipped, and the longest of everything else, and nothing cut."""
    jobs = [of_model(model, load, needs=needing(119.32, 12.15, 131.9)) for model in MODELS for load in ("high", "low")]
    known = History({job.point: 11 * 3600.0 + 59 * 60 for job in jobs}, {})
    plan = a_plan(*jobs, known=known).text()
    assert max(map(len, plan.splitlines())) <= 100
    assert "…" not in plan
    assert len(jobs) == plan.count("│about 11 h 59 min│")


def test_a_value_in_brackets_is_shown() -> None:
    """Two presets chosen together are written as a list, which is no markup."""
    jobs = [a_job(value, overrides=(f"engine={value}",)) for value in ("[eager,kv_fp8]", "default")]
    assert "[eager,kv_fp8]" == row(a_plan(*jobs), "[eager,kv_fp8]")[0]


def test_a_plan_is_plain_text_wherever_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wish for colours does not put escapes into a file."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in a_plan(of_model("a")).text()


def test_a_job_that_is_no_sweep_has_the_same_table() -> None:
    """Its model, its load, and what the roofline says of it, where the simulator knows nothing."""
    words = (*WITHOUT_VLLM, "load.max_concurrency=1", "quantization.kernels=unknown")
    said = plan_of_one(prepare(job_config(a_tree(*words)), frozenset()))
    assert "model=qwen3_32b_awq load=high" in said
    assert ["1", "19.3 + 2.1", "105.5", "at least 18 s", "to run"] == cells(said)[0][1:]


def test_a_job_that_is_refused_is_so_in_its_table() -> None:
    """The edge raises why."""
    words = (*WITHOUT_VLLM, "model=qwen3_30b_a3b", "hardware=jetson_orin_nx_16gb")
    assert "│refused│" in plan_of_one(prepare(job_config(a_tree(*words)), frozenset()))


HEADS = ["point", "server", "weights + KV GB", "of GB", "time"]


def a_forecast(*, slo: Slo | None = None) -> Forecast:
    """Of a second: four tokens, the first after 120 ms, then one each 30.5; and one request that fails."""
    answered = a_record(
        token_ns=(120 * MS, 150 * MS + 500_000, 181 * MS, 211 * MS + 500_000), output_tokens=4, input_tokens=8
    )
    return Forecast(600.0, a_summary(answered, a_failure(), slo=slo))


def heads(plan: str) -> list[str]:
    (line,) = (line for line in plan.splitlines() if line.startswith("┃"))
    return [cell.strip() for cell in line.strip("┃").split("┃")]


def test_a_forecast_has_columns_of_its_own() -> None:
    """Tokens a second, the medians of TTFT and TPOT in ms, each marked as simulated."""
    plan = a_plan(of_model("a", forecast=a_forecast()))
    assert [*HEADS[1:], "tok/s", "TTFT p50", "TPOT p50", "state"] == heads(plan.text())[1:]
    assert ["4.0~", "120~", "30.5~"] == row(plan, "a")[5:8]
    assert "~ simulated, nothing was measured; times in ms" in plan.text()


def test_a_forecast_has_the_share_that_keeps_the_slo() -> None:
    """Where there is one: of two requests one fails."""
    plan = a_plan(of_model("a", forecast=a_forecast(slo=Slo(ttft_ms=200.0))))
    assert ("in SLO", "50 %~") == (heads(plan.text())[8], row(plan, "a")[8])


def test_a_point_without_a_forecast_has_none_beside_one_that_has() -> None:
    """Absent, not zero."""
    plan = a_plan(of_model("a", forecast=a_forecast(slo=Slo(ttft_ms=200.0))), of_model("b"))
    assert 4 * ["-"] == row(plan, "b")[5:9]


def test_without_any_forecast_a_plan_says_nothing_of_simulation() -> None:
    """It has the columns that it always had."""
    said = a_plan(of_model("a")).text()
    assert ([*HEADS[1:], "state"], False) == (heads(said)[1:], "~" in said)


def test_a_plan_takes_as_long_as_is_forecast() -> None:
    """600 s, where nothing like it was measured, and nothing else is known."""
    plan = a_plan(of_model("a", forecast=a_forecast()), known=History({}, {"a": 60.0}))
    assert "about 10 min~" == row(plan, "a")[4]
    assert "about 11 min~" in plan.text().splitlines()[0]


def test_history_stands_before_a_forecast() -> None:
    """Two minutes that were measured, whatever is simulated."""
    plan = a_plan(of_model("a", forecast=a_forecast()), known=History({"a high": 120.0}, {}))
    assert "about 2 min" == row(plan, "a")[4]


def test_a_table_of_forecasts_of_every_model_fits_100_columns() -> None:
    """With the longest of everything, and nothing cut."""
    long = a_forecast(slo=Slo(ttft_ms=200.0))
    jobs = [of_model(model, needs=needing(119.32, 12.15, 131.9), forecast=long) for model in MODELS]
    plan = a_plan(*jobs).text()
    assert max(map(len, plan.splitlines())) <= 100
    assert ("…" in plan, len(jobs)) == (False, plan.count("50 %~"))


def test_a_job_that_is_no_sweep_has_its_forecast_too() -> None:
    """Qwen3-32B-AWQ on a Thor, one at once: 3.2 s to a first token, then 77 ms each, so 129 s with eight warm-ups."""
    words = (*WITHOUT_VLLM, "load.max_concurrency=1", "slo=mlperf_server")
    said = plan_of_one(prepare(job_config(a_tree(*words)), frozenset()))
    assert ["about 2 min~", "9.9~", "3180~", "76.8~", "0 %~", "to run"] == cells(said)[0][4:]


def test_a_sweep_of_predictions_starts_no_server() -> None:
    """Nor does it take a time to speak of."""
    jobs = [of_model(model, speedup=math.inf) for model in "ab"]
    assert "2 points: 0 done already, 2 to predict" == a_plan(*jobs).text().splitlines()[0].rstrip()

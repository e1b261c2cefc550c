"""Sweeps of many points, and many sweeps, from the command line against a fake vLLM."""

import csv
import re
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil
import pytest

from tests.command_line import SMALL_LOAD, Ran, running, servers_below, thorexp, tracked_runs
from thorexp.rundir import PLAN, RECORD, find_run_dirs
from thorexp.sweepdir import SWEEP

SMALL = ("-m", *SMALL_LOAD, "workload.output_len=4")
CPU = (*SMALL, "hardware=cpu")
UNTRACKED = (*CPU, "tracking=off")
SERVERS = "engine.max_num_seqs=1,2,3,4,5,6,7"
ORDERS = {"loads first": ("load=high,low", SERVERS), "servers first": (SERVERS, "load=high,low")}


# Fourteen points on seven servers, like experiment=thor_seed.


@pytest.fixture(scope="module")
def of_fourteen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ran]:
    """The same sweep with its overrides in either order, in folders of their own; both at once, to save time."""
    with ExitStack() as stack:
        both = {
            order: stack.enter_context(
                running(tmp_path_factory.mktemp("fourteen"), *UNTRACKED, "model=tiny_qwen3", *words)
            )
            for order, words in ORDERS.items()
        }
        return {order: sweep.ended() for order, sweep in both.items()}


@pytest.mark.parametrize("order", ORDERS)
def test_fourteen_points_start_seven_servers(of_fourteen: dict[str, Ran], order: str) -> None:
    """Seven servers by two loads start seven servers, whichever is asked for first."""
    ran = of_fourteen[order]
    assert (0, 14 * ["finished"]) == (ran.code, [record.status for record in ran.records]), ran.err
    assert 7 == len(_server_logs(ran.folder))


def test_both_orders_measure_the_same_points(of_fourteen: dict[str, Ran]) -> None:
    """A point's digest does not depend on where its words stood."""
    first, second = ({record.point for record in ran.records} for ran in of_fourteen.values())
    assert (14, first) == (len(first), second)


def test_the_plan_says_what_will_be_done(of_fourteen: dict[str, Ran]) -> None:
    """The first line of a sweep counts its points and the server starts that it takes."""
    said = [ran.out.splitlines()[0].split(";")[0] for ran in of_fourteen.values()]
    assert 2 * ["14 points: 0 done already, 14 to run on 7 server starts"] == said


# Repeats.


@pytest.fixture(scope="module")
def repeated(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Two models by two loads, each three times."""
    words = (*UNTRACKED, "model=tiny_qwen3,tiny_qwen3_moe", "load=low,high", "sweep.repeats=3")
    return thorexp(tmp_path_factory.mktemp("repeats"), *words)


def test_each_point_is_measured_with_three_seeds(repeated: Ran) -> None:
    """Three repeats of four points are twelve finished records; of each point, three different load plans."""
    assert (0, 12 * ["finished"]) == (repeated.code, [record.status for record in repeated.records]), repeated.err
    plans = {(_names(d.record().tags), d.read_json(PLAN)["digest"]) for d in repeated.run_dirs}
    assert 4 * [3] == list(Counter(point for point, _ in plans).values())


def test_repeats_start_no_server_of_their_own(repeated: Ran) -> None:
    """Two models by two loads by three repeats start two servers."""
    assert 2 == len(_server_logs(repeated.folder))


def test_repeats_are_interleaved_over_their_server(repeated: Ran) -> None:
    """On each server the loads alternate: low, high, low, high, low, high."""
    in_time = sorted(repeated.records, key=lambda record: record.started_at)
    ran = [_names(record.tags) for record in in_time]
    assert [(model, load) for model in ("tiny_qwen3", "tiny_qwen3_moe") for load in 3 * ("low", "high")] == ran


def test_repeats_are_one_row_of_the_summary(repeated: Ran) -> None:
    """Four points, three repeats each: a median, a spread and a 95 % interval around the mean."""
    rows = _summary(repeated.folder)
    assert 4 * ["3"] == [row["repeats"] for row in rows]
    for row in rows:
        low, median, high = (float(row[f"output_throughput{suffix}"]) for suffix in ("_low", "", "_high"))
        assert low < high
        assert float(row["output_throughput_spread"]) > 0
        assert median > 0


def test_a_summary_has_a_column_for_each_metric(repeated: Ran) -> None:
    """summary.csv names vLLM's own metrics: throughput, and TTFT, TPOT and ITL at the median and p99."""
    times = {f"{which}_{metric}_ms" for which in ("median", "p99") for metric in ("ttft", "tpot", "itl")}
    assert {"point", "state", "repeats", "error", "directories", "output_throughput", *times} <= _summary(
        repeated.folder
    )[0].keys()


def test_repeats_without_a_sweep_are_refused(tmp_path: Path) -> None:
    """sweep.repeats without -m is refused by name, and nothing is started."""
    ran = thorexp(tmp_path, *UNTRACKED[1:], "model=tiny_qwen3", "load=low", "sweep.repeats=3")
    assert (1, ()) == (ran.code, ran.records)
    assert ("sweep.repeats=3" in ran.err, "thorexp -m" in ran.err, "Traceback" in ran.err) == (True, True, False)


# The same command again, and others like it, in one folder.


@pytest.fixture(scope="module")
def one_point(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A sweep of one point, whose folder the next tests use in turn."""
    return thorexp(tmp_path_factory.mktemp("resume"), *UNTRACKED, "load=low", "model=tiny_qwen3")


def test_the_same_command_again_starts_nothing_and_prints_the_table(one_point: Ran) -> None:
    """What is finished is not run again: no server start, the same record, and the same table at the end."""
    table = one_point.out[one_point.out.index("1 of 1 jobs finished") :]
    before = _records(one_point.folder)
    again = thorexp(one_point.folder, *UNTRACKED, "load=low", "model=tiny_qwen3")
    assert (0, 1, before) == (again.code, len(before), _records(again.folder)), again.err
    assert 1 == len(_server_logs(again.folder))
    assert again.out.endswith(table)


def test_a_sweep_is_extended_in_its_directory(one_point: Ran) -> None:
    """With a second model asked for, only that one is run, beside the first."""
    first = _records(one_point.folder)
    ran = thorexp(one_point.folder, *UNTRACKED, "load=low", "model=tiny_qwen3,tiny_qwen3_moe")
    assert (0, 2) == (ran.code, len(ran.records)), ran.err
    assert first <= _records(ran.folder)
    assert 2 == len(_server_logs(ran.folder))
    assert 1 == len({run_dir.path.parent for run_dir in ran.run_dirs})


def test_a_dry_run_starts_nothing_and_leaves_nothing(one_point: Ran) -> None:
    """It prints the plan, what is done already included, and leaves the outputs as they were."""
    before = sorted(one_point.folder.glob("outputs/**"))
    words = (*UNTRACKED, "load=low,high", "model=tiny_qwen3,tiny_qwen3_moe", "dry_run=true")
    ran = thorexp(one_point.folder, *words)
    assert (0, "4 points: 2 done already, 2 to run on 2 server starts") == (ran.code, ran.out.split(";")[0]), ran.err
    assert before == sorted(one_point.folder.glob("outputs/**"))


def test_without_resume_all_is_measured_again(one_point: Ran) -> None:
    """sweep.resume=false has a directory of its own and a new record of the same point."""
    before = one_point.records[0]
    ran = thorexp(one_point.folder, *UNTRACKED, "load=low", "model=tiny_qwen3", "sweep.resume=false")
    of_point = [record for record in ran.records if record.point == before.point]
    assert (0, 2, 2) == (ran.code, len(of_point), len({record.sweep for record in of_point})), ran.err


@pytest.mark.parametrize("words", [UNTRACKED, UNTRACKED[1:]], ids=["of a sweep", "of one job"])
def test_a_dry_run_leaves_no_directory(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Where nothing was measured before, there is nothing under outputs/ afterwards, nor a store."""
    ran = thorexp(tmp_path, *words, "load=low", "model=tiny_qwen3", "dry_run=true")
    assert (0, "1 point") == (ran.code, ran.out[:7]), ran.err
    assert [] == [*tmp_path.glob("outputs/*"), *tmp_path.glob("mlruns")]


def test_a_failed_point_is_tried_again_by_the_same_command(tmp_path: Path) -> None:
    """The other model's record stands, the failed one's is taken over by one that finished."""
    words = (*CPU, "load=low", "model=tiny_qwen3,tiny_qwen3_moe")
    first = thorexp(tmp_path, *words, fake={"die_at_start": "ValueError: not today", "only_model": "moe"})
    assert {"tiny_qwen3": "finished", "tiny_qwen3_moe": "failed"} == _statuses(first)
    finished_first = {record.id for record in first.records if record.status == "finished"}
    again = thorexp(tmp_path, *words)
    assert (1, 0) == (first.code, again.code), again.err
    assert {"tiny_qwen3": "finished", "tiny_qwen3_moe": "finished"} == _statuses(again)
    assert finished_first < {record.id for record in again.records}
    finished = Counter((run.kind, run.point) for run in tracked_runs(tmp_path) if run.status == "FINISHED")
    assert Counter({("sweep", ""): 1} | {("job", record.point): 1 for record in again.records}) == finished


def test_batches_are_one_sweep(tmp_path: Path) -> None:
    """A sweeper that hands out one point at a time still ends with one table of all, and one record of each."""
    words = (*UNTRACKED, "load=low,high", "model=tiny_qwen3", "hydra.sweeper.max_batch_size=1")
    ran = thorexp(tmp_path, *words)
    assert (0, 2, 1) == (ran.code, len(ran.records), len(_server_logs(tmp_path))), ran.err
    assert "2 of 2 jobs finished, 0 failed" in ran.out
    assert 2 == len(_summary(tmp_path))


def test_batches_go_on_where_they_stopped(tmp_path: Path) -> None:
    """The same command in batches again finds what the first has finished."""
    words = (*UNTRACKED, "load=low,high", "model=tiny_qwen3", "hydra.sweeper.max_batch_size=1")
    thorexp(tmp_path, *words)
    before = _records(tmp_path)
    again = thorexp(tmp_path, *words)
    assert (0, 2, before) == (again.code, len(before), _records(tmp_path)), again.err


# Points and servers that lack memory.


def test_batches_that_ask_twice_have_one_result(tmp_path: Path) -> None:
    """An adaptive sweeper may propose a point again."""
    ran = thorexp(tmp_path, *UNTRACKED, "model=tiny_qwen3", "load=low,low", "hydra.sweeper.max_batch_size=1")
    assert (0, 1) == (ran.code, len(ran.records)), ran.err


def test_a_directory_that_is_named_is_taken_at_its_word(tmp_path: Path) -> None:
    """A sweep of the same points beside it is another one."""
    words = (*UNTRACKED, "model=tiny_qwen3", "load=low")
    for name in ("a", "b"):
        ran = thorexp(tmp_path, *words, f"hydra.sweep.dir=outputs/{name}")
        assert 0 == ran.code, ran.err
    assert [1, 1] == [len(find_run_dirs(tmp_path / "outputs" / name)) for name in ("a", "b")]


def test_two_jobs_in_one_directory_are_refused_before_anything_starts(tmp_path: Path) -> None:
    """A name for directories that repeats share would keep the last of them alone."""
    words = (*UNTRACKED, "model=tiny_qwen3", "load=low", "sweep.repeats=2", "hydra.sweep.subdir=${hydra.job.num}")
    ran = thorexp(tmp_path, *words)
    assert (1, True) == (ran.code, "hydra.sweep.subdir" in ran.err), ran.err
    assert ([], "Traceback" in ran.err) == (list(tmp_path.glob("outputs/*")), False)


def test_repeats_by_another_launcher_are_refused(tmp_path: Path) -> None:
    """It knows of none, and one run is not three."""
    ran = thorexp(tmp_path, *UNTRACKED, "model=tiny_qwen3", "load=low", "sweep.repeats=3", "hydra/launcher=basic")
    assert (1, True) == (ran.code, "sweep.repeats=3" in ran.err), ran.err


@pytest.mark.parametrize("typed", ["engine.gpu_memory_utilization=high", "engine.max_num_seqs=1 load=high,low extra"])
def test_a_wrong_value_is_no_traceback(tmp_path: Path, typed: str) -> None:
    """What cannot be a number is refused by its key; a word that is no override, by Hydra's own words."""
    ran = thorexp(tmp_path, *SMALL, "model=qwen3_32b_awq", *typed.split())
    assert (1, False) == (ran.code, "Traceback" in ran.err), ran.err


def test_a_point_that_cannot_fit_is_refused_and_the_others_run(tmp_path: Path) -> None:
    """A 30 billion parameter model on an Orin NX is refused by name; the tiny one beside it finishes."""
    words = (*SMALL, "tracking=off", "hardware=jetson_orin_nx_16gb", "load=low")
    ran = thorexp(tmp_path, *words, "model=qwen3_30b_a3b,tiny_qwen3")
    assert (1, {"tiny_qwen3": "finished"}) == (ran.code, _statuses(ran)), ran.err
    refusal = "qwen3_30b_a3b does not fit on jetson_orin_nx_16gb."
    assert (True, True) == (refusal in ran.out, refusal in ran.err)
    assert ran.out.index(refusal) < ran.out.index("Serving Benchmark Result")
    assert 1 == len(_server_logs(tmp_path))


def test_a_server_that_lacked_memory_is_started_once_more(tmp_path: Path) -> None:
    """The second start finds its memory, and the point finishes."""
    fake = {"lack_memory_once": str(tmp_path / "lacked")}
    ran = thorexp(tmp_path, *UNTRACKED, "load=low", "model=tiny_qwen3", fake=fake)
    assert (0, ["finished"], 2) == (ran.code, [r.status for r in ran.records], len(_server_logs(tmp_path))), ran.err
    assert "server: started once more, since it lacked memory" in ran.err


# Two sweeps at once.


@dataclass(frozen=True, slots=True)
class Contest:
    """Three sweeps in one folder: one that runs, one that was refused meanwhile, one that waited.

    `pid` of the first, which `began` measuring between two Unix times.
    """

    pid: int
    began: tuple[float, float]
    first: Ran
    refused: Ran
    waited: Ran


@pytest.fixture(scope="module")
def contest(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    """The first takes 16 s and more; in which a second is refused and a third begins to wait, on a busy machine too."""
    folder = tmp_path_factory.mktemp("contest")
    words = (*UNTRACKED, "model=tiny_qwen3")
    with running(folder, *words, "load=low", fake={"token_delay_s": 2}) as first:
        first.until_it_says(" load: ")
        # By the wall clock, as the refusal tells people when the holder began.
        began = (psutil.Process(first.process.pid).create_time(), time.time())
        refused = thorexp(folder, *words, "load=high")
        waited = thorexp(folder, *words, "load=high", "sweep.lock_wait_s=60")
        return Contest(first.process.pid, began, first.ended(), refused, waited)


def test_a_second_sweep_is_refused_with_the_holder_named(contest: Contest) -> None:
    """It exits with 1 and says the pid of the first, when that began, and how to wait for it."""
    assert 1 == contest.refused.code
    said = dict(re.findall(r"^  (\w+) +(.*)$", contest.refused.err, flags=re.MULTILINE))
    assert str(contest.pid) == said["pid"], contest.refused.err
    earliest, latest = contest.began
    assert int(earliest) <= datetime.fromisoformat(said["since"]).timestamp() <= latest
    assert "sweep.lock_wait_s" in said["try"]
    assert "Traceback" not in contest.refused.err


def test_a_sweep_that_is_refused_leaves_nothing(contest: Contest) -> None:
    """Every directory under outputs/ but the models' is a sweep that ran."""
    directories = {path for path in contest.first.folder.glob("outputs/*") if path.name != "models"}
    assert {path.parent for path in contest.first.folder.glob(f"outputs/*/{SWEEP}")} == directories


def test_a_sweep_that_waits_runs_after_the_first(contest: Contest) -> None:
    """Both finish, the second's point begun when the first's had ended."""
    assert (0, 0) == (contest.first.code, contest.waited.code), contest.waited.err
    low, high = sorted(contest.waited.records, key=lambda record: record.tags["load"] == "high")
    assert (2, True) == (len(contest.waited.records), low.ended_at <= high.started_at)
    assert f"waiting for the board: pid {contest.pid}" in contest.waited.err


def test_the_board_is_free_when_the_server_is_gone(tmp_path: Path) -> None:
    """A sweep that waited starts its server only after that of the first, which ends slowly, has ended."""
    words = (*UNTRACKED, "model=tiny_qwen3", "server.stop_timeout_s=3")
    with ExitStack() as stack:
        first = stack.enter_context(running(tmp_path, *words, "load=low", fake={"ignore_sigterm": True}))
        first.until_it_says(" load: ")
        servers = [p for p in servers_below(tmp_path) if p.pid != first.process.pid]
        second = stack.enter_context(running(tmp_path, *words, "load=high", "sweep.lock_wait_s=60"))
        second.until_it_says("server: starting")
        left = servers_below(tmp_path)
        assert (True, []) == (bool(servers), [p for p in servers if p in left])
        assert (0, 0) == (first.ended().code, second.ended().code)


def test_two_sweeps_at_once_on_one_store_lose_nothing(tmp_path: Path) -> None:
    """With sweep.lock=false both run; each point of either is in MLflow once, FINISHED, and so is each sweep."""
    words = (*CPU, "model=tiny_qwen3", "load=low,high", "sweep.lock=false")
    # To the next full second of the wall clock, which names the directories of both.
    time.sleep(1 - time.time() % 1)
    with ExitStack() as stack:
        both = [stack.enter_context(running(tmp_path, *words, f"workload.seed={seed}")) for seed in (1, 2)]
        first, second = (sweep.ended() for sweep in both)
    assert (0, 0) == (first.code, second.code), (first.err, second.err)
    records = [run_dir.record() for run_dir in find_run_dirs(tmp_path / "outputs")]
    assert (4, 4 * ["finished"]) == (len({record.point for record in records}), [r.status for r in records])
    finished = Counter((run.kind, run.point) for run in tracked_runs(tmp_path) if run.status == "FINISHED")
    assert Counter({("sweep", ""): 2} | {("job", record.point): 1 for record in records}) == finished
    assert {"FINISHED"} == {run.status for run in tracked_runs(tmp_path)}
    assert 2 == len(list(tmp_path.glob(f"outputs/*/{SWEEP}")))


# What is said meanwhile.


def test_lines_say_how_far_server_and_sweep_are(tmp_path: Path) -> None:
    """Where standard error is a file, each phase of the server and each job is a line of it."""
    fake = {"log_progress": True, "start_delay_s": 3.0}
    ran = thorexp(tmp_path, *UNTRACKED, "load=low,high", "model=tiny_qwen3", fake=fake)
    said = [line[11:] for line in ran.err.splitlines()]
    steps = ["0 of 2 jobs, server 1 of 1", "server: starting", "server: loading weights", "server: ready"]
    found = [next(i for i, line in enumerate(said) if line.startswith(step)) for step in steps]
    assert sorted(found) == found, ran.err
    assert 1 == sum(line.startswith("1 of 2 jobs, server 1 of 1") for line in said)
    assert "\x1b" not in ran.err


def _server_logs(folder: Path) -> list[Path]:
    return list(folder.glob("outputs/*/servers/*.log"))


def _summary(folder: Path) -> list[dict[str, str]]:
    (path,) = folder.glob("outputs/*/summary.csv")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _records(folder: Path) -> set[tuple[str, str]]:
    """Point and id of each."""
    return {(d.record().point, d.record().id) for d in find_run_dirs(folder / "outputs") if d.has(RECORD)}


def _statuses(ran: Ran) -> dict[str, str]:
    """By model."""
    return {record.tags["model"]: record.status for record in ran.records}


def _names(tags: dict[str, str]) -> tuple[str, str]:
    return tags["model"], tags["load"]

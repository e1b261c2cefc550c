import json
import logging
import os
import platform
import re
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path
from sqlite3 import connect
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import yaml

from tests.records import a_record
from tests.stores import client_of, experiment_of
from thorexp.errors import RecordError, TrackingError
from thorexp.measure.verdict import Verdict
from thorexp.rundir import Record, RunDir
from thorexp.sweepdir import SweepRecord
from thorexp.tracking import Store, close_abandoned, track, track_sweep
from thorexp.tracking.__main__ import main
from thorexp.tracking.experiment import DESCRIPTION
from thorexp.tracking.view import view_of_job, view_of_sweep

if TYPE_CHECKING:
    from mlflow.entities import Run

_ids = count()

CONFIG: dict[str, Any] = {
    "model": {"name": "qwen3_32b_awq", "engine": {"max_num_seqs": 4}},
    "quantization": {"bytes_per_weight": 0.56, "engine": {}},
    "load": {"name": "high", "num_prompts": 100, "max_concurrency": 8, "request_rate": float("inf")},
    "workload": {"name": "random", "input_len": 2048, "output_len": 128, "ignore_eos": True},
    "metrics": {"percentiles": [50.0, 99.0]},
    "slo": {"ttft_ms": None},
    "engine": {"max_num_seqs": 16},
}
ENGINE_ARGS = [
    {"name": "max_num_seqs", "value": 8, "source": "command line"},
    {"name": "kv_cache_dtype", "value": "fp8", "source": "hardware"},
]
RESULT: dict[str, Any] = {
    "model_id": "Qwen/Qwen3-32B-AWQ",
    "completed": 100,
    "request_goodput": None,
    "mean_ttft_ms": 812.5,
    "p99.9_ttft_ms": 990.25,
    "ttfts": [0.8, 0.9],
    "thorexp": {"schedule_lag": {"max_ms": 1.5}, "simulated": False},
}


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """One store for all tests that bring records of their own: creating it takes seconds."""
    root = tmp_path_factory.mktemp("store")
    return Store(f"sqlite:///{root}/mlruns/mlflow.db", "thorexp", f"{root}/mlruns/artifacts")


def a_run_dir(path: Path, **changes: Any) -> RunDir:
    """A finished record of its own id, complete but for what these tests do not read."""
    run_dir = RunDir(path)
    run_dir.write_text("config.yaml", yaml.safe_dump(CONFIG))
    run_dir.write_json("engine_args.json", ENGINE_ARGS)
    run_dir.write_json("result.json", RESULT)
    run_dir.write_jsonl("requests.jsonl", (asdict(a_record(index=i)) for i in range(RESULT["completed"])))
    record = Record(
        schema=1,
        id=f"record-{next(_ids)}",
        point="c0ffee",
        status="finished",
        started_at=1_700_000_000.25,
        ended_at=1_700_000_060.5,
        sweep="sweep-1",
        tags={"model": "qwen3_32b_awq", "load": "high"},
    )
    run_dir.complete(replace(record, **changes))
    return run_dir


def a_failed_run_dir(path: Path, error: str) -> RunDir:
    """A record of a job whose server died: no result, but its log."""
    run_dir = RunDir(path)
    run_dir.write_text("config.yaml", yaml.safe_dump(CONFIG))
    run_dir.write_text("server.log", "torch.OutOfMemoryError: CUDA out of memory\n")
    record = Record(1, f"record-{next(_ids)}", "c0ffee", "failed", 1.0, 2.0, None, {}, error)
    run_dir.complete(record)
    return run_dir


def a_sweep(directory: Path, failed: int = 0) -> SweepRecord:
    directory.mkdir(exist_ok=True)
    return SweepRecord(
        id=f"sweep-{next(_ids)}",
        command="load=high,low",
        points=("p", "q"),
        started_at=10.0,
        directory=directory,
        ended_at=70.0,
        finished=2 - failed,
        failed=failed,
    )


def run_of(run_id: str, store: Store) -> "Run":
    return client_of(store).get_run(run_id)


def found(filter_string: str, store: Store) -> "list[Run]":
    return list(client_of(store).search_runs([experiment_of(store)], filter_string))


def runs_of(run_dir: RunDir, store: Store) -> "list[Run]":
    return found(f"tags.`thorexp.id` = '{run_dir.record().id}'", store)


def the_dead(host: str | None = None) -> str:
    """How a process of this host, that has ended since, signed the run that it filled."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        started = psutil.Process(process.pid).create_time()
    return f"{host or platform.node()} {process.pid} {started}"


def left_running(run_dir: RunDir, store: Store, holder: str | None = None) -> str:
    """What a process leaves that is killed while it tracks: a run with some of its params."""
    client = client_of(store)
    tags = {"thorexp.id": run_dir.record().id, "thorexp.holder": holder or the_dead()}
    run_id = str(client.create_run(experiment_of(store), tags=tags).info.run_id)
    client.log_param(run_id, "load.num_prompts", "100")
    return run_id


def artifacts_of(run_id: str, store: Store) -> set[str]:
    return {file.path for file in client_of(store).list_artifacts(run_id)}


def content_of(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_finished_record_becomes_a_finished_run(store: Store, tmp_path: Path) -> None:
    """MLflow's status is the record's."""
    assert "FINISHED" == run_of(track(a_run_dir(tmp_path), store), store).info.status


def test_a_run_has_the_times_of_its_record(store: Store, tmp_path: Path) -> None:
    """A run tracked long after the job still shows when the job ran, in Unix milliseconds."""
    run = run_of(track(a_run_dir(tmp_path), store), store)
    assert (1_700_000_000_250, 1_700_000_060_500) == (run.info.start_time, run.info.end_time)


def test_a_run_is_named_by_model_and_load(store: Store, tmp_path: Path) -> None:
    """MLflow's table tells runs apart by what differs most often."""
    assert "qwen3_32b_awq high" == run_of(track(a_run_dir(tmp_path), store), store).info.run_name


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        ("measured", "qwen3_32b_awq high"),
        ("simulated", "simulated qwen3_32b_awq high"),
        ("imported", "imported qwen3_32b_awq high"),
    ],
)
def test_a_run_is_called_by_an_origin_that_is_not_our_measuring(origin: str, name: str, tmp_path: Path) -> None:
    """First of all, so that a list of runs says it."""
    tags = {"model": "qwen3_32b_awq", "load": "high", "origin": origin}
    assert name == view_of_job(a_run_dir(tmp_path, tags=tags)).name


def test_a_run_carries_the_tags_of_its_record(store: Store, tmp_path: Path) -> None:
    """Everything that a record says of itself can be searched for."""
    run_dir = a_run_dir(tmp_path)
    expected = {
        "model": "qwen3_32b_awq",
        "load": "high",
        "thorexp.kind": "job",
        "thorexp.id": run_dir.record().id,
        "thorexp.point": "c0ffee",
        "thorexp.sweep": "sweep-1",
        "thorexp.run_dir": str(tmp_path),
        "thorexp.status": "finished",
        "thorexp.revision": run_dir.record().id,
    }
    tags: Mapping[str, str] = run_of(track(run_dir, store), store).data.tags
    assert expected == {key: value for key, value in tags.items() if not key.startswith(("mlflow.", "thorexp.holder"))}


def test_a_run_says_which_process_filled_it(store: Store, tmp_path: Path) -> None:
    """By host, process id and start, so that one of the same id does not stand for it."""
    host, pid, started = run_of(track(a_run_dir(tmp_path), store), store).data.tags["thorexp.holder"].split()
    assert (platform.node(), os.getpid()) == (host, int(pid))
    assert psutil.Process().create_time() == float(started)


def test_params_are_what_identifies_the_run(store: Store, tmp_path: Path) -> None:
    """The options chosen, `engine.*` as vLLM got them, and of a record that does not say what was typed, the load."""
    expected = {
        "model": "qwen3_32b_awq",
        "load": "high",
        "workload": "random",
        "load.num_prompts": "100",
        "load.max_concurrency": "8",
        "workload.input_len": "2048",
        "workload.output_len": "128",
        "engine.max_num_seqs": "8",
        "engine.kv_cache_dtype": "fp8",
    }
    assert expected == run_of(track(a_run_dir(tmp_path), store), store).data.params


def test_params_have_what_was_typed(store: Store, tmp_path: Path) -> None:
    """And of the load nothing else: its option says it."""
    run_dir = a_run_dir(tmp_path, overrides=("model=qwen3_32b_awq", "load.num_prompts=100"))
    params = run_of(track(run_dir, store), store).data.params
    assert {"load.num_prompts": "100"} == {key: value for key, value in params.items() if key.startswith("load.")}


def test_metrics_are_the_numbers_of_the_result_and_of_the_request(store: Store, tmp_path: Path) -> None:
    """vLLM's keys as they are, ours in a section of their own, and what runs are filtered by."""
    expected = {
        "completed": 100.0,
        "mean_ttft_ms": 812.5,
        "p99.9_ttft_ms": 990.25,
        "system/schedule_lag.max_ms": 1.5,
        "system/config.load.num_prompts": 100.0,
        "system/config.load.max_concurrency": 8.0,
        "system/config.workload.input_len": 2048.0,
        "system/config.workload.output_len": 128.0,
    }
    assert expected == run_of(track(a_run_dir(tmp_path), store), store).data.metrics


def planned(run_dir: RunDir, digest: str) -> RunDir:
    """The record, of a load of one request."""
    run_dir.write_json("plan.json", {"digest": digest, "stages": [{"name": "high", "requests": [{}]}]})
    return run_dir


def datasets_of(run: "Run") -> tuple[Any, ...]:
    return () if run.inputs is None else tuple(run.inputs.dataset_inputs)


def test_runs_of_the_same_load_are_found_by_one_filter(store: Store, tmp_path: Path) -> None:
    """By the digest of the plan, as result.json has it."""
    digests = {"a": "1" * 64, "b": "1" * 64, "c": "2" * 64}
    ids = {name: track(planned(a_run_dir(tmp_path / name), digest), store) for name, digest in digests.items()}
    runs = found(f"dataset.digest = '{'1' * 16}'", store)
    assert {ids["a"], ids["b"]} == {run.info.run_id for run in runs}


def test_a_load_is_a_dataset_with_its_numbers(store: Store, tmp_path: Path) -> None:
    """Under a name for people, as the input that a load is."""
    run = run_of(track(planned(a_run_dir(tmp_path), "3" * 64), store), store)
    (given,) = datasets_of(run)
    assert ("random 2048/128 high", "3" * 16) == (given.dataset.name, given.dataset.digest)
    assert {"num_requests": 1} == json.loads(given.dataset.profile)
    assert [("mlflow.data.context", "load")] == [(tag.key, tag.value) for tag in given.tags]


def test_a_run_filled_twice_has_one_dataset_and_one_table(store: Store, tmp_path: Path) -> None:
    """What a process that was killed had put there is not put there again."""
    run_dir = requested(planned(a_run_dir(tmp_path), "4" * 64))
    run_id = track(run_dir, store)
    table = table_of(run_id, store)
    client_of(store).set_terminated(run_id, "KILLED")
    assert run_id == track(run_dir, store)
    assert (1, table) == (len(datasets_of(run_of(run_id, store))), table_of(run_id, store))


def requested(run_dir: RunDir) -> RunDir:
    """The record, of two requests."""
    run_dir.write_jsonl("requests.jsonl", [asdict(a_record(index=i)) for i in range(2)])
    return run_dir


def table_of(run_id: str, store: Store) -> Any:
    return json.loads((Path(store.artifacts) / run_id / "artifacts" / "requests_table.json").read_text())


def test_requests_are_a_table(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow reads it back as one that its own `log_table` wrote."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)  # its reader asks no client
    run_id = track(requested(a_run_dir(tmp_path)), store)
    table = client_of(store).load_table(experiment_of(store), "requests_table.json", run_ids=[run_id])
    assert [0, 1] == list(table["index"])
    assert [{"path": "requests_table.json", "type": "table"}] == json.loads(
        run_of(run_id, store).data.tags["mlflow.loggedArtifacts"]
    )


def test_a_run_is_described(store: Store, tmp_path: Path) -> None:
    """Where MLflow looks for it."""
    note = run_of(track(a_run_dir(tmp_path), store), store).data.tags["mlflow.note.content"]
    assert note.startswith("`qwen3_32b_awq` `high`: measured")


def test_a_run_that_was_judged_has_its_standing(store: Store, tmp_path: Path) -> None:
    """One word, which a filter finds without finding INVALID too."""
    run_dir = a_run_dir(tmp_path)
    run_dir.write_json("verdict.json", Verdict().as_json())
    assert "VALID" == run_of(track(run_dir, store), store).data.tags["standing"]


def test_a_run_has_the_power_mode_of_its_machine(store: Store, tmp_path: Path) -> None:
    """So that what was measured at MAXN only is one filter."""
    run_dir = a_run_dir(tmp_path)
    state = {"power_mode": "MAXN"}
    run_dir.write_json("machine.json", {"client": {}, "before": state, "after": state})
    run_id = track(run_dir, store)
    assert [run_id] == [run.info.run_id for run in found("tags.power_mode = 'MAXN'", store)]


def test_runs_are_called_by_what_was_typed_for_them(tmp_path: Path) -> None:
    """Charts name runs, of which many may have one model and one load; what tells all alike is not in it."""
    typed = ("model=qwen3_32b_awq", "load=high", "engine.max_num_seqs=8", "sweep.repeats=2")
    assert "qwen3_32b_awq high max_num_seqs=8" == view_of_job(a_run_dir(tmp_path, overrides=typed)).name


def test_an_experiment_says_how_to_read_its_runs(store: Store, tmp_path: Path) -> None:
    """From its first run on."""
    track(a_run_dir(tmp_path), store)
    experiment = client_of(store).get_experiment_by_name(store.experiment)
    assert experiment is not None
    assert "TPOT: (E2EL − TTFT) / (output tokens − 1)" in experiment.tags["mlflow.note.content"]


@pytest.mark.parametrize("printed", re.findall(r"^- .*: `([^`]+)`$", DESCRIPTION, re.MULTILINE))
def test_filters_work_as_the_description_prints_them(store: Store, tmp_path: Path, printed: str) -> None:
    """MLflow takes each, and finds the run that is so."""
    tags = {"origin": "measured"}
    run_dir = planned(a_run_dir(tmp_path, sweep="2026-11-24_13-57-59-c0ffee", tags=tags), "…")
    run_dir.write_json("verdict.json", Verdict().as_json())
    run_dir.write_json("result.json", RESULT | {"p99_ttft_ms": 990.25})
    run_dir.write_json("machine.json", {"client": {}, "before": {"power_mode": "MAXN"}, "after": None})
    run_id = track(run_dir, store)
    assert run_id in {run.info.run_id for run in found(printed, store)}


@pytest.mark.parametrize(("wrote", "there"), [("by hand", "by hand"), (None, DESCRIPTION)])
def test_a_description_that_somebody_wrote_stays(store: Store, tmp_path: Path, wrote: str | None, there: str) -> None:
    """An experiment that was made by others, or by an older thorexp, gets ours only where it has none."""
    own = replace(store, experiment=f"made before, described {wrote}")
    made = client_of(store).create_experiment(own.experiment)
    if wrote is not None:
        client_of(store).set_experiment_tag(made, "mlflow.note.content", wrote)
    track(a_run_dir(tmp_path), own)
    assert there == client_of(store).get_experiment(made).tags["mlflow.note.content"]


def test_a_sweeps_run_opens_on_its_table_and_plots(store: Store, tmp_path: Path) -> None:
    """The plots by the addresses of its own artifacts."""
    (tmp_path / "summary.md").write_text("2 of 2 jobs finished\n\n| point |\n| --- |\n| load=high |\n")
    (tmp_path / "frontier.png").write_bytes(b"")
    run_id = track_sweep(a_sweep(tmp_path), store)
    note = run_of(run_id, store).data.tags["mlflow.note.content"]
    assert note.startswith("2 of 2 jobs finished\n\n| point |\n| --- |\n| load=high |\n")
    assert f"![frontier.png](get-artifact?path=frontier.png&run_uuid={run_id})" in note


def test_runs_can_be_filtered_by_a_number_of_their_config(store: Store, tmp_path: Path) -> None:
    """MLflow compares metrics as numbers, so 2048 is more than 300."""
    run_dir = a_run_dir(tmp_path)
    track(run_dir, store)
    runs = found("metrics.`system/config.workload.input_len` > 300", store)
    assert run_dir.record().id in {run.data.tags["thorexp.id"] for run in runs}


def test_the_whole_run_directory_is_kept_as_artifacts(store: Store, tmp_path: Path) -> None:
    """MLflow's copy of a record can be read without the directory."""
    run_id = track(a_run_dir(tmp_path), store)
    files = {"config.yaml", "engine_args.json", "result.json", "requests.jsonl", "record.json"}
    assert files | {"requests_table.json"} == artifacts_of(run_id, store)


def test_artifacts_of_a_sqlite_store_lie_where_the_config_says(store: Store, tmp_path: Path) -> None:
    """The experiment is created with that directory."""
    run_id = track(a_run_dir(tmp_path), store)
    assert (Path(store.artifacts) / run_id / "artifacts" / "record.json").is_file()


def test_a_result_of_more_than_one_batch_arrives_whole(store: Store, tmp_path: Path) -> None:
    """MLflow takes 100 params and 1000 metrics at a time."""
    run_dir = a_run_dir(tmp_path)
    run_dir.write_json("engine_args.json", [{"name": f"a{i}", "value": "x"} for i in range(250)])
    run_dir.write_json("result.json", {f"m{i}": i for i in range(2100)})
    data = run_of(track(run_dir, store), store).data
    params = {key for key in data.params if key.startswith("engine.a")}
    metrics = {key for key in data.metrics if key.startswith("m")}
    assert (250, 2100) == (len(params), len(metrics))


def test_a_failed_record_becomes_a_failed_run(store: Store, tmp_path: Path) -> None:
    """A point that failed is in the table too, marked."""
    run_dir = a_failed_run_dir(tmp_path, "vLLM exited with code 1.\n  log  server.log")
    assert "FAILED" == run_of(track(run_dir, store), store).info.status


def test_a_failed_run_is_tagged_with_the_headline_of_its_error(store: Store, tmp_path: Path) -> None:
    """The headline says what happened; the facts below it are in the record."""
    run_dir = a_failed_run_dir(tmp_path, "vLLM exited with code 1.\n  log  server.log")
    assert "vLLM exited with code 1." == run_of(track(run_dir, store), store).data.tags["thorexp.error"]


def test_a_failed_run_keeps_the_server_log(store: Store, tmp_path: Path) -> None:
    """Why a server died can be read from MLflow."""
    run_id = track(a_failed_run_dir(tmp_path, "vLLM exited with code 1."), store)
    assert "server.log" in artifacts_of(run_id, store)


def test_an_error_too_long_for_a_tag_is_cut_where_one_can_see_it(store: Store, tmp_path: Path) -> None:
    """MLflow takes 8000 characters and would cut the rest in silence."""
    run_dir = a_failed_run_dir(tmp_path, "x" * 9000)
    assert "x" * 7999 + "…" == run_of(track(run_dir, store), store).data.tags["thorexp.error"]


def test_tracking_a_record_again_finds_its_run(store: Store, tmp_path: Path) -> None:
    """A replay gives back the same run."""
    run_dir = a_run_dir(tmp_path)
    assert track(run_dir, store) == track(run_dir, store)


def test_tracking_a_record_again_leaves_one_run(store: Store, tmp_path: Path) -> None:
    """A record is in MLflow exactly once, however often it is replayed."""
    run_dir = a_run_dir(tmp_path)
    track(run_dir, store)
    track(run_dir, store)
    assert 1 == len(runs_of(run_dir, store))


def test_a_replay_leaves_what_a_person_changed(store: Store, tmp_path: Path) -> None:
    """A run that has ended is not written to."""
    run_dir = a_run_dir(tmp_path)
    run_id = track(run_dir, store)
    client_of(store).set_tag(run_id, "model", "renamed by hand")
    track(run_dir, store)
    assert "renamed by hand" == run_of(run_id, store).data.tags["model"]


def test_one_record_tracked_from_many_threads_leaves_one_run(store: Store, tmp_path: Path) -> None:
    """Looking for a run and creating it is one step."""
    run_dir = a_run_dir(tmp_path)
    threads = [threading.Thread(target=track, args=(run_dir, store)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ["FINISHED"] == [run.info.status for run in runs_of(run_dir, store)]


def test_a_run_left_running_is_the_one_that_is_finished(store: Store, tmp_path: Path) -> None:
    """What a killed process began is completed, not begun anew."""
    track(a_run_dir(tmp_path / "any"), store)
    run_dir = a_run_dir(tmp_path / "killed")
    run_id = left_running(run_dir, store)
    track(run_dir, store)
    assert [(run_id, "FINISHED")] == [(run.info.run_id, run.info.status) for run in runs_of(run_dir, store)]


def test_a_run_left_running_gets_what_it_lacks(store: Store, tmp_path: Path) -> None:
    """A completed run is as full as one that was never interrupted."""
    whole = run_of(track(a_run_dir(tmp_path / "whole"), store), store)
    run_dir = a_run_dir(tmp_path / "killed")
    run_id = left_running(run_dir, store)
    track(run_dir, store)
    completed = run_of(run_id, store)
    assert (whole.data.params, whole.data.metrics) == (completed.data.params, completed.data.metrics)


def test_two_processes_at_once_on_a_fresh_store_both_succeed(tmp_path: Path) -> None:
    """Only one of them creates the tables: MLflow's own migration breaks when two do."""
    run_dirs = [a_run_dir(tmp_path / "a"), a_run_dir(tmp_path / "b")]
    store = Store(f"sqlite:///{tmp_path}/fresh/mlflow.db", "thorexp", f"{tmp_path}/fresh/artifacts")
    where = ["--uri", store.uri, "--experiment", store.experiment, "--artifacts", store.artifacts]
    command = [sys.executable, "-m", "thorexp.tracking", *where]
    processes = [subprocess.Popen([*command, str(run_dir.path)], stderr=subprocess.PIPE) for run_dir in run_dirs]
    said = [process.communicate()[1] for process in processes]
    assert [(0, b""), (0, b"")] == [(process.returncode, err) for process, err in zip(processes, said, strict=True)]
    assert [1, 1] == [len(runs_of(run_dir, store)) for run_dir in run_dirs]


def test_a_sqlite_store_is_in_write_ahead_mode(store: Store, tmp_path: Path) -> None:
    """Several jobs can write while somebody reads."""
    track(a_run_dir(tmp_path), store)
    with closing(connect(store.uri.removeprefix("sqlite:///"))) as connection:
        assert ("wal",) == connection.execute("PRAGMA journal_mode").fetchone()


def test_a_relative_sqlite_store_counts_from_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that changes directory gets another store, not the connection to the one it had."""
    for here in (tmp_path / "a", tmp_path / "b"):
        run_dir = a_run_dir(here / "run")
        monkeypatch.chdir(here)
        track(run_dir, Store("sqlite:///mlruns/mlflow.db", "thorexp", "mlruns/artifacts"))
        assert 1 == len(runs_of(run_dir, Store(f"sqlite:///{here}/mlruns/mlflow.db", "thorexp", "")))


def test_a_store_inside_the_run_directory_is_refused(tmp_path: Path) -> None:
    """It would copy itself into itself; a job that changed directory must not fill the disk so."""
    run_dir = a_run_dir(tmp_path)
    before = content_of(tmp_path)
    with pytest.raises(TrackingError, match="lies in the run directory"):
        track(run_dir, Store(f"sqlite:///{tmp_path}/mlruns/m.db", "thorexp", f"{tmp_path}/mlruns/artifacts"))
    assert before == content_of(tmp_path)


def test_a_store_that_cannot_be_opened_is_an_error_that_names_the_replay(tmp_path: Path) -> None:
    """The command works as it stands, from any directory."""
    (tmp_path / "mlflow.db").write_text("this is no database, and longer than the header of one would be" * 20)
    run_dir = a_run_dir(tmp_path / "run")
    with pytest.raises(TrackingError) as raised:
        track(run_dir, Store(f"sqlite:///{tmp_path}/mlflow.db", "thorexp", str(tmp_path)))
    facts = {fact.label: fact.text for fact in raised.value.facts}
    assert f"python -m thorexp.tracking {tmp_path}/run" == facts["try"]
    assert "DatabaseError: file is not a database" == facts["says"]


def test_a_store_below_a_file_is_an_error_of_ours(tmp_path: Path) -> None:
    """The disk's refusals are TrackingErrors as MLflow's are."""
    (tmp_path / "mlruns").write_text("")
    with pytest.raises(TrackingError, match="mlruns"):
        track(a_run_dir(tmp_path / "run"), Store(f"sqlite:///{tmp_path}/mlruns/a/m.db", "thorexp", "artifacts"))


def test_a_record_is_untouched_when_tracking_fails(tmp_path: Path) -> None:
    """A store that is down loses nothing."""
    run_dir = a_run_dir(tmp_path / "run")
    before = content_of(run_dir.path)
    (tmp_path / "mlruns").write_text("")
    with pytest.raises(TrackingError):
        track(run_dir, Store(f"sqlite:///{tmp_path}/mlruns/m.db", "thorexp", "artifacts"))
    assert before == content_of(run_dir.path)


def test_an_error_shows_no_password_of_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the store's address nor the library's own words give it away."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TrackingError, match=r"http://\*\*\*@127\.0\.0\.1:9") as raised:
        track(a_run_dir(tmp_path), Store("http://ann:secret@127.0.0.1:9", "thorexp", ""))
    assert "secret" not in str(raised.value)


def test_a_store_that_is_down_is_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """By our error, and by none of the lines that each retry has."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    with pytest.raises(TrackingError, match="MLflow did not take a record"):
        track(a_run_dir(tmp_path), Store("http://127.0.0.1:9", "thorexp", ""))
    assert [] == [line.message for line in caplog.records if line.levelno >= logging.WARNING]


def test_an_incomplete_run_directory_is_not_tracked(store: Store, tmp_path: Path) -> None:
    """A job that was interrupted has no record to show."""
    (tmp_path / "config.yaml").write_text("load: {}")
    with pytest.raises(RecordError, match="not complete"):
        track(RunDir(tmp_path), store)


def test_a_sweep_becomes_a_run_beside_those_of_its_jobs(store: Store, tmp_path: Path) -> None:
    """It says what was asked, and how many points came of it."""
    run = run_of(track_sweep(a_sweep(tmp_path), store), store)
    assert "load=high,low" == run.data.tags["thorexp.command"]
    assert {"system/finished_jobs": 2.0, "system/failed_jobs": 0.0} == run.data.metrics
    assert ("FINISHED", 10_000, 70_000) == (run.info.status, run.info.start_time, run.info.end_time)


@pytest.mark.parametrize(
    ("origin", "begin"), [("simulated", "simulated sweep "), ("measured", "sweep "), (None, "sweep ")]
)
def test_a_sweeps_run_says_if_all_of_it_was_simulated(origin: str | None, begin: str, tmp_path: Path) -> None:
    """By a name that begins with it, and by the tag that jobs have; a sweep of several origins has none."""
    sweep = replace(a_sweep(tmp_path), origin=origin)
    view = view_of_sweep(sweep)
    assert (f"{begin}{sweep.id}", origin) == (view.name, view.tags.get("origin"))


def test_mlflow_has_a_simulated_sweep_as_that(store: Store, tmp_path: Path) -> None:
    """Found by the tag, and called by it."""
    sweep = replace(a_sweep(tmp_path), origin="simulated")
    run = run_of(track_sweep(sweep, store), store)
    assert ("simulated", f"simulated sweep {sweep.id}") == (run.data.tags["origin"], run.info.run_name)


def test_a_sweep_with_a_failed_point_is_a_failed_run(store: Store, tmp_path: Path) -> None:
    """A sweep that needs a look is marked in the table."""
    assert "FAILED" == run_of(track_sweep(a_sweep(tmp_path, failed=1), store), store).info.status


def test_a_sweep_keeps_its_own_files_only(store: Store, tmp_path: Path) -> None:
    """Its jobs keep theirs, and a server's log of many megabytes stays where it is."""
    a_run_dir(tmp_path / "0")
    (tmp_path / "summary.md").write_text("| load |\n")
    (tmp_path / "short.log").write_text("ready\n")
    with (tmp_path / "long.log").open("wb") as log:
        log.truncate(10_000_001)
    run_id = track_sweep(a_sweep(tmp_path), store)
    assert {"summary.md", "short.log"} == artifacts_of(run_id, store)


def test_a_sweep_is_tracked_once(store: Store, tmp_path: Path) -> None:
    """A sweep has one run, as a job has."""
    sweep = a_sweep(tmp_path)
    assert track_sweep(sweep, store) == track_sweep(sweep, store)


def test_a_sweep_that_went_on_has_one_run(store: Store, tmp_path: Path) -> None:
    """Its status, its end and its numbers are those of its last end, its beginning the first."""
    sweep = a_sweep(tmp_path, failed=1)
    run_id = track_sweep(sweep, store)
    assert run_id == track_sweep(replace(sweep, ended_at=170.0, finished=2, failed=0), store)
    run = run_of(run_id, store)
    assert ("FINISHED", 10_000, 170_000) == (run.info.status, run.info.start_time, run.info.end_time)
    assert {"system/finished_jobs": 2.0, "system/failed_jobs": 0.0} == run.data.metrics
    assert "finished" == run.data.tags["thorexp.status"]


def test_a_sweep_that_went_on_and_failed_is_a_failed_run(store: Store, tmp_path: Path) -> None:
    """A point that was added may fail, after all before it had finished."""
    sweep = a_sweep(tmp_path)
    run_id = track_sweep(sweep, store)
    track_sweep(replace(sweep, ended_at=170.0, failed=1), store)
    assert "FAILED" == run_of(run_id, store).info.status


def test_a_sweep_that_went_on_has_its_new_files(store: Store, tmp_path: Path) -> None:
    """The summary of its last end takes the place of the one before."""
    sweep = a_sweep(tmp_path)
    (tmp_path / "summary.md").write_text("of the first end")
    run_id = track_sweep(sweep, store)
    (tmp_path / "summary.md").write_text("of the last end")
    track_sweep(replace(sweep, ended_at=170.0), store)
    assert "of the last end" == (Path(store.artifacts) / run_id / "artifacts" / "summary.md").read_text()


def test_a_sweep_that_did_not_go_on_is_left_as_it_is(store: Store, tmp_path: Path) -> None:
    """What a person wrote into its run stays, as long as nothing has changed here."""
    sweep = a_sweep(tmp_path)
    run_id = track_sweep(sweep, store)
    client_of(store).set_tag(run_id, "thorexp.command", "renamed by hand")
    track_sweep(sweep, store)
    assert "renamed by hand" == run_of(run_id, store).data.tags["thorexp.command"]


def test_a_sweep_that_has_not_ended_is_not_tracked(store: Store, tmp_path: Path) -> None:
    """The refusal says how it goes on."""
    with pytest.raises(RecordError, match=r"the same command again.*load=high,low"):
        track_sweep(replace(a_sweep(tmp_path), ended_at=None), store)


def test_a_sweeps_command_shows_no_password(store: Store, tmp_path: Path) -> None:
    """Stores and servers are typed with their credentials."""
    sweep = replace(a_sweep(tmp_path), command="tracking.uri=http://ann:secret@thor:5000")
    assert "tracking.uri=http://***@thor:5000" == run_of(track_sweep(sweep, store), store).data.tags["thorexp.command"]


def test_a_run_left_by_a_process_that_died_is_closed_as_killed(store: Store, tmp_path: Path) -> None:
    """In MLflow's table nothing runs that does not."""
    track(a_run_dir(tmp_path / "any"), store)
    run_id = left_running(a_run_dir(tmp_path / "killed"), store)
    assert (1, "KILLED") == (close_abandoned(store), run_of(run_id, store).info.status)


def test_a_run_is_closed_once(store: Store, tmp_path: Path) -> None:
    """The second time there is nothing left to close."""
    track(a_run_dir(tmp_path / "any"), store)
    left_running(a_run_dir(tmp_path / "killed"), store)
    assert (1, 0) == (close_abandoned(store), close_abandoned(store))


@pytest.mark.parametrize("whose", ["a living process", "another host"])
def test_a_run_of_anybody_else_is_not_closed(store: Store, tmp_path: Path, whose: str) -> None:
    """Another thorexp may fill it just now; of another host nobody here can know."""
    track(a_run_dir(tmp_path / "any"), store)
    living = f"{platform.node()} {os.getpid()} {psutil.Process().create_time()}"
    holder = living if whose == "a living process" else the_dead(host="another-board")
    run_id = left_running(a_run_dir(tmp_path / "killed"), store, holder)
    assert (0, "RUNNING") == (close_abandoned(store), run_of(run_id, store).info.status)


def test_a_process_of_the_same_id_does_not_stand_for_the_dead(store: Store, tmp_path: Path) -> None:
    """Process ids come again, after a restart above all."""
    track(a_run_dir(tmp_path / "any"), store)
    holder = f"{platform.node()} {os.getpid()} {psutil.Process().create_time() - 100}"
    run_id = left_running(a_run_dir(tmp_path / "killed"), store, holder)
    assert (1, "KILLED") == (close_abandoned(store), run_of(run_id, store).info.status)


def test_a_run_that_was_closed_as_killed_can_still_be_completed(store: Store, tmp_path: Path) -> None:
    """Its record was complete, so the sweep that goes on makes it FINISHED, and it stays one run."""
    track(a_run_dir(tmp_path / "any"), store)
    run_dir = a_run_dir(tmp_path / "killed")
    run_id = left_running(run_dir, store)
    close_abandoned(store)
    track(run_dir, store)
    assert [(run_id, "FINISHED")] == [(run.info.run_id, run.info.status) for run in runs_of(run_dir, store)]


def test_a_run_that_lacks_its_last_tags_is_filled_again(store: Store, tmp_path: Path) -> None:
    """A status alone, which anybody may set, does not show that all of the record is there."""
    track(a_run_dir(tmp_path / "any"), store)
    run_dir = a_run_dir(tmp_path / "killed")
    run_id = left_running(run_dir, store)
    client_of(store).set_terminated(run_id, "FINISHED")
    track(run_dir, store)
    assert "record.json" in artifacts_of(run_id, store)


def test_a_store_without_the_experiment_has_nothing_abandoned(store: Store, tmp_path: Path) -> None:
    """The first sweep finds nothing to close, and makes no experiment for it."""
    track(a_run_dir(tmp_path), store)
    assert 0 == close_abandoned(replace(store, experiment="never used"))
    assert client_of(store).get_experiment_by_name("never used") is None


def test_a_store_that_is_down_cannot_be_asked_for_what_was_abandoned(tmp_path: Path) -> None:
    """An error of ours, which the end of a sweep survives."""
    (tmp_path / "mlruns").write_text("")
    with pytest.raises(TrackingError):
        close_abandoned(Store(f"sqlite:///{tmp_path}/mlruns/m.db", "thorexp", "artifacts"))


def sampled(run_dir: RunDir, *rows: str) -> RunDir:
    """The record, with telemetry of a clock that stood at 5 s when the job started."""
    run_dir.write_text("telemetry.csv", "\n".join(("ns,signal,value", *rows)) + "\n")
    run_dir.complete(replace(run_dir.record(), started_ns=5_000_000_000))
    return run_dir


VIN = ("7000000000,hwmon.VIN_w,20.5", "7500000000,hwmon.VIN_w,87.25")


def history_of(key: str, run_id: str, store: Store) -> list[tuple[int, int, float]]:
    """Unix ms, step and value."""
    history = client_of(store).get_metric_history(run_id, key)
    return [(each.timestamp, each.step, each.value) for each in history]


def test_telemetry_is_a_metric_over_time(store: Store, tmp_path: Path) -> None:
    """2 s after the start, which was at 1,700,000,000.25 s, and half a second later."""
    run_id = track(sampled(a_run_dir(tmp_path), *VIN), store)
    expected = [(1_700_000_002_250, 0, 20.5), (1_700_000_002_750, 500, 87.25)]
    assert expected == history_of("system/hwmon.VIN_w", run_id, store)


def test_steps_count_from_the_first_sample_of_all(store: Store, tmp_path: Path) -> None:
    """So signals that are read at different times lie over each other in a chart."""
    run_id = track(sampled(a_run_dir(tmp_path), *VIN, "7250000000,thermal.tj_c,41"), store)
    assert [(1_700_000_002_500, 250, 41.0)] == history_of("system/thermal.tj_c", run_id, store)


def test_telemetry_of_more_than_one_batch_arrives_whole(store: Store, tmp_path: Path) -> None:
    """MLflow takes 1000 metrics at a time; of 12 signals of 190 samples each has its own history."""
    rows = [f"{7_000_000_000 + i * 1_000_000},hwmon.R{rail}_w,{i}.5" for i in range(190) for rail in range(12)]
    run_id = track(sampled(a_run_dir(tmp_path), *rows), store)
    values = [[value for _, _, value in history_of(f"system/hwmon.R{i}_w", run_id, store)] for i in range(12)]
    assert [[i + 0.5 for i in range(190)]] * 12 == values


def test_telemetry_tracked_again_is_there_once(store: Store, tmp_path: Path) -> None:
    """A run that was left half filled is filled again, and has each sample once."""
    run_dir = sampled(a_run_dir(tmp_path), *VIN)
    run_id = track(run_dir, store)
    client_of(store).set_terminated(run_id, "KILLED")
    track(run_dir, store)
    assert (2, "FINISHED") == (
        len(history_of("system/hwmon.VIN_w", run_id, store)),
        run_of(run_id, store).info.status,
    )


def test_telemetry_without_a_date_is_kept_as_a_file_only(store: Store, tmp_path: Path) -> None:
    """A record that lacks the clock's start, as older ones do, is tracked as before."""
    run_dir = sampled(a_run_dir(tmp_path), *VIN)
    run_dir.complete(replace(run_dir.record(), started_ns=None))
    run_id = track(run_dir, store)
    assert [] == history_of("system/hwmon.VIN_w", run_id, store)
    assert "telemetry.csv" in artifacts_of(run_id, store)


def test_damaged_telemetry_is_an_error_of_ours(store: Store, tmp_path: Path) -> None:
    """The file is named."""
    with pytest.raises(RecordError, match=r"telemetry\.csv"):
        track(sampled(a_run_dir(tmp_path), "7000000000,hwmon.VIN_w,much"), store)


def tracked_to(store: Store, run_dir: RunDir) -> RunDir:
    """The record, its config naming the store."""
    own = {"uri": store.uri, "experiment": store.experiment, "artifacts": store.artifacts}
    run_dir.write_text("config.yaml", yaml.safe_dump(CONFIG | {"tracking": own}))
    return run_dir


def test_the_command_replays_every_record_of_a_folder(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each goes where its own config says; one line tells what became of it."""
    first = tracked_to(store, a_run_dir(tmp_path / "0"))
    second = tracked_to(store, a_failed_run_dir(tmp_path / "1", "vLLM exited with code 1."))
    run_id = track(first, store)
    assert 0 == main([str(tmp_path)])
    other = runs_of(second, store)[0].info.run_id
    expected = [
        f"{run_id}  FINISHED  already there  {tmp_path}/0",
        f"{other}  FAILED  tracked  {tmp_path}/1",
    ]
    assert expected == capsys.readouterr().out.splitlines()


def test_the_command_tracks_the_others_when_a_record_fails(store: Store, tmp_path: Path) -> None:
    """One damaged record costs no other; the exit status tells of it."""
    damaged = a_run_dir(tmp_path / "0")
    damaged.write_text("result.json", "{")
    good = tracked_to(store, a_run_dir(tmp_path / "1"))
    assert 1 == main([str(tmp_path)])
    assert 1 == len(runs_of(good, store))


def test_the_command_prefers_the_store_it_is_given(store: Store, tmp_path: Path) -> None:
    """A record can be replayed into another experiment."""
    run_dir = tracked_to(store, a_run_dir(tmp_path))
    assert 0 == main([str(tmp_path), "--experiment", "again"])
    assert 1 == len(runs_of(run_dir, replace(store, experiment="again")))


def test_the_command_needs_a_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A record that names none asks for the option."""
    a_run_dir(tmp_path)
    assert 1 == main([str(tmp_path)])
    assert "--uri" in capsys.readouterr().err


def test_the_command_fails_on_a_folder_without_a_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped path is not a success."""
    assert 1 == main([str(tmp_path)])
    assert str(tmp_path) in capsys.readouterr().err


def test_importing_the_room_does_not_import_mlflow() -> None:
    """A dry run does not wait seconds for a library that it does not use."""
    program = "import json, sys, thorexp.tracking; print(json.dumps(sorted(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
    modules = json.loads(said)
    assert {"thorexp.tracking"} == {"thorexp.tracking", "mlflow", "sqlalchemy", "alembic"} & set(modules)


def test_a_sweep_is_replayed_with_its_jobs(store: Store, tmp_path: Path) -> None:
    """The directory of a sweep that was never tracked gives the runs of its jobs and the sweep's own."""
    a_run_dir(tmp_path / "0_a")
    sweep = a_sweep(tmp_path)
    sweep.write()
    words = ("--uri", store.uri, "--experiment", store.experiment, "--artifacts", store.artifacts)
    assert 0 == main([str(tmp_path), *words])
    assert "sweep" == run_of(track_sweep(sweep, store), store).data.tags["thorexp.kind"]


def test_the_command_goes_on_after_a_damaged_sweep(store: Store, tmp_path: Path) -> None:
    """Its jobs are tracked, and so is the next folder; the exit status tells of it."""
    for name in ("damaged", "whole"):
        tracked_to(store, a_run_dir(tmp_path / name / "0"))
    (tmp_path / "damaged" / "sweep.json").write_text("{")
    assert 1 == main([str(tmp_path / "damaged"), str(tmp_path / "whole")])
    assert [1, 1] == [len(runs_of(RunDir(tmp_path / name / "0"), store)) for name in ("damaged", "whole")]


def test_the_command_fills_a_run_that_was_left_running(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says that it has completed it."""
    track(a_run_dir(tmp_path / "any"), store)
    run_dir = tracked_to(store, a_run_dir(tmp_path / "killed"))
    run_id = left_running(run_dir, store)
    assert 0 == main([str(run_dir.path)])
    assert [f"{run_id}  FINISHED  completed  {run_dir.path}"] == capsys.readouterr().out.splitlines()

"""hydra/sweeper=optuna from the command line: predicted, and against a fake vLLM."""

import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import SMALL_LOAD, Ran, running, thorexp
from thorexp.answers import ANSWERS_JSON, ANSWERS_MD
from thorexp.rundir import find_run_dirs
from thorexp.sweep.ending import SUMMARY_MD, SUMMARY_TXT

SEARCH = ("-m", "hydra/sweeper=optuna", "tracking=off")
PREDICTED = (
    *SEARCH,
    "predict=true",
    "model=qwen3_32b_awq",
    "workload.input_len=256",
    "workload.output_len=16",
    "load.num_prompts=16",
    "load.max_concurrency=1,2,4,8",
    "engine.kv_cache_dtype=auto,fp8",
)
FAKED = (
    *SEARCH,
    "hardware=cpu",
    *SMALL_LOAD,
    "workload.output_len=4",
)
NO_CLUSTER = ("sweep.executor=ray", "sweep.ray.address=127.0.0.1:9", "tracking=mlflow")
OUT_OF_MEMORY = {"die_at_start": "torch.OutOfMemoryError: CUDA out of memory.", "only_model": "moe"}


def found(ran: Ran) -> dict[str, Any]:
    """What the search wrote beside the summary of its sweep, of which there is one."""
    (path,) = ran.folder.glob(f"outputs/*/{ANSWERS_JSON}")
    (values,) = json.loads(path.read_text())
    assert isinstance(values, dict)
    return values


def trial_words(ran: Ran) -> list[tuple[str, ...]]:
    """Of each trial, in their order."""
    return [tuple(trial["words"]) for trial in found(ran)["trials"]]


# A search that is predicted, and goes on.


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Five trials of eight points, under a limit that the fastest ones miss."""
    words = (*PREDICTED, "hydra.sweeper.trials=5", "hydra.sweeper.at_most={p99_ttft_ms:800}")
    return thorexp(tmp_path_factory.mktemp("search"), *words)


@pytest.fixture(scope="module")
def gone_on(searched: Ran) -> Ran:
    """The same, with trials for all points and more."""
    words = (*PREDICTED, "hydra.sweeper.trials=20", "hydra.sweeper.at_most={p99_ttft_ms:800}")
    return thorexp(searched.folder, *words)


@pytest.fixture(scope="module")
def before(searched: Ran) -> tuple[list[tuple[str, ...]], set[str]]:
    """What the first five trials were, and the ids of their records, before the search went on."""
    return trial_words(searched), {record.id for record in searched.records}


def test_each_trial_is_a_job_of_the_sweep(searched: Ran, before: tuple[list[tuple[str, ...]], set[str]]) -> None:
    """Five finished records of five points, with one table."""
    words, ids = before
    assert (0, 5, 5) == (searched.code, len(ids), len(set(words))), searched.err
    assert 1 == searched.out.count("5 of 5 jobs finished")


def test_the_answer_stands_below_the_table(searched: Ran) -> None:
    """What was asked, what is best, how many cannot win and why."""
    said = searched.out.rpartition("jobs finished")[2]
    (line,) = (line for line in said.splitlines() if line.startswith("most output_throughput"))
    assert line.startswith("most output_throughput with p99_ttft_ms ≤ 800: load.max_concurrency=")
    assert "SIMULATED" in line
    assert "; 5 of 8 points tried, " in line


def test_the_answer_is_kept_with_the_sweep(searched: Ran) -> None:
    """In its files; the figures of the best point are metrics of its run in MLflow."""
    (kept,) = searched.folder.glob(f"outputs/*/{ANSWERS_MD}")
    answer, files = found(searched), (ANSWERS_MD, SUMMARY_TXT, SUMMARY_MD)
    assert all(answer["says"][:60] in kept.with_name(name).read_text() for name in files)
    best = answer["trials"][answer["best"] - 1]
    assert best["figures"]["output_throughput"] == answer["metrics"]["search/output_throughput"]


def test_a_search_ends_when_every_point_is_known(before: tuple[list[tuple[str, ...]], set[str]], gone_on: Ran) -> None:
    """Of twenty trials eight are there to be had; the five of before stand, in the same sweep."""
    words, ids = before
    assert (0, 8, 8) == (gone_on.code, len(gone_on.records), len(set(trial_words(gone_on)))), gone_on.err
    assert words == trial_words(gone_on)[:5]
    assert ids < {record.id for record in gone_on.records}
    assert 1 == len({record.sweep for record in gone_on.records})


def test_the_best_keeps_the_limit_and_no_other_that_does_is_better(gone_on: Ran) -> None:
    """All eight points are known, so that it can be looked up."""
    answer = found(gone_on)
    figures = {trial["number"]: trial["figures"] for trial in answer["trials"]}
    keep = {number: each["output_throughput"] for number, each in figures.items() if each["p99_ttft_ms"] <= 800}
    assert 0 < len(keep) < 8
    assert max(keep.values()) == keep[answer["best"]]
    assert {trial["number"] for trial in answer["trials"] if trial["cannot_win"] is None} == keep.keys()


def test_a_search_that_is_over_measures_nothing(gone_on: Ran) -> None:
    """The same command again gives the same answer, without another record."""
    text = next(gone_on.folder.glob(f"outputs/*/{ANSWERS_MD}")).read_text()
    ids = {record.id for record in gone_on.records}
    words = (*PREDICTED, "hydra.sweeper.trials=20", "hydra.sweeper.at_most={p99_ttft_ms:800}")
    again = thorexp(gone_on.folder, *words)
    assert (0, ids) == (again.code, {record.id for record in again.records}), again.err
    assert [text] == [path.read_text() for path in again.folder.glob(f"outputs/*/{ANSWERS_MD}")]
    assert 1 == again.out.count("8 of 8 jobs finished")


# What does not end a search.


def test_points_that_lack_memory_cannot_win_and_end_nothing(tmp_path: Path) -> None:
    """They are counted with why, and a search that goes on does not run them again."""
    words = (*FAKED, "model=tiny_qwen3,tiny_qwen3_moe", "engine.max_num_seqs=2,4")
    ran = thorexp(tmp_path, *words, "hydra.sweeper.trials=4", fake=OUT_OF_MEMORY)
    assert (0, Counter(finished=2, failed=2)) == (ran.code, Counter(r.status for r in ran.records)), ran.err
    assert "; 4 of 4 points tried, 2 cannot win: 2 x " in ran.out
    assert "output_throughput: model=tiny_qwen3 engine.max_num_seqs=" in ran.out
    ids = {record.id for record in ran.records}
    again = thorexp(tmp_path, *words, "hydra.sweeper.trials=5", fake=OUT_OF_MEMORY)
    assert (0, ids) == (again.code, {record.id for record in again.records}), again.err
    assert "2 of 4 jobs finished, 2 failed" in again.out


def test_a_broken_server_uses_up_no_trial(tmp_path: Path) -> None:
    """Three in a row end the search with the reason; once that is mended the same command tries them, and all."""
    words = (*FAKED, "model=tiny_qwen3", "engine.max_num_seqs=1,2,3,4,5,6", "hydra.sweeper.trials=4")
    broken = {"die_at_start": "ImportError: libcudart.so.13: cannot open shared object file"}
    ran = thorexp(tmp_path, *words, fake=broken)
    assert (1, 3, True) == (ran.code, len(ran.records), "libcudart.so.13" in ran.err), ran.err
    assert [] == found(ran)["trials"]
    mended = thorexp(tmp_path, *words)
    assert (0, 4) == (mended.code, sum(record.status == "finished" for record in mended.records)), mended.err
    assert 4 == len(found(mended)["trials"])


def test_a_server_that_fails_once_ends_no_search(tmp_path: Path) -> None:
    """All others are tried; that one is left for the next command, which this one says."""
    words = (*FAKED, "model=tiny_qwen3,tiny_qwen3_moe", "engine.max_num_seqs=2,4")
    ran = thorexp(tmp_path, *words, fake={"die_at_start": "ImportError: libcudart.so.13", "only_model": "moe"})
    assert (1, 2) == (ran.code, len(found(ran)["trials"])), ran.err
    assert "2 of 4 trials have failed by what is no fault of theirs." in ran.err


def test_an_executor_that_is_not_there_is_no_fault_of_a_point(tmp_path: Path) -> None:
    """Nothing is told, and nothing begins."""
    ran = thorexp(tmp_path, *FAKED, "model=tiny_qwen3", "engine.max_num_seqs=1,2", *NO_CLUSTER)
    assert (1, [], 0) == (ran.code, list(tmp_path.glob(f"outputs/*/{ANSWERS_JSON}")), ran.out.count("jobs finished"))
    assert all("judged" not in path.read_text() for path in tmp_path.glob("outputs/studies/*/study.log"))


def test_points_that_the_board_cannot_carry_cannot_win(tmp_path: Path) -> None:
    """They are refused without a server, and the search goes on."""
    ran = thorexp(tmp_path, *FAKED, "hardware=jetson_orin_nx_16gb", "model=qwen3_32b_awq,tiny_qwen3")
    assert (0, 1) == (ran.code, len(ran.records)), ran.err
    assert "; 2 of 2 points tried, 1 cannot win: 1 x " in ran.out


def test_a_search_that_goes_on_shows_what_was_refused_before(tmp_path: Path) -> None:
    """It has no record, and stands in the table and in its file all the same."""
    words = (*FAKED, "hardware=jetson_orin_nx_16gb", "model=qwen3_32b_awq,tiny_qwen3", "engine.max_num_seqs=1,2")
    thorexp(tmp_path, *words, "hydra.sweeper.trials=3")
    ran = thorexp(tmp_path, *words, "hydra.sweeper.trials=4")
    (summary,) = tmp_path.glob("outputs/*/summary.txt")
    assert (0, True) == (ran.code, "2 of 4 jobs finished, 2 failed" in ran.out), ran.err
    assert "2 of 4 jobs finished, 2 failed" in summary.read_text()


def test_values_that_do_not_go_together_cannot_win(tmp_path: Path) -> None:
    """Each of them can be composed, but not with that of the other key: no reason to stop."""
    words = [word for word in PREDICTED if not word.startswith(("load.max", "engine."))]
    ran = thorexp(tmp_path, *words, "load.exclude_first=0,9", "load.exclude_last=0,9")
    assert (0, True) == (ran.code, "1 x load.exclude_first=9 and load.exclude_last=9 leave" in ran.out), ran.err


def test_a_search_without_a_point_that_can_win_fails(tmp_path: Path) -> None:
    """It says so, and which one comes nearest."""
    ran = thorexp(tmp_path, *PREDICTED, "hydra.sweeper.trials=2", "hydra.sweeper.at_most={p99_ttft_ms:1}")
    assert (1, 2) == (ran.code, len(ran.records))
    assert "no point that can win" in ran.err
    (line,) = (line for line in ran.out.splitlines() if "no point can win, load.max_concurrency=" in line)
    assert " is nearest (trial " in line


@pytest.mark.parametrize("ends", [signal.SIGKILL, signal.SIGINT])
def test_a_search_goes_on_where_it_was_ended(tmp_path: Path, ends: signal.Signals) -> None:
    """The trial that ran then is run first; what was told stands; no point is there twice."""
    words = (*FAKED, "model=tiny_qwen3", "engine.max_num_seqs=1,2,3,4,5,6", "hydra.sweeper.trials=4")
    slow = {"token_delay_s": 0.5}
    with running(tmp_path, *words, fake=slow) as search:
        search.until(lambda: 2 == search.err.read_text().count("#") and 1 == len(find_run_dirs(tmp_path / "outputs")))
        asked = search.err.read_text().rpartition("#1 ")[2].splitlines()[0]
        search.process.send_signal(ends)
        search.process.wait(60)
    (first,) = find_run_dirs(tmp_path / "outputs")
    told = first.record()
    ran = thorexp(tmp_path, *words)
    assert (0, 4) == (ran.code, len(ran.records)), ran.err
    assert told.id in {record.id for record in ran.records}
    assert 1 == len({record.sweep for record in ran.records})
    assert asked.endswith(" ".join(trial_words(ran)[1]))
    assert 4 == len(set(trial_words(ran)))


def test_an_interrupted_search_has_its_table(tmp_path: Path) -> None:
    """Once, whether it was interrupted within a probe or between two, and with the way to go on."""
    words = (*PREDICTED, "hydra.sweeper.trials=8")
    with running(tmp_path, *words) as search:
        search.until(lambda: "trial 2 of 8" in search.err.read_text())
        search.process.send_signal(signal.SIGINT)
        search.process.wait(60)
        said = search.out.read_text()
    assert (130, 1, 1) == (search.process.returncode, said.count("jobs finished"), said.count("To go on where"))


def test_without_a_sweep_there_is_no_search(tmp_path: Path) -> None:
    """One job would run, and nothing would be searched."""
    ran = thorexp(tmp_path, "hydra/sweeper=optuna", "predict=true", "tracking=off")
    assert (1, 0) == (ran.code, len(ran.records))
    assert "hydra/sweeper=optuna is for a sweep" in ran.err


def test_a_line_without_an_end_is_left_out(tmp_path: Path) -> None:
    """As a kill in the midst of writing leaves it in the study's file."""
    first = thorexp(tmp_path, *PREDICTED, "hydra.sweeper.trials=2")
    (journal,) = tmp_path.glob("outputs/studies/*/study.log")
    with journal.open("a") as file:
        file.write('{"op_code":')
    again = thorexp(tmp_path, *PREDICTED, "hydra.sweeper.trials=3")
    assert (0, 0, 3) == (first.code, again.code, len(again.records)), again.err
    assert 3 == len(thorexp(tmp_path, *PREDICTED, "hydra.sweeper.trials=3").records)


def test_without_resume_a_search_begins_anew(tmp_path: Path) -> None:
    """The study of before is put aside, and all is measured again."""
    thorexp(tmp_path, *PREDICTED, "hydra.sweeper.trials=1")
    ran = thorexp(tmp_path, *PREDICTED, "hydra.sweeper.trials=2", "sweep.resume=false")
    assert (0, 1 + 2) == (ran.code, len(ran.records)), ran.err
    assert 2 == len(list(tmp_path.glob("outputs/studies/*/*study.log")))


# What is wrong with the command.


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("engine.max_num_sequences=8", "engine.max_num_seqs"),
        ("load=hihg,low", "hihg"),
        ("hydra.sweeper.maximize=output_througput", "output_throughput"),
        ("hydra.sweeper.trials=0", "hydra.sweeper.trials=20"),
        ("hydra/launcher=basic", "hydra/launcher=thorexp"),
        ("load=max_under_slo", "no other hydra/launcher or hydra/sweeper"),
    ],
)
def test_a_wrong_command_is_refused_before_anything_runs(tmp_path: Path, word: str, says: str) -> None:
    """With what to try, and nothing is left of it."""
    ran = thorexp(tmp_path, *PREDICTED, "slo.ttft_ms=2000", word)
    assert (1, True, []) == (ran.code, says in ran.err, list(tmp_path.glob("outputs/*"))), ran.err
    assert "Traceback" not in ran.err


def test_a_search_of_nothing_is_refused(tmp_path: Path) -> None:
    """Where no word has several values."""
    ran = thorexp(tmp_path, *SEARCH, "predict=true", "load=low")
    assert (1, True) == (ran.code, "nothing to choose from" in ran.err), ran.err


def test_a_dry_run_says_what_would_be_searched(tmp_path: Path) -> None:
    """And leaves nothing."""
    ran = thorexp(tmp_path, *PREDICTED, "dry_run=true", "hydra.sweeper.minimize=mean_ttft_ms")
    assert (0, []) == (ran.code, list(tmp_path.glob("outputs/*"))), ran.err
    assert "search   least mean_ttft_ms\ntrials   8 of 8 points\nover     load.max_concurrency: 1, 2, 4, 8\n" in ran.out


def test_an_experiment_may_say_what_is_searched(tmp_path: Path) -> None:
    """In hydra.sweeper.params, as a sweep has it there."""
    ran = thorexp(tmp_path, *SEARCH, "experiment=thor_max_num_seqs", "predict=true", "dry_run=true")
    assert (0, True) == (ran.code, "over     engine.max_num_seqs: 8, 16, 32\n" in ran.out), ran.err


# What else is installed.


def test_another_plugin_of_that_name_does_not_take_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As hydra-optuna-sweeper, which registers hydra/sweeper/optuna too."""
    plugin = tmp_path / "hydra_plugins" / "hydra_optuna_sweeper" / "config.py"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(
        "from hydra.core.config_store import ConfigStore\n"
        "theirs = {'defaults': [], '_target_': 'not.Ours'}\n"
        "ConfigStore.instance().store('optuna', theirs, 'hydra/sweeper', provider='other')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    ran = thorexp(tmp_path, "hydra/sweeper=optuna", "--cfg", "hydra", "-p", "hydra.sweeper")
    assert (0, True, True) == (ran.code, "ThorexpOptunaSweeper" in ran.out, "trials: 20" in ran.out), ran.err


def test_without_optuna_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is left."""
    (tmp_path / "lacks" / "optuna").mkdir(parents=True)
    (tmp_path / "lacks" / "optuna" / "__init__.py").write_text("raise ImportError('not installed')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lacks"))
    ran = thorexp(tmp_path, *PREDICTED)
    assert (1, True) == (ran.code, "pip install 'thorexp[search]'" in ran.err), ran.err
    assert [] == list(tmp_path.glob("outputs/*"))

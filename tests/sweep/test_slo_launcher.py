"""Searches for the highest load under an SLO, as a user types them."""

import itertools
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import FAKE, Ran, thorexp, tracked_runs
from tests.test_capacity import prepared
from thorexp.answers import ANSWERS_JSON, ANSWERS_MD
from thorexp.measure.metrics import is_good
from thorexp.predicting import predict
from thorexp.sweep.ending import SUMMARY_MD, SUMMARY_TXT, SWEEP_PAGE

# Qwen3-32B-AWQ on a Thor reads a prompt of these in some 200 ms, and a token takes 70.
SLO = ("slo.ttft_ms=2000", "slo.tpot_ms=150", "workload.input_len=128", "workload.output_len=32")
MODEL = "model=qwen3_32b_awq"
SEARCH = ("-m", MODEL, "load=max_under_slo", *SLO)
RATE = ("load.search.over=request_rate", "load.burstiness=inf", "load.search.min_duration_s=60")
UNTRACKED = "tracking=off"
TINY = (
    "-m",
    "hardware=cpu",
    "model=tiny_qwen3",
    "load=max_under_slo",
    "load.num_warmups=1",
    "load.search.min_prompts=6",
    "load.search.prompts_per_stream=1",
    "load.search.keep=0.5",
    f"server.command='{FAKE}'",
    "workload.input_len=64",
    "workload.output_len=4",
    "verdict.accept=[ttft_below_prefill_limit,tpot_below_decode_limit]",
    UNTRACKED,
)


def found(ran: Ran) -> list[dict[str, Any]]:
    """What the one sweep of that folder kept of its searches."""
    (file,) = ran.folder.glob(f"outputs/*/{ANSWERS_JSON}")
    values: list[dict[str, Any]] = json.loads(file.read_text())
    return values


@cache
def keeps(*words: str) -> bool:
    """Whether 95 % of some 500 requests keep the SLO in virtual time, without those of the first burst."""
    job = prepared("predict=true", MODEL, *SLO, "load.num_prompts=600", *words)
    assert job.sim is not None
    run, _ = predict(job, job.sim)
    counted = run.requests[100:]
    return sum(is_good(record, job.slo) for record in counted) >= 0.95 * len(counted)


@pytest.fixture(scope="module")
def predicted(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A search over concurrency, tracked."""
    return thorexp(tmp_path_factory.mktemp("predicted"), *SEARCH, "predict=true")


def test_the_highest_concurrency_is_the_one_that_trying_all_of_them_finds(tmp_path: Path) -> None:
    """Some 57 at once: it lies between what keeps and what misses, which are 5 % apart, in 12 probes at most."""
    words = ("model=qwen3_30b_a3b_fp8", "slo.ttft_ms=4000", "engine.max_num_seqs=128")
    kept = {n: keeps(*words, f"load.max_concurrency={n}") for n in range(50, 66)}
    truth = max(n for n, each in kept.items() if each)
    assert kept == {n: n <= truth for n in range(50, 66)}
    ran = thorexp(tmp_path, *SEARCH, *words, "predict=true", UNTRACKED)
    (answer,) = found(ran)
    assert 0.95 * truth <= answer["keeps"] <= truth < answer["misses"], (answer["says"], truth)
    assert answer["probes"] == len(ran.records) <= 12
    assert 50 < truth < 65


def test_a_low_concurrency_is_found_exactly(predicted: Ran) -> None:
    """The next whole number misses; all of 1 to 20 were tried."""
    assert 0 == predicted.code, predicted.err
    truth = max(n for n in range(1, 21) if keeps(f"load.max_concurrency={n}"))
    (answer,) = found(predicted)
    assert (truth, truth + 1) == (answer["keeps"], answer["misses"]), answer["says"]
    assert answer["probes"] == len(predicted.records) <= 12


def test_the_answer_is_told_wherever_the_sweep_is(predicted: Ran) -> None:
    """On the terminal, in its files, and as a metric of its run in MLflow."""
    (answer,) = found(predicted)
    assert answer["says"] in predicted.out
    (sweep,) = predicted.folder.glob("outputs/*")
    assert all(str(answer["says"])[:40] in (sweep / name).read_text() for name in (SUMMARY_TXT, ANSWERS_MD, SWEEP_PAGE))
    facts = [line for line in (sweep / SUMMARY_MD).read_text().splitlines() if line.startswith("- found: ")]
    assert 1 == len(facts)
    (run,) = (run for run in tracked_runs(predicted.folder) if run.kind == "sweep")
    assert "max_concurrency" in run.tags["mlflow.note.content"]


def test_each_probe_is_a_run_of_its_own(predicted: Ran) -> None:
    """Named by its concurrency."""
    (answer,) = found(predicted)
    names = [run.tags["mlflow.runName"] for run in tracked_runs(predicted.folder) if run.kind == "job"]
    assert len(names) == answer["probes"]
    assert all(any(f"max_concurrency={each['value']:g} " in name for name in names) for each in answer["tried"])


def test_a_search_that_is_asked_for_again_has_its_answer(predicted: Ran) -> None:
    """From its records: none is played again."""
    (before,) = found(predicted)
    again = thorexp(predicted.folder, *SEARCH, "predict=true")
    assert (0, [before]) == (again.code, found(again)), again.err


def test_the_highest_rate_is_the_one_that_trying_many_of_them_finds(tmp_path: Path) -> None:
    """To 5 % in 12 probes at most; of rates 1 % apart, between two of which the truth lies."""
    ran = thorexp(tmp_path, *SEARCH, *RATE, "predict=true", UNTRACKED)
    (answer,) = found(ran)
    steps = [2.5 * 1.01**i for i in range(60)]
    words = ("load.max_concurrency=null", "load.burstiness=inf")
    assert keeps(f"load.request_rate={steps[0]}", *words)
    low, high = next(pair for pair in itertools.pairwise(steps) if not keeps(f"load.request_rate={pair[1]}", *words))
    assert 0.95 * low <= answer["keeps"] <= high, (answer["says"], low, high)
    assert low < answer["misses"] <= 1.05 * high, (answer["says"], low, high)
    assert answer["probes"] == len(ran.records) <= 12


def test_a_simulated_server_is_searched_without_starting_it_anew(tmp_path: Path) -> None:
    """One server for all probes."""
    ran = thorexp(tmp_path, *SEARCH, "load.search.max_probes=2", "server=sim", "server.speedup=50", UNTRACKED)
    (answer,) = found(ran)
    assert (0, 2, 2) == (ran.code, answer["probes"], len(ran.records)), ran.err
    assert 1 == len(list(tmp_path.glob("outputs/*/servers/*.log")))


def test_a_load_that_is_no_search_is_played_beside_one(tmp_path: Path) -> None:
    """Once, of 10 requests; the search is over when not even 1 at once keeps what nobody can."""
    loads = ("load=max_under_slo,low", "slo.e2el_ms=1", "predict=true", UNTRACKED)
    ran = thorexp(tmp_path, "-m", MODEL, *SLO, *loads)
    (answer,) = found(ran)
    assert ([8, 4, 2, 1], None) == ([each["value"] for each in answer["tried"]], answer["keeps"]), ran.err
    assert (0, 5, 1) == (ran.code, len(ran.records), sum(10 == result["num_prompts"] for result in ran.results))


def test_a_server_that_cannot_start_ends_the_search(tmp_path: Path) -> None:
    """It has failed, and no SLO was missed."""
    ran = thorexp(tmp_path, *TINY, "slo.ttft_ms=1000", fake={"die_at_start": "ValueError: no such model"})
    (answer,) = found(ran)
    assert (1, [], None) == (ran.code, answer["tried"], answer["keeps"])
    assert "ended at 8: vLLM exited" in answer["says"]


def test_a_server_that_dies_under_a_load_has_missed_with_it(tmp_path: Path) -> None:
    """It is started again for a lower one."""
    words = ("slo.ttft_ms=60000", "load.search.max_probes=2", "load.search.prompts_per_stream=8")
    ran = thorexp(tmp_path, *TINY, *words, fake={"die_after_requests": 60})
    (answer,) = found(ran)
    assert [8.0, 4.0] == [each["value"] for each in answer["tried"]]
    assert [False, True] == [each["holds"] for each in answer["tried"]]
    assert answer["tried"][0]["why"].startswith("failed: ")


def test_a_dry_run_says_what_would_be_searched(tmp_path: Path) -> None:
    """With the first probe in the table; nothing is kept."""
    ran = thorexp(tmp_path, *SEARCH, "dry_run=true", "server.command=no-such-vllm")
    assert 0 == ran.code, ran.err
    assert "a search over load.max_concurrency, 8 first" in ran.out
    assert "12 probes at most" in ran.out
    assert [] == list(tmp_path.glob("outputs/*"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (SEARCH[1:], "load=max_under_slo is a search over many runs."),
        ((*SEARCH, "hydra/launcher=basic"), "load=max_under_slo is a search over many runs."),
        (("-m", MODEL, "load=max_under_slo"), "an SLO, and there is none"),
        ((*SEARCH, "load.search.keep=2"), "load.search.keep=2"),
        ((*SEARCH, "engine.max_num_sequences=8", "server=sim"), "max_num_sequences"),
    ],
    ids=["without -m", "another launcher", "no SLO", "no share", "no such flag"],
)
def test_what_cannot_be_searched_is_refused_before_anything_begins(
    tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    """With what to type."""
    ran = thorexp(tmp_path, *words, "predict=true", UNTRACKED)
    assert (1, True, True) == (ran.code, says in ran.err, "try" in ran.err), ran.err
    assert [] == list(tmp_path.glob("outputs/*/*/*"))


def test_repeats_of_a_probe_count_together(tmp_path: Path) -> None:
    """Of 100 requests each, 200."""
    ran = thorexp(tmp_path, *SEARCH, "predict=true", UNTRACKED, "sweep.repeats=2", "load.search.max_probes=1")
    (answer,) = found(ran)
    assert (1, 2, 200) == (answer["probes"], len(ran.records), answer["tried"][0]["share"]["total"])

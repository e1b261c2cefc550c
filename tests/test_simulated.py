"""The simulator as a user runs it: commands, sockets and MLflow are real, servers and boards are none."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

from tests.command_line import FAKE, Ran, servers_below, thorexp, tracked_runs
from tests.sweep.makers import a_tree
from thorexp.compose import composed
from thorexp.rundir import METRICS_AFTER, METRICS_BEFORE, PLAN, REPORT, REQUESTS, RESULT, VERDICT, RunDir
from thorexp.serve.metrics_page import totals
from thorexp.serve.server import claim_port
from thorexp.sim.server import ON_WAY_S
from thorexp.simulation import sim_spec

SPEEDUP, REQUEST_S = 25, 0.005
SIM = ("server=sim", f"server.speedup={SPEEDUP}", "load.num_warmups=1")
COUNT, PREFIXES, PREFIX = 6, 2, 256
SMALL = ("tracking=off", f"load.num_prompts={COUNT}", "workload.input_len=64", "workload.output_len=8")
LOW = ("model=qwen3_32b_awq", "load=low", *SMALL)
REPEATING = ("workload=prefix_repetition", f"workload.num_prefixes={PREFIXES}", f"workload.prefix_len={PREFIX}")
SIMULATED = ("SIMULATED: nothing of this was measured", "simulated", "simulated")


def only(ran: Ran) -> RunDir:
    """The record of a job that went well."""
    assert 0 == ran.code, ran.err
    (run_dir,) = ran.run_dirs
    return run_dir


def marks(of: RunDir) -> tuple[str, str, str]:
    """What the first line of a report, a verdict and a tag say of the origin."""
    return of.read_text(REPORT).splitlines()[0], of.read_json(VERDICT)["origin"], of.record().tags["origin"]


def during_load(run_dir: RunDir, name: str) -> float:
    """By how much a counter of the server's went up."""
    before, after = (totals(run_dir.read_text(page)) for page in (METRICS_BEFORE, METRICS_AFTER))
    return after[name] - before[name]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The README's first sweep, of fewer requests and shorter answers."""
    words = ("-m", "model=qwen3_32b_awq,qwen3_30b_a3b_fp8", "load=high,low", *SIM, "load.num_prompts=8")
    return thorexp(tmp_path_factory.mktemp("example"), *words, "workload.output_len=16")


def test_a_sweep_needs_no_vllm(example: Ran) -> None:
    """2 models by 2 loads, each finished and marked."""
    assert (0, ["finished"] * 4) == (example.code, [record.status for record in example.records]), example.err
    assert [SIMULATED] * 4 == [marks(run_dir) for run_dir in example.run_dirs]


def test_mlflow_has_it_as_simulated(example: Ran) -> None:
    """In tags that runs are filtered by."""
    jobs = [(run.status, run.tags) for run in tracked_runs(example.folder) if run.kind == "job"]
    said = [(status, tags["origin"], tags["verdict"].split(", ")[0]) for status, tags in jobs]
    assert [("FINISHED", "simulated", "SIMULATED")] * 4 == said


def test_each_row_of_a_sweep_says_it(example: Ran) -> None:
    """As text, Markdown and CSV."""
    for name, words in (("summary.txt", "│sim "), ("summary.md", "| SIMULATED, "), ("summary.csv", ",simulated,")):
        assert 4 == next(example.folder.glob(f"outputs/*/{name}")).read_text().count(words)


def test_the_titles_of_a_sweep_say_it(example: Ran) -> None:
    """Before all else."""
    texts = [next(example.folder.glob(f"outputs/*/{name}")).read_text() for name in ("summary.txt", "summary.md")]
    assert ["simulated: 4 of 4 jobs finished"] * 2 == [text.split(",")[0] for text in texts]
    assert "<p>simulated: 4 of 4 jobs finished" in next(example.folder.glob("outputs/*/report.html")).read_text()


def test_each_models_server_starts_once_and_ends(example: Ran) -> None:
    """Two logs of one start each, and no process."""
    logs = [path.read_text() for path in example.folder.glob("outputs/*/servers/*.log")]
    assert [1, 1] == [log.count("Application startup complete.") for log in logs]
    assert [] == servers_below(example.folder)


def test_all_of_the_published_table_over_http(tmp_path: Path) -> None:
    """7 models by 2 loads are 14 runs in MLflow, of 7 servers."""
    ran = thorexp(tmp_path, "-m", "experiment=thor_seed", *SIM, *SMALL, "server.speedup=200", "tracking=mlflow")
    runs = [(run.status, run.tags["origin"]) for run in tracked_runs(tmp_path) if run.kind == "job"]
    assert (0, [("FINISHED", "simulated")] * 14) == (ran.code, runs), ran.err
    assert (7, []) == (len(list(tmp_path.glob("outputs/*/servers/*.log"))), servers_below(tmp_path))


@pytest.fixture(scope="module", params=["cold", "repeating"])
def twice(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunDir, RunDir, int]:
    """A job over HTTP and predicted, with the prompt tokens that its prefixes repeat."""
    words = LOW if request.param == "cold" else (*LOW, *REPEATING)
    over_http = only(thorexp(tmp_path_factory.mktemp("http"), *words, *SIM))
    predicted = only(thorexp(tmp_path_factory.mktemp("predicted"), *words, "predict=true"))
    return over_http, predicted, 0 if words is LOW else (COUNT - PREFIXES) * PREFIX


def test_a_prediction_is_of_the_same_load(twice: tuple[RunDir, RunDir, int]) -> None:
    """The plan's digest and its tokens, all of which come; each record says what it is."""
    plans = [[d.read_json(PLAN)[key] for key in ("digest", "input_tokens", "output_tokens")] for d in twice[:2]]
    assert plans[0] == plans[1]
    assert [(SIMULATED, COUNT * 8)] * 2 == [(marks(d), d.read_json(RESULT)["total_output_tokens"]) for d in twice[:2]]


def test_the_prefix_cache_finds_the_same_in_both(twice: tuple[RunDir, RunDir, int]) -> None:
    """What is repeated of the prefixes, and nothing of prompts without."""
    ours = [run_dir.read_json(RESULT)["thorexp"] for run_dir in twice[:2]]
    assert [twice[2]] * 2 == [each["prefix_cache_hits_tokens"] for each in ours]
    assert ours[0]["prefix_cache_queries_tokens"] == ours[1]["prefix_cache_queries_tokens"]


def test_the_steps_are_the_same_in_both(twice: tuple[RunDir, RunDir, int]) -> None:
    """One at once, the prediction takes the time of the server's steps, and the API server's for each request."""
    busy_s = during_load(twice[0], "thorexp_sim_busy_seconds_total") * SPEEDUP
    assert pytest.approx(busy_s + COUNT * REQUEST_S, rel=1e-6) == twice[1].read_json(RESULT)["duration"]


def test_over_http_it_takes_as_long_as_predicted(twice: tuple[RunDir, RunDir, int]) -> None:
    """By the server's account to a tenth, but for HTTP's time and what it was late; by the client's no less."""
    http_s, predicted_s = (run_dir.read_json(RESULT)["duration"] for run_dir in twice[:2])
    late_s, least_s = during_load(twice[0], "thorexp_sim_late_seconds_total"), predicted_s - COUNT * ON_WAY_S * SPEEDUP
    print(f"HTTP {http_s:.3f} s, predicted {predicted_s:.3f} s, late {late_s * SPEEDUP:.3f} s")
    told_s = during_load(twice[0], "vllm:e2e_request_latency_seconds_sum")
    assert least_s <= told_s <= min(1.1 * predicted_s + late_s * SPEEDUP, http_s)


def test_without_vllm_the_ways_on_are_told(tmp_path: Path) -> None:
    """At once, with nothing kept: install it, go to a server that runs, or simulate one."""
    ran = thorexp(tmp_path, "-m", "load=high,low", "server.command=no-such-vllm")
    assert (1, []) == (ran.code, [*tmp_path.glob("outputs/*"), *tmp_path.glob("mlruns")])
    for way in ("pip install 'thorexp[vllm]'", "container or server that runs already: server=attach", "server=sim"):
        assert way in ran.err


def test_what_was_simulated_is_measured_all_the_same(tmp_path: Path) -> None:
    """The same words without predict=true run all points."""
    words = ("-m", *LOW, "load=high,low", f"server.command='{FAKE}'", "hydra.sweep.dir=outputs/here")
    rans = [thorexp(tmp_path, *words, *more) for more in (("predict=true",), ())]
    first = [ran.out.splitlines()[0] for ran in rans]
    assert "2 points: 0 done already, 2 to predict" == first[0]
    assert first[1].startswith("2 points: 0 done already, 2 to run on 1 server start;")
    assert ["measured"] * 2 + ["simulated"] * 2 == sorted(record.tags["origin"] for record in rans[-1].records)


def test_an_open_loop_is_in_simulated_time(tmp_path: Path) -> None:
    """Requests are due when the plan says, to the rounding of a speedup, none is sent before, and hardly one after."""
    run_dir = only(thorexp(tmp_path, "load=poisson", "load.request_rate=0.5", *SMALL, *SIM, "load.num_prompts=40"))
    planned = [request["due_ns"] for request in run_dir.read_json(PLAN)["stages"][0]["requests"]]
    requests = [json.loads(line) for line in run_dir.read_text(REQUESTS).splitlines()]
    begin_ns = requests[0]["scheduled_ns"] - planned[0]
    assert pytest.approx(planned, abs=SPEEDUP) == [request["scheduled_ns"] - begin_ns for request in requests]
    late_ns = [request["sent_ns"] - request["scheduled_ns"] for request in requests]
    assert 0 <= min(late_ns) <= median(late_ns) <= 0.02 * planned[-1]


def test_somebody_elses_simulated_server_is_known(tmp_path: Path) -> None:
    """It says what it is and how fast its time passes; no answer takes less than it says, and it is left running."""
    config, _ = composed(a_tree("server=sim", f"server.speedup={SPEEDUP}"))
    env = os.environ | {"THOREXP_SIM": sim_spec(config, {}, config.model.repository).as_json()}
    port = claim_port("127.0.0.1", None)
    command = (sys.executable, "-m", "thorexp.sim", "serve", config.model.repository, "--port", str(port))
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE) as server:
        try:
            assert server.stderr is not None
            while b"startup complete" not in server.stderr.readline():
                assert server.poll() is None
            run_dir = only(thorexp(tmp_path, *LOW, "server=attach", f"server.base_url=http://127.0.0.1:{port}"))
            assert server.poll() is None
        finally:
            server.kill()
    result = run_dir.read_json(RESULT)
    assert (SIMULATED, SPEEDUP) == (marks(run_dir), result["thorexp"]["speedup"])
    assert during_load(run_dir, "vllm:e2e_request_latency_seconds_sum") <= COUNT * result["mean_e2el_ms"] / 1e3


def test_what_was_published_stands_beside_a_prediction(tmp_path: Path) -> None:
    """Both loads of each of these models, as imported; the prediction as simulated."""
    words = (*LOW, "model=qwen3_32b_awq,qwen3_30b_a3b", "baseline=thor_blog_2025_10")
    ran = thorexp(tmp_path, "-m", *words, "predict=true")
    with next(tmp_path.glob("outputs/*/summary.csv")).open() as file:
        imported = sorted(row["point"] for row in csv.DictReader(file) if row["origin"] == "imported")
    names = [f"{model}, {load} at once" for model in ("Qwen3-30B-A3B", "Qwen3-32B-AWQ") for load in (1, 8)]
    assert (0, [f"thor_blog_2025_10: {name}" for name in names]) == (ran.code, imported)
    assert [4, 2] == [ran.out.count(f"│{origin} ") for origin in ("imp", "sim")]


def test_a_dry_run_predicts(tmp_path: Path) -> None:
    """What comes of a load, and how much of it keeps the SLO; nothing is started or kept."""
    words = ("-m", *LOW, "dry_run=true", "slo.ttft_ms=3000", "server.command=no-such-vllm")
    ran = thorexp(tmp_path, *words, "workload.input_len=64,2048")
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in ran.out.splitlines() if line[:1] == "│"]
    assert (0, [], []) == (ran.code, [*tmp_path.glob("outputs/*"), *tmp_path.glob("mlruns")], servers_below(tmp_path))
    assert [["100 %~", "to run"], ["0 %~", "to run"]] == [row[-2:] for row in rows]
    assert [True] * 6 == [cell.endswith("~") for row in rows for cell in row[-5:-2]]

"""What the simulator says of a job without playing it."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.test_capacity import prepared
from thorexp.errors import LoadError
from thorexp.keep import Measurement
from thorexp.measure.metrics import summarize
from thorexp.predicting import predict
from thorexp.prediction import Forecast, forecast, predicted
from thorexp.rundir import REQUESTS, RunDir
from thorexp.serve.engine_counters import EngineCounters
from thorexp.serve.prefix_cache import PrefixCache
from thorexp.trust import trust


def kept_of(folder: Path, *overrides: str) -> Measurement:
    """What is kept of two requests of 2,048 + 128 tokens to Qwen3-32B-AWQ on a Thor, but for what is typed."""
    job = prepared("predict=true", *overrides)
    assert job.sim is not None
    return predicted(job, job.sim, RunDir(folder))[1]


def test_a_forecast_is_that_of_the_whole_load_after_its_warm_up() -> None:
    """It takes as long as both; its numbers are those of all that was asked."""
    job = prepared("predict=true", "load.num_warmups=3")
    assert job.sim is not None
    runs = [predict(replace(job, plan=plan), job.sim)[0] for plan in (job.warmup, job.plan)]
    assert [3, 2] == [len(run.requests) for run in runs]
    of_load = summarize(runs[1], job.config.metrics.percentiles, job.slo)
    assert Forecast(runs[0].end_ns / 1e9 + runs[1].end_ns / 1e9, of_load) == forecast(job)


def test_a_load_that_would_be_given_up_is_forecast_until_then() -> None:
    """Its warm-up is whole, whatever it kept of the SLO."""
    words = ("load.num_prompts=50", "slo.ttft_ms=1")
    whole, given_up = (forecast(prepared(*words, *more)) for more in ((), ("load.stop_when.goodput=0.9",)))
    assert whole is not None
    assert given_up is not None
    assert (None, True) == (whole.summary.stopped, given_up.summary.stopped is not None)
    warm_up_s = [each.duration_s - each.summary.duration_s for each in (whole, given_up)]
    assert warm_up_s[0] == pytest.approx(warm_up_s[1])


def test_a_job_that_is_to_be_measured_has_the_forecast_of_one_that_is_predicted() -> None:
    """It is the same load on the same board."""
    assert forecast(prepared("predict=true")) == forecast(prepared()) is not None


@pytest.mark.parametrize(
    "words",
    [
        ("hardware=cpu",),
        ("quantization.kernels=int2",),
        ("engine.data_parallel_size=2",),
        ("server=attach", "server.base_url=http://127.0.0.1:8000"),
        ("engine.num_gpu_blocks_override=4",),
        ("model=qwen3_30b_a3b", "hardware=jetson_orin_nx_16gb"),
    ],
    ids=["board", "kernels", "replicas", "somebody else's", "no request fits", "the model does not fit"],
)
def test_what_cannot_be_simulated_has_no_forecast(words: tuple[str, ...]) -> None:
    """Absent, and no error: it may run all the same."""
    assert forecast(prepared(*words)) is None


def test_texts_have_no_forecast(tmp_path: Path) -> None:
    """Nobody has counted their tokens."""
    file = tmp_path / "prompts.jsonl"
    file.write_text('{"prompt": "one", "output_len": 4}\n')
    assert forecast(prepared("workload=jsonl", f"workload.file={file}", "load.num_prompts=1")) is None


def test_a_prediction_is_of_the_load_that_would_be_measured() -> None:
    """Token for token."""
    assert prepared().digest == prepared("predict=true").digest


def test_a_prediction_is_kept_as_a_measurement_is(tmp_path: Path) -> None:
    """Each request in a line, and its numbers."""
    kept = kept_of(tmp_path)
    assert 2 == len((tmp_path / REQUESTS).read_text().splitlines())
    assert (2, 2 * 128) == (kept.left.summary.completed, kept.left.summary.total_output_tokens)


def test_a_prediction_is_no_server_and_says_so(tmp_path: Path) -> None:
    """Its version ends so, and there is no address."""
    job = prepared("predict=true")
    assert job.sim is not None
    endpoint, kept = predicted(job, job.sim, RunDir(tmp_path))
    assert (True, "0.32+simulated") == (endpoint.simulated, endpoint.version)
    assert ("virtual time", "Qwen/Qwen3-32B-AWQ", "simulated") == (
        endpoint.base_url,
        endpoint.served_model,
        kept.left.origin,
    )


def test_the_verdict_on_a_prediction_is_of_its_origin(tmp_path: Path) -> None:
    """And nothing speaks against one that has no percentile of two values."""
    job = prepared("predict=true", "metrics.percentiles=[50]")
    assert job.sim is not None
    _, kept = predicted(job, job.sim, RunDir(tmp_path))
    assert "SIMULATED, VALID" == trust(job, kept.left).verdict.words


def test_a_predicted_server_is_cold(tmp_path: Path) -> None:
    """It was asked nothing before: 2 · 2,048 tokens are looked up, and none is found."""
    kept = kept_of(tmp_path)
    assert ("verified", PrefixCache(2 * 2048, 0)) == (kept.left.coldness.state, kept.left.cache)


def test_a_predicted_server_without_a_cache_says_so(tmp_path: Path) -> None:
    """As vLLM does, which counts nothing then."""
    kept = kept_of(tmp_path, "engine.enable_prefix_caching=false")
    assert "no cache" == kept.left.coldness.state


def test_what_was_preempted_is_told(tmp_path: Path) -> None:
    """A block too few for two answers, for one is kept for padding."""
    kept = kept_of(tmp_path, f"engine.num_gpu_blocks_override={2 * (2048 + 128) // 16}", "engine.max_model_len=2176")
    assert EngineCounters(preemptions=1) == kept.left.counted


def test_stages_are_told_each(tmp_path: Path) -> None:
    """By their names."""
    kept = kept_of(tmp_path, "load.stages=[{num_prompts: 2},{num_prompts: 1}]")
    assert [("stage 0", 2), ("stage 1", 1)] == [(name, summary.completed) for name, summary in kept.stages]


def test_what_is_excluded_does_not_count(tmp_path: Path) -> None:
    """As of a load that was played."""
    kept = kept_of(tmp_path, "load.max_concurrency=1", "load.num_prompts=4", "load.exclude_first=1")
    assert (3, 4) == (kept.left.summary.completed, len(kept.left.played.requests))


def test_a_prediction_of_which_nothing_succeeds_is_an_error(tmp_path: Path) -> None:
    """What was refused is kept all the same."""
    job = prepared("predict=true")
    assert job.sim is not None
    spec = replace(job.sim, limits=replace(job.sim.limits, max_model_len=100))
    with pytest.raises(LoadError, match="maximum context length is 100"):
        predicted(job, spec, RunDir(tmp_path))
    assert 2 == len((tmp_path / REQUESTS).read_text().splitlines())

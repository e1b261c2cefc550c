"""What is decided, and refused, before a server starts."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.test_compose import a_tree
from thorexp.asking import headers_of, target_of
from thorexp.compose import job_config, typed_engine_args
from thorexp.errors import ConfigError, FlagError
from thorexp.load.patience import Timeouts
from thorexp.prepare import PreparedJob, prepare
from thorexp.sim.spec import from_json

FAKE = f"{sys.executable} {Path(__file__).with_name('fake_vllm.py')} serve"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flags of the fake are asked afresh, and not remembered for the user."""
    monkeypatch.setattr("thorexp.prepare.FLAGS_CACHE", tmp_path)


def prepared(*overrides: str) -> PreparedJob:
    """A tiny job against the fake, as its command line says."""
    words = ("hardware=cpu", "model=tiny_qwen3", f"server.command='{FAKE}'", *overrides)
    return prepare(job_config(a_tree(*words)), typed_engine_args(overrides))


def source(job: PreparedJob, name: str) -> tuple[object, str]:
    """An engine argument's value and where it came from."""
    (arg,) = (arg for arg in job.engine_args if arg.name == name)
    return arg.value, arg.source


def test_engine_arguments_come_from_board_model_preset_and_command_line() -> None:
    """Each argument names the place that won."""
    job = prepared("engine=throughput", "engine.max_num_seqs=4")
    assert (True, "hardware cpu") == source(job, "enforce_eager")
    assert ("dummy", "model tiny_qwen3") == source(job, "load_format")
    assert (16384, "engine preset") == source(job, "max_num_batched_tokens")
    assert (4, "command line") == source(job, "max_num_seqs")


def test_null_on_the_command_line_takes_back_a_tuned_flag() -> None:
    """The flag is left out, and the record says who left it out."""
    job = prepared("engine.enforce_eager=null")
    assert (None, "command line") == source(job, "enforce_eager")
    assert job.launch is not None
    assert "--enforce-eager" not in job.launch.argv(1)


def test_points_of_earlier_versions_are_done_still() -> None:
    """Of a plain job the digest is the one that it had before a board could be prepared, by which records are found."""
    words = ("hardware=cpu", "model=tiny_qwen3", "dry_run=true", "server.command=no-such-vllm", "load.num_prompts=8")
    sizes = ("workload.input_len=64", "workload.output_len=16")
    job = prepare(job_config(a_tree(*words, *sizes)), frozenset())
    assert "638f4988c676b13a4fae82eca9e91c4e2fb0fb2e2615e427a3c06ddced23a28c" == job.point


def test_a_misspelt_engine_argument_is_refused() -> None:
    """By its full key, with the nearest that this vLLM has."""
    with pytest.raises(FlagError, match="--max-num-seq") as error:
        prepared("engine.max_num_seq=4")
    assert "engine.max_num_seqs" in str(error.value)


@pytest.mark.parametrize(
    "override",
    [
        "load.num_prompts=0",
        "load.max_concurrency=0",
        "load.request_rate=0",
        "load.burstiness=0",
        "workload.input_len=0",
        "workload.output_len=0",
        "workload.range_ratio=1.0",
        "workload.seed=-1",
        "load.num_warmups=-1",
        "load.exclude_first=-1",
        "load.exclude_last_s=-1",
        "load.stop_when.error_rate=1.5",
        "load.stop_when.goodput=-0.5",
        "load.stop_when.goodput=0.5",
        "load.time_scale=2.0",
        "endpoint.timeout_s=-1",
        "endpoint.idle_timeout_s=0",
        "slo.ttft_ms=-5",
        "metrics.percentiles=[50,101]",
        "endpoint.extra_body.stream=false",
        "endpoint.headers.Authorization=Bearer",
        "endpoint.headers.x-api-key=abc",
        "telemetry.interval_s=0",
        "verdict.drift=-1",
    ],
)
def test_numbers_that_make_no_load_are_refused_by_key(override: str) -> None:
    """Before any server, by the key as typed. So are a secret in the config and a body that undoes what is measured."""
    with pytest.raises(ConfigError, match=override.split("=")[0]):
        prepared(override)


def test_loads_share_a_server_and_models_do_not() -> None:
    """The load, its seed and the metrics leave the server's fingerprint alone; another model changes it."""
    one, other_load, other_model = (
        prepared(*words).launch for words in ((), ("load=low", "workload.seed=7"), ("model=tiny_qwen3_moe",))
    )
    assert one is not None
    assert other_load is not None
    assert other_model is not None
    assert one.fingerprint == other_load.fingerprint
    assert one.fingerprint != other_model.fingerprint


@pytest.mark.parametrize(
    "override",
    [
        "tracking=off",
        "tracking.experiment=other",
        "sweep.repeats=3",
        "sweep.resume=false",
        "sweep.cooldown_s=60",
        "sweep.lock=false",
        "dry_run=true",
        "baseline=thor_blog_2025_10",
        "sim.request_ms=9",
        "sim.kernels.bf16_dense.prefill=0.2",
        "quantization.kernels=fp8",
        "server.speedup=9",
        "telemetry=off",
        "telemetry.interval_s=1",
        "verdict.drift=0.2",
        "verdict.accept=[drift]",
        "server.ready_timeout_s=9",
        "server.stop_timeout_s=9",
        "server.memory_timeout_s=9",
        "hardware.prepare.drop_caches=true",
        "hardware.prepare.sudo=false",
        "server.host=0.0.0.0",
        "server.port=8000",
    ],
)
def test_a_point_stays_what_it_is(override: str) -> None:
    """How its server is waited for, what is sampled and believed, where it is tracked and what other jobs there are do
    not decide its result.
    """
    assert prepared().point == prepared(override).point


@pytest.mark.parametrize(
    "override",
    [
        "workload.seed=1",
        "load.num_prompts=11",
        "model=tiny_qwen3_moe",
        "quantization=w8a16",
        "engine.max_num_seqs=4",
        "engine.max_model_len=2176",
        "slo.ttft_ms=100",
        "+server.env.VLLM_USE_V1=1",
        "hardware.memory_gb=16",
        "hardware.prepare.lock_clocks=true",
        "endpoint=chat",
        "endpoint.stream=false",
        "+endpoint.extra_body.temperature=0",
        "endpoint.timeout_s=60",
        "load.exclude_first=2",
        "load.stop_when.error_rate=0.5",
        "load.stages=[{num_prompts: 5},{num_prompts: 5}]",
        "workload.turns=2",
    ],
)
def test_another_request_is_another_point(override: str) -> None:
    """Whatever may decide the result, or is kept in it."""
    assert prepared().point != prepared(override).point


def test_another_vllm_makes_another_point() -> None:
    """An update of vLLM is measured anew, under the same command."""
    job = prepared()
    assert job.point != replace(job, vllm_version="0.33.0").point


def test_a_dry_run_does_without_a_vllm() -> None:
    """It says that it has not checked what vLLM would know."""
    job = prepare(job_config(a_tree("dry_run=true", "server.command=no-such-vllm")), frozenset())
    assert (True, None) == (job.unchecked, job.vllm_version)


def test_a_dry_run_asks_the_vllm_that_is_there() -> None:
    """It refuses what a run would refuse."""
    with pytest.raises(FlagError, match="--max-num-seq"):
        prepared("dry_run=true", "engine.max_num_seq=4")


def test_a_run_does_not_do_without_a_vllm() -> None:
    """The refusal names the key of the command."""
    with pytest.raises(ConfigError, match=r"server\.command"):
        prepare(job_config(a_tree("server.command=no-such-vllm")), frozenset())


def test_nothing_is_left_unchecked_of_somebody_elses_server() -> None:
    """There are no arguments to check."""
    assert not prepared("server=attach", "server.base_url=http://127.0.0.1:8000").unchecked


def test_attach_without_a_url_is_refused() -> None:
    """The refusal names the key to give."""
    with pytest.raises(ConfigError, match=r"server\.base_url"):
        prepared("server=attach")


def test_attach_starts_nothing() -> None:
    """Somebody else's server has no launch of ours."""
    assert prepared("server=attach", "server.base_url=http://127.0.0.1:8000").launch is None


def test_engine_arguments_of_somebody_elses_server_are_neither_typed_nor_claimed() -> None:
    """Typed ones are refused; none are recorded, since nobody knows them."""
    attached = ("server=attach", "server.base_url=http://127.0.0.1:8000")
    assert () == prepared(*attached).engine_args
    with pytest.raises(ConfigError, match="cannot be chosen"):
        prepared(*attached, "engine.max_num_seqs=8")


def test_a_point_follows_the_content_of_the_workloads_file(tmp_path: Path) -> None:
    """Another prompt under the same name is another point, and the old content the old one."""
    file = tmp_path / "prompts.jsonl"
    points = []
    for word in ("one", "two", "one"):
        file.write_text(f'{{"prompt": "{word}", "output_len": 4}}\n')
        points.append(prepared("workload=jsonl", f"workload.file={file}", "load.num_prompts=1").point)
    assert (points[0], 2) == (points[2], len(set(points)))


def test_a_plan_has_its_digest_before_a_server_counts() -> None:
    """It is that of the plan as it was made."""
    job = prepared()
    assert job.plan.digest == job.digest


@pytest.mark.parametrize(("first", "last"), [(10, 0), (0, 10), (5, 5), (99, 99)])
def test_an_exclusion_that_leaves_nothing_is_refused(first: int, last: int) -> None:
    """Before a server is started for it."""
    with pytest.raises(ConfigError, match=f"load.exclude_first={first} and load.exclude_last={last}"):
        prepared("load=low", f"load.exclude_first={first}", f"load.exclude_last={last}")


def test_an_exclusion_may_leave_one() -> None:
    """Nine of ten."""
    assert (5, 4) == (
        (job := prepared("load=low", "load.exclude_first=5", "load.exclude_last=4")).exclusion.first,
        job.exclusion.last,
    )


KEY = "sk-a-key-that-nobody-may-see"


def test_the_key_of_the_environment_goes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a bearer, beside the headers that were typed; from the variable that is named."""
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\n")
    monkeypatch.setenv("OTHER", "another")
    job = prepared("+endpoint.headers.X-Team=ours")
    assert {"X-Team": "ours", "Authorization": f"Bearer {KEY}"} == headers_of(job.config.endpoint)
    assert "Bearer another" == headers_of(prepared("endpoint.api_key_env=OTHER").config.endpoint)["Authorization"]


@pytest.mark.parametrize("key", [None, "", " "])
def test_without_a_key_there_is_no_bearer(monkeypatch: pytest.MonkeyPatch, key: str | None) -> None:
    """An empty variable is none."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    if key is not None:
        monkeypatch.setenv("OPENAI_API_KEY", key)
    assert {} == headers_of(prepared().config.endpoint)


def test_a_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever logs a job, its launch or its target logs no key; it is there all the same."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    job = prepared()
    target = target_of(job.config.endpoint, "http://127.0.0.1:8000", "m")
    assert job.launch is not None
    assert [True, True] == [KEY in str(dict(headers)) for headers in (job.launch.headers, target.headers)]
    assert [] == [shown for shown in (repr(job), repr(job.launch), repr(target)) if KEY in shown]


def test_a_key_decides_neither_server_nor_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new key measures nothing anew."""
    before = prepared()
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    after = prepared()
    assert before.launch is not None
    assert after.launch is not None
    assert (before.point, before.launch.fingerprint) == (after.point, after.launch.fingerprint)


@pytest.mark.parametrize("key", ["sk-one\nsk-two", "sk-one\rtwo", "sk-ünicode", "sk-\u2026"])
@pytest.mark.parametrize("server", [(), ("server=attach", "server.base_url=http://127.0.0.1:8000")])
def test_a_key_that_no_header_can_hold_is_refused_unseen(
    monkeypatch: pytest.MonkeyPatch, key: str, server: tuple[str, ...]
) -> None:
    """By the name of its variable. An HTTP client would quote it in its complaint."""
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(ConfigError, match="OPENAI_API_KEY") as refused:
        prepared(*server)
    assert "sk-" not in str(refused.value)


def test_a_target_has_the_endpoints_patience() -> None:
    """Each limit by its own key."""
    words = ("connect_timeout_s=1", "first_token_timeout_s=2", "idle_timeout_s=3", "timeout_s=4", "stream=false")
    job = prepared("endpoint=chat", *(f"endpoint.{word}" for word in words))
    target = target_of(job.config.endpoint, "http://127.0.0.1:8000", "m")
    assert (Timeouts(1.0, 2.0, 3.0, 4.0), "chat", False) == (target.timeouts, target.api, target.stream)


# A board whose figures are known.
ON_THOR = ("hardware=jetson_agx_thor",)
PREDICTED = (*ON_THOR, "predict=true")
SIMULATED = (*ON_THOR, "server=sim")


def simulated(*overrides: str) -> PreparedJob:
    """A tiny job on a simulated server, whose command is thorexp's own."""
    words = ("hardware=cpu", "model=tiny_qwen3", *SIMULATED, *overrides)
    return prepare(job_config(a_tree(*words)), typed_engine_args(overrides))


@pytest.mark.parametrize("way", ["predict=true", "server=sim"])
def test_what_is_simulated_is_another_point_than_what_is_measured(way: str) -> None:
    """One is no record of the other."""
    assert prepared(*ON_THOR).point != prepared(*ON_THOR, way).point


@pytest.mark.parametrize(
    "override",
    [
        "sim.request_ms=9",
        "sim.kernels.bf16_dense.prefill=0.2",
        "quantization.kernels=fp8",
        "workload.seed=1",
        "engine.max_num_seqs=4",
    ],
)
def test_another_simulation_is_another_point(override: str) -> None:
    """Whatever decides what is simulated, predicted or served."""
    assert prepared(*PREDICTED).point != prepared(*PREDICTED, override).point
    assert simulated().point != simulated(override).point


def test_another_pace_is_another_point() -> None:
    """What the client adds to each number is that much larger in it."""
    assert simulated().point != simulated("server.speedup=9").point


@pytest.mark.parametrize("override", ["tracking=off", "baseline=thor_blog_2025_10", "dry_run=true"])
def test_a_simulated_point_stays_what_it_is(override: str) -> None:
    """As a measured one does."""
    assert prepared(*PREDICTED).point == prepared(*PREDICTED, override).point


def test_a_job_that_is_measured_has_nothing_to_simulate() -> None:
    """Though its board is known."""
    assert prepared(*ON_THOR).sim is None


def test_a_prediction_has_the_plan_and_the_arguments_of_the_real_job() -> None:
    """Only what becomes of them is another."""
    real, predicted = prepared(*ON_THOR), prepared(*PREDICTED)
    assert (real.digest, real.engine_args) == (predicted.digest, predicted.engine_args)


def test_a_simulated_server_is_one_of_thorexps_own() -> None:
    """Which reads from its environment what to simulate, and has the flags that vLLM would have."""
    job = simulated("engine.max_num_seqs=4")
    assert job.launch is not None
    assert job.sim is not None
    assert (sys.executable, "-m", "thorexp.sim", "serve") == job.launch.command
    assert from_json(dict(job.launch.env)["THOREXP_SIM"]) == job.sim
    assert "--max-num-seqs" in job.launch.argv(1)


def test_another_simulation_is_another_server() -> None:
    """And another load is not."""
    one, other, load = (simulated(*words).launch for words in ((), ("sim.request_ms=9",), ("load=low",)))
    assert one is not None
    assert other is not None
    assert load is not None
    assert (False, True) == (one.fingerprint == other.fingerprint, one.fingerprint == load.fingerprint)


def test_a_simulated_server_needs_no_vllm_to_know_its_flags() -> None:
    """They are those of the vLLM that is simulated: a misspelt one is refused, and nothing is left unchecked."""
    with pytest.raises(FlagError, match="--max-num-seq"):
        simulated("engine.max_num_seq=4")
    assert (False, "0.32") == (simulated().unchecked, simulated().vllm_version)


def test_a_prediction_needs_no_vllm() -> None:
    """One that is there is asked."""
    missing = prepare(job_config(a_tree(*PREDICTED, "server.command=no-such-vllm")), frozenset())
    there = prepared(*PREDICTED)
    assert ("0.32", False) == (missing.vllm_version, missing.unchecked)
    assert there.vllm_version == prepared(*ON_THOR).vllm_version

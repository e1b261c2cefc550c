"""What is decided, and refused, before a server starts."""

import sys
from pathlib import Path

import pytest

from tests.test_compose import a_tree
from thorexp.compose import job_config, typed_engine_args
from thorexp.errors import ConfigError, FlagError
from thorexp.prepare import PreparedJob, prepare

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
    ],
)
def test_numbers_that_make_no_load_are_refused_by_key(override: str) -> None:
    """Before any server, by the key as typed."""
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


def test_a_point_is_known_by_what_decides_its_result() -> None:
    """Where it is tracked does not make another point; its seed does."""
    assert prepared().point == prepared("tracking=off").point
    assert prepared().point != prepared("workload.seed=1").point


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

from typing import Any

import pytest

from thorexp.tracking.params import asked_of, params_of

CONFIG: dict[str, Any] = {
    "predict": False,
    "model": {"name": "qwen3_32b_awq", "engine": {"max_num_seqs": 4}},
    "hardware": {"name": "jetson_agx_thor", "memory_gb": 131.88},
    "engine": {"max_num_seqs": 16},
    "server": {"kind": "vllm", "speedup": 1.0, "env": {"HF_TOKEN": "hf_abc", "VLLM_ATTENTION_BACKEND": "FLASHINFER"}},
    "load": {"name": "high", "num_prompts": 100, "request_rate": 2.0, "stages": []},
    "workload": {"name": "random", "input_len": 2048, "output_len": 128},
    "slo": {"ttft_ms": None, "tpot_ms": None},
    "telemetry": {"interval_s": 0.1},
    "tracking": {"uri": "postgresql://ann:secret@db/mlflow"},
    "baseline": {"name": "none"},
}
CHOSEN = {
    "model": "qwen3_32b_awq",
    "hardware": "jetson_agx_thor",
    "load": "high",
    "workload": "random",
    "server": "vllm",
}


def test_what_was_only_composed_is_no_param() -> None:
    """Of a hundred keys that no one typed, only the options of the groups are left."""
    assert CHOSEN == params_of(CONFIG, (), ())


def test_a_typed_key_has_the_value_that_the_config_has() -> None:
    """Resolved, not as it was typed."""
    assert CHOSEN | {"load.request_rate": "2.0"} == params_of(CONFIG, (), ("load.request_rate=2",))


def test_engine_arguments_are_those_that_vllm_got() -> None:
    """Whoever asked for them, and whatever the groups wished."""
    got: list[dict[str, Any]] = [{"name": "max_num_seqs", "value": 8}, {"name": "kv_cache_dtype", "value": "fp8"}]
    expected = {"engine.max_num_seqs": "8", "engine.kv_cache_dtype": "fp8"}
    assert CHOSEN | expected == params_of(CONFIG, got, ("engine.max_num_seqs=8",))


@pytest.mark.parametrize(
    "typed", ["sweep.repeats=3", "tracking.experiment=a", "verdict.drift=0.2", "predict=True", "dry_run=True"]
)
def test_how_it_is_kept_and_judged_is_no_param(typed: str) -> None:
    """It is alike for what is compared, or does not change what is measured."""
    assert CHOSEN == params_of(CONFIG, (), (typed,))


def test_a_typed_option_of_a_group_is_said_once() -> None:
    """By its group."""
    assert CHOSEN == params_of(CONFIG, (), ("load=high", "server=vllm", "slo=none", "telemetry=default"))


def test_an_experiment_is_a_param() -> None:
    """It chooses for groups, and is none itself."""
    assert "thor_seed" == params_of(CONFIG, (), ("experiment=thor_seed",))["experiment"]


def test_a_typed_mapping_is_its_keys() -> None:
    """As each of them would be typed."""
    expected = {"server.env.VLLM_ATTENTION_BACKEND": "FLASHINFER", "server.env.HF_TOKEN": "***"}
    assert CHOSEN | expected == params_of(CONFIG, (), ("+server.env={VLLM_ATTENTION_BACKEND:FLASHINFER}",))


def test_a_key_that_was_added_is_a_param() -> None:
    """Hydra's plus is no part of its name."""
    expected = {"server.env.VLLM_ATTENTION_BACKEND": "FLASHINFER"}
    assert CHOSEN | expected == params_of(CONFIG, (), ("++server.env.VLLM_ATTENTION_BACKEND=FLASHINFER",))


def test_a_key_that_was_taken_away_is_none() -> None:
    """It has no value."""
    assert CHOSEN == params_of(CONFIG, (), ("~server.env.OTHER", "~server.env.ANOTHER=1"))


def test_a_token_is_not_shown() -> None:
    """That there was one is."""
    assert "***" == params_of(CONFIG, (), ("+server.env.HF_TOKEN=hf_abc",))["server.env.HF_TOKEN"]


def test_params_show_no_password_of_a_url() -> None:
    """Servers are named with their credentials by some."""
    config = CONFIG | {"server": {"kind": "attach", "base_url": "http://ann:secret@thor:8000"}}
    params = params_of(config, (), ("server.base_url=http://ann:secret@thor:8000",))
    assert "http://***@thor:8000" == params["server.base_url"]


def test_limits_of_the_slo_are_params_whoever_chose_them() -> None:
    """Those that bind."""
    config = CONFIG | {"slo": {"ttft_ms": 2000, "tpot_ms": None}}
    assert CHOSEN | {"slo.ttft_ms": "2000"} == params_of(config, (), ("slo=mlperf_server",))


def test_a_baseline_is_a_param() -> None:
    """The published table that it was held against."""
    assert "nvidia" == params_of(CONFIG | {"baseline": {"name": "nvidia"}}, (), ())["baseline"]


def test_a_prediction_has_no_server() -> None:
    """Whatever group was chosen, nothing was served."""
    assert "none" == params_of(CONFIG | {"predict": True}, (), ())["server"]


def test_a_record_that_does_not_say_what_was_typed_shows_its_load() -> None:
    """Older and imported ones are told apart by it."""
    expected = {"load.num_prompts": 100, "workload.input_len": 2048, "workload.output_len": 128}
    assert expected == asked_of(CONFIG, None)


def test_a_param_too_long_for_mlflow_is_cut_where_one_can_see_it() -> None:
    """MLflow takes 6000 characters and would cut the rest in silence."""
    assert {"engine.a": "x" * 5999 + "…"} == params_of({}, [{"name": "a", "value": "x" * 6001}], ())


def test_keys_are_brought_into_the_characters_that_mlflow_takes() -> None:
    """One odd key does not lose the whole record."""
    assert {"engine.fp8_dense_": "1"} == params_of({}, [{"name": "fp8[dense]", "value": 1}], ())


def test_the_key_of_a_server_is_not_shown() -> None:
    """Whether it was typed, or is what vLLM got."""
    got: list[dict[str, Any]] = [{"name": "api_key", "value": ["sk"]}]
    typed = params_of({"engine": {"api_key": "sk"}}, (), ("engine.api_key=sk",))
    assert {"engine.api_key": "***"} == typed == params_of({}, got, ())

"""How a server is started."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.test_compose import a_tree
from thorexp.compose import job_config, typed_engine_args
from thorexp.config_server import ServerConfig
from thorexp.errors import ConfigError
from thorexp.launch import IN_ENVIRONMENT, MODELS, check_args, check_words
from thorexp.prepare import prepare
from thorexp.serve.engine_args import EngineArg
from thorexp.serve.flags import shipped_flags
from thorexp.serve.server import LaunchSpec

FAKE = f"{sys.executable} {Path(__file__).with_name('fake_vllm.py')} serve"
TINY = ("hardware=cpu", "model=tiny_qwen3")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flags of the fake are asked afresh, and not remembered for the user."""
    monkeypatch.setattr("thorexp.prepare.FLAGS_CACHE", tmp_path)


def launched(*overrides: str) -> LaunchSpec:
    """By the fake, as its command line says."""
    words = (*TINY, f"server.command='{FAKE}'", *overrides)
    spec = prepare(job_config(a_tree(*words)), typed_engine_args(words)).launch
    assert spec is not None
    return spec


def a_server(*args: str) -> ServerConfig:
    """In a container that is started with these words."""
    words = ("hardware=jetson_agx_thor", "server=docker", f"server.docker.args={list(args)}")
    return job_config(a_tree(*words)).server


@pytest.mark.parametrize(
    ("typed", "name", "value"),
    [
        ("engine.api_key=sk-mine", "VLLM_API_KEY", "sk-mine"),
        ("engine.api_key=[sk-mine]", "VLLM_API_KEY", "sk-mine"),
        ("engine.hf_token=hf_mine", "HF_TOKEN", "hf_mine"),
    ],
)
def test_a_key_is_in_the_environment_and_not_among_the_words(typed: str, name: str, value: str) -> None:
    """Which every user of the machine can see."""
    spec = launched(typed)
    assert (value, []) == (dict(spec.env)[name], [word for word in spec.argv(1) if "mine" in word or "key" in word])


@pytest.mark.parametrize("typed", ["engine.hf_token=true", "engine.api_key=null"])
def test_a_switch_is_no_secret(typed: str) -> None:
    """That vLLM shall look for a token, or shall have no key."""
    assert {"VLLM_API_KEY", "HF_TOKEN"}.isdisjoint(dict(launched(typed).env))


def test_servers_of_two_keys_are_two() -> None:
    """What one refuses the other answers."""
    assert launched("engine.api_key=one").fingerprint != launched("engine.api_key=other").fingerprint


def test_several_keys_are_refused() -> None:
    """vLLM's variable holds one."""
    with pytest.raises(ConfigError, match=r"engine\.api_key has 2 values\."):
        launched("engine.api_key=[one,other]")


@pytest.mark.parametrize(
    "command",
    [
        "vllm serve --api-key sk-mine",
        "env HF_TOKEN=hf_mine vllm serve",
        "vllm serve --api-key=sk-mine",
        "env X_SECRET_VALUE=mine vllm serve",
    ],
)
def test_a_command_with_a_secret_is_refused(command: str) -> None:
    """And not quoted."""
    with pytest.raises(ConfigError, match=r"server\.command has a secret in it") as refused:
        launched(f"server.command='{command}'")
    assert "mine" not in str(refused.value)


@pytest.mark.parametrize(
    "args",
    [("-e", "PGPASSWORD=mine"), ("-e", "HFTOKEN=mine"), ("--env", "MY_AUTH_HEADER=mine"), ("--env=A_SECRET_ONE=mine",)],
)
def test_a_variable_of_a_container_with_a_secret_is_refused(args: tuple[str, ...]) -> None:
    """By the rule that holds for server.env."""
    with pytest.raises(ConfigError, match=r"server\.docker\.args has a secret in it") as refused:
        check_words(a_server(*args))
    assert "mine" not in str(refused.value)


def test_the_words_of_a_container_without_a_secret_are_taken() -> None:
    """Variables that vLLM's users set, among flags and mounts."""
    variables = ("-e", "TOKENIZERS_PARALLELISM=false", "-e", "HF_TOKEN", "--env=VLLM_LOGGING_LEVEL=DEBUG")
    check_words(a_server(*variables, "--mount", "type=bind,source=/a,target=/token", "--ulimit", "memlock=-1"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("compilation_config", {"aws_secret_access_key": "mine"}),
        ("additional_config", [{"a": {"password": "mine"}}]),
        ("otlp_traces_endpoint", "http://ann:mine@thor"),
        ("additional_config", '{"api_key": "mine"}'),
    ],
)
def test_an_engine_argument_with_a_secret_is_refused(name: str, value: Any) -> None:
    """However deep in it."""
    with pytest.raises(ConfigError, match=rf"engine\.{name} has a secret in it") as refused:
        check_args((EngineArg(name, value, "command line"),))
    assert "mine" not in str(refused.value)


def test_a_job_with_a_secret_in_an_engine_argument_is_refused() -> None:
    """Before anything is started."""
    with pytest.raises(ConfigError, match=r"engine\.compilation_config has a secret in it"):
        launched("+engine.compilation_config={aws_secret_access_key: mine}")


def test_of_vllms_own_arguments_none_is_refused() -> None:
    """Whatever its name speaks of: tokens, keys, credentials."""
    names = {flag.removeprefix("--").replace("-", "_") for flag in shipped_flags().flags} - IN_ENVIRONMENT.keys()
    assert {"max_num_batched_tokens", "tokenizer", "long_prefill_token_threshold", "ssl_keyfile"} <= names
    switches = {"allow_credentials", "no_allow_credentials"}
    check_args(tuple(EngineArg(name, True if name in switches else "8", "command line") for name in sorted(names)))


@pytest.mark.parametrize("kind", ["vllm", "sim"])
def test_a_server_listens_to_this_machine_alone(kind: str) -> None:
    """Unless another server.host was asked for."""
    words = launched(*(("server=sim", "hardware=jetson_agx_thor") if kind == "sim" else ())).argv(1)
    assert "127.0.0.1" == words[words.index("--host") + 1]


@pytest.mark.parametrize("name", ["../../../elsewhere", "/etc/a", "a b/c", ".."])
def test_a_model_of_random_weights_stays_in_its_folder(name: str) -> None:
    """Whatever it is called."""
    model = Path(launched("model.weights=random", "model.name='" + name + "'").model)
    assert MODELS.resolve() == model.parent

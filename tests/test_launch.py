"""How a server is started."""

import sys
from pathlib import Path

import pytest

from tests.test_compose import a_tree
from thorexp.compose import job_config, typed_engine_args
from thorexp.errors import ConfigError
from thorexp.launch import MODELS
from thorexp.prepare import prepare
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
    "command", ["vllm serve --api-key sk-mine", "env HF_TOKEN=hf_mine vllm serve", "vllm serve --api-key=sk-mine"]
)
def test_a_command_with_a_secret_is_refused(command: str) -> None:
    """And not quoted."""
    with pytest.raises(ConfigError, match=r"server\.command has a secret in it") as refused:
        launched(f"server.command='{command}'")
    assert "mine" not in str(refused.value)


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

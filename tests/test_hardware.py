"""`hardware=auto` is the config of the machine that one sits at."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tests.command_line import thorexp
from thorexp.compose import composed, explain
from thorexp.conf_tree import conf_dir, register
from thorexp.config import JobConfig
from thorexp.errors import ConfigError
from thorexp.hardware import choose, register_auto
from thorexp.machine.identity import identity

THOR = "NVIDIA Jetson AGX Thor Developer Kit, T5000"
DESCRIPTIONS = {
    THOR: "jetson_agx_thor",
    "NVIDIA Jetson T4000, T4000": "jetson_t4000",
    "NVIDIA Jetson AGX Thor Developer Kit, T4000": "jetson_t4000",
    "NVIDIA Jetson AGX Orin Developer Kit, 64 GB": "jetson_agx_orin_64gb",
    "NVIDIA Jetson Orin NX Engineering Reference Developer Kit, 16 GB": "jetson_orin_nx_16gb",
    "NVIDIA Jetson Orin NX Engineering Reference Developer Kit Super, 16 GB": "jetson_orin_nx_16gb",
    "NVIDIA GB10": "dgx_spark",
    "NVIDIA_DGX_Spark": "dgx_spark",
    "NVIDIA H200": "h200",
    "8 x NVIDIA H200": "h200",
    "CPU only: AMD EPYC 9R14": "cpu",
}
OTHERS = (
    "NVIDIA Jetson AGX Orin Developer Kit, 32 GB",
    "NVIDIA Jetson Orin NX Engineering Reference Developer Kit, 8 GB",
    "2 x NVIDIA H100 80GB HBM3",
    "NVIDIA GH200 480GB",
    "NVIDIA H200 NVL",
    "NVIDIA H200, NVIDIA L4",
    "an NVIDIA GPU that NVML does not name",
)
PATTERNS = {
    file.stem: OmegaConf.load(file).match for file in (conf_dir() / "hardware").glob("*.yaml") if file.stem != "auto"
}
IS_KNOWN = any(re.search(pattern, identity().description) for pattern in PATTERNS.values())
# hardware=auto reads the machine that the test runs on, and refuses one that it does not know, as it should.
ON_A_KNOWN_BOARD = pytest.mark.skipif(not IS_KNOWN, reason="this machine has no config")

Sitting = Callable[[str], None]


@pytest.fixture
def sitting_at() -> Iterator[Sitting]:
    """Makes this machine another, by what it would say of itself."""
    register()

    def at(description: str) -> None:
        register_auto(lambda: description)

    yield at
    register()


def a_job(*overrides: str) -> JobConfig:
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return composed(compose("config", list(overrides), return_hydra_config=True))[0]


def refusal(patterns: dict[str, str], description: str) -> str:
    with pytest.raises(ConfigError) as refused:
        choose(patterns, description)
    return str(refused.value)


@pytest.mark.parametrize(("description", "name"), DESCRIPTIONS.items())
def test_each_board_has_one_config(description: str, name: str) -> None:
    """Of the shipped ones, no two are found in what it says of itself."""
    assert name == choose(PATTERNS, description)


@pytest.mark.parametrize("description", OTHERS)
def test_a_machine_like_a_board_is_not_taken_for_it(description: str) -> None:
    """Its memory or its peaks are others."""
    assert "finds no config for this machine" in refusal(PATTERNS, description)


def test_a_machine_without_a_config_is_told_what_to_do() -> None:
    """What it is, what there is, the nearest of that, and a file that would be found."""
    said = refusal({"cpu": "^CPU only", "h200": "^NVIDIA H200$"}, "2 x NVIDIA H100 80GB HBM3")
    for words in ("2 x NVIDIA H100 80GB HBM3", "cpu, h200", "hardware=h200", "--config-dir", "defaults: [h200]"):
        assert words in said


@pytest.mark.parametrize("description", [*OTHERS, "a (strange) board, v1.0+ [x86] 'quoted' \\"])
def test_the_file_that_is_shown_is_found(description: str) -> None:
    """Copied as it stands, whatever the machine is called."""
    shown = [line.strip() for line in refusal(PATTERNS, description).splitlines()]
    (at,) = (number for number, line in enumerate(shown) if line.startswith("defaults: ["))
    config = OmegaConf.create("\n".join(shown[at:]))
    assert "mine" == choose({**PATTERNS, str(config.name): str(config.match)}, description)


def test_a_machine_with_several_configs_is_told_which() -> None:
    """By the words to type for each."""
    said = refusal({"h200": "H200$", "mine": "^NVIDIA", "cpu": "^CPU only"}, "NVIDIA H200")
    assert "hardware=h200 or hardware=mine" in said


def test_a_pattern_that_is_none_is_refused_by_its_file() -> None:
    """With what is wrong with it."""
    assert "hardware/mine.yaml: (H200" in refusal({"mine": "(H200"}, "NVIDIA H200")


@pytest.mark.parametrize(("description", "name"), DESCRIPTIONS.items())
def test_auto_is_as_if_the_name_had_been_typed(sitting_at: Sitting, description: str, name: str) -> None:
    """The whole job is the same."""
    sitting_at(description)
    words = ("model=qwen3_30b_a3b_fp8", "engine=latency", "engine.max_num_seqs=4", "hardware.memory_gb=100")
    assert a_job(*words, f"hardware={name}") == a_job(*words, "hardware=auto")


def test_a_refusal_reaches_the_user_as_it_is(sitting_at: Sitting) -> None:
    """Not as Hydra's trouble with an interpolation."""
    sitting_at("NVIDIA H100")
    with pytest.raises(Exception, match="interpolation") as refused:
        a_job("hardware=auto")
    assert isinstance(refused.value, Exception)
    assert str(explain(refused.value)).startswith(
        "hardware=auto finds no config for this machine.\n  machine  NVIDIA H100"
    )


@ON_A_KNOWN_BOARD
def test_auto_runs_beside_a_name_in_a_sweep(tmp_path: Path) -> None:
    """On the machine of this test, with the board that it is."""
    words = ("-m", "hardware=auto,jetson_t4000", "model=tiny_qwen3", "dry_run=true", "server.command=no-such-vllm")
    ran = thorexp(tmp_path, *words)
    assert (0, True) == (ran.code, "2 points" in ran.out), ran.err


@ON_A_KNOWN_BOARD
def test_what_is_shown_of_a_job_is_of_the_real_board(tmp_path: Path) -> None:
    """Before anything runs."""
    shown = OmegaConf.create(thorexp(tmp_path, "--cfg", "job", "hardware=auto").out)
    assert choose(PATTERNS, identity().description) == shown.hardware.name


def test_configs_of_ones_own_are_asked_too(tmp_path: Path) -> None:
    """One in --config-dir that nobody can ask stops the command, by its name."""
    (tmp_path / "mine/hardware").mkdir(parents=True)
    (tmp_path / "mine/hardware/mine.yaml").write_text("defaults: [h200]\nname: mine\nmatch: '(H200'\n")
    ran = thorexp(tmp_path, "--config-dir", "mine", "hardware=auto", "dry_run=true")
    assert 1 == ran.code
    assert ran.err.startswith("hardware.match is no regular expression.\n  where  hardware/mine.yaml: (H200\n")

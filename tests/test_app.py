"""What the edge says, and what it leaves of a command that came to nothing."""

from pathlib import Path

import pytest

from tests.bench.small_things import imported
from tests.command_line import thorexp

REFUSED = ("server.port=70000",)
PLANNED = ("dry_run=true", "server.command=no-such-vllm", "load.num_prompts=2")


@pytest.mark.parametrize(("words", "code"), [(REFUSED, 1), (PLANNED, 0)], ids=["refused", "dry run"])
def test_a_command_that_starts_nothing_leaves_nothing(words: tuple[str, ...], code: int, tmp_path: Path) -> None:
    """Not even the folder for what it would have kept."""
    ran = thorexp(tmp_path, *words)
    assert (code, False) == (ran.code, (tmp_path / "outputs").exists()), ran.err


def test_a_folder_that_was_there_stays(tmp_path: Path) -> None:
    """Be it empty: somebody may have made it, or linked it to a disk."""
    (tmp_path / "outputs").mkdir()
    thorexp(tmp_path, *REFUSED)
    assert (tmp_path / "outputs").is_dir()


@pytest.mark.parametrize("how", [(), ("-m",)], ids=["job", "sweep"])
def test_words_about_a_container_are_refused_without_one(how: tuple[str, ...], tmp_path: Path) -> None:
    """Whoever types one of them means to run it."""
    ran = thorexp(tmp_path, *how, *PLANNED, "server.docker.image=a/b")
    assert (1, True) == (ran.code, "server.docker.image means nothing without a container." in ran.err)


def test_the_help_names_what_is_no_group(tmp_path: Path) -> None:
    """The ways to run a command that one would not find among its choices."""
    said = thorexp(tmp_path, "--help").out
    keys = ("dry_run=true", "predict=true", "rehearse=true", "sweep.executor=ray", "hardware.prepare.power_mode=")
    assert [] == [word for word in (*keys, "hydra/sweeper=optuna") if word not in said]


@pytest.mark.parametrize(
    ("word", "headline"),
    [
        ("load.stages.nam=1", "There is no key load.stages.nam."),
        ("workload.seed=range(0,10,0)", "The config cannot be composed."),
    ],
)
def test_a_name_in_a_list_is_told_from_another_wrong_word(word: str, headline: str, tmp_path: Path) -> None:
    """Hydra has Python's word for both, which says neither."""
    ran = thorexp(tmp_path, "-m", word)
    assert (1, True) == (ran.code, headline in ran.err), ran.err


@pytest.mark.parametrize("words", [("--help",), ("modle=tiny_qwen3",), ("model=tiny_qwen",)], ids=" ".join)
def test_what_is_only_asked_imports_nothing_heavy(words: tuple[str, ...], tmp_path: Path) -> None:
    """One waits at a prompt for it; how long is the benchmark's to say."""
    assert [] == imported(words, str(tmp_path))


@pytest.mark.parametrize(
    ("word", "remedy"),
    [
        ("server.env.NAME=value", "+server.env.NAME=…"),
        ("load.max_concurency=2", "load.stages.0.max_concurrency"),
        ("+load.stages=[{},{num_promts:3}]", "load.stages.1.num_prompts"),
    ],
)
def test_what_is_advised_can_be_typed(word: str, remedy: str, tmp_path: Path) -> None:
    """With a `+` what is not there yet, by its number what is in a list."""
    ran = thorexp(tmp_path, word, "dry_run=true")
    assert (1, True) == (ran.code, remedy in ran.err), ran.err


def test_a_file_in_the_place_of_outputs_is_told(tmp_path: Path) -> None:
    """And what to do about it."""
    (tmp_path / "outputs").touch()
    ran = thorexp(tmp_path, *PLANNED)
    assert (1, True) == (ran.code, ran.err.startswith("A file is where a directory should be.")), ran.err

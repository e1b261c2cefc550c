"""Who finds out that a point of a sweep cannot be composed."""

from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from tests.command_line import FAKE, thorexp
from thorexp.sweep.sweeper import MOST_POINTS, _values

SMALL = (
    "hardware=cpu",
    "model=tiny_qwen3",
    "tracking=off",
    f"server.command='{FAKE}'",
    "workload.input_len=64",
    "workload.output_len=4",
    "load.num_prompts=2",
)


@pytest.mark.parametrize("launcher", ["thorexp", "basic"])
def test_a_point_that_cannot_be_composed_is_found_before_any_runs(launcher: str, tmp_path: Path) -> None:
    """By our launcher, and beside Hydra's own by Hydra: the point before it leaves no record."""
    ran = thorexp(tmp_path, "-m", f"hydra/launcher={launcher}", "load=low,hihg", *SMALL)
    assert (1, True, ()) == (ran.code, "hihg" in ran.err, ran.run_dirs), ran.err


def test_hydras_own_launcher_runs_what_can_be_composed(tmp_path: Path) -> None:
    """Both points, once they were looked at."""
    ran = thorexp(tmp_path, "-m", "hydra/launcher=basic", "load=low,high", *SMALL)
    assert (0, ["finished"] * 2) == (ran.code, [record.status for record in ran.records]), ran.err


PREDICTED = ("load=low", "predict=true", "tracking=off")
SECRET = ("+server.env.MY_TOKEN=plantedsecret42", "+server.env={B_KEY: 'short12', MY_TOKEN: plantedsecret42}")


def telling(folder: Path) -> list[str]:
    """Files that show a secret."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if any(word in path.read_bytes() for word in (b"plantedsecret42", b"short12"))]


@pytest.mark.parametrize("launcher", ["thorexp", "basic"])
@pytest.mark.parametrize("secret", SECRET)
def test_beside_any_launcher_multirun_yaml_shows_no_secret(launcher: str, secret: str, tmp_path: Path) -> None:
    """However short, in what was typed and in what came of it."""
    ran = thorexp(tmp_path, "-m", f"hydra/launcher={launcher}", secret, *PREDICTED)
    (file,) = (tmp_path / "outputs").rglob("multirun.yaml")
    assert (0, True, []) == (ran.code, "***" in file.read_text(), telling(tmp_path / "outputs")), ran.err


@pytest.mark.parametrize("how", [(), ("-m",), ("-m", "hydra/launcher=basic")], ids=["job", "sweep", "basic"])
def test_hydras_own_copies_show_no_secret(how: tuple[str, ...], tmp_path: Path) -> None:
    """For whoever wants them."""
    ran = thorexp(tmp_path, *how, "hydra.output_subdir=.hydra", *SECRET[1:], *PREDICTED)
    (folder,) = (tmp_path / "outputs").rglob(".hydra")
    assert {"config.yaml", "hydra.yaml", "overrides.yaml"} == {path.name for path in folder.iterdir()}
    assert (0, []) == (ran.code, telling(tmp_path / "outputs")), ran.err


def test_on_another_board_hydra_keeps_no_copies(tmp_path: Path) -> None:
    """Nobody takes the secrets out of them there."""
    ran = thorexp(tmp_path, "-m", "sweep.executor=ray", "hydra.output_subdir=.hydra", *PREDICTED)
    assert (1, True, False) == (ran.code, "hydra.output_subdir=.hydra" in ran.err, (tmp_path / "outputs").exists())


@pytest.mark.parametrize(
    ("word", "refused"),
    [
        ("range(0,1e308,1e-308)", True),
        (f"range(0,1{'0' * 400})", True),
        ("range(0,inf)", True),
        ("range(0,5,2)", False),
        ("range(5,0)", False),
    ],
)
def test_a_range_has_as_many_points_as_it_spans_steps(word: str, refused: bool) -> None:
    """More than any number that a float holds are too many, too."""
    count = _values(OverridesParser.create().parse_override(f"load.num_prompts={word}"))
    assert (refused, True) == (count > MOST_POINTS, count >= 1)

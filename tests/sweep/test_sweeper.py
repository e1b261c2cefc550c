"""Who finds out that a point of a sweep cannot be composed."""

from pathlib import Path

import pytest

from tests.command_line import FAKE, thorexp

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

"""What a sweep on many boards is refused for, before anything of it starts."""

from pathlib import Path

import pytest

from tests.command_line import FAKE, thorexp
from tests.sweep.makers import a_tree
from thorexp.config import TrackingConfig
from thorexp.errors import ConfigError
from thorexp.sweep.estimate import History
from thorexp.sweep.jobs import with_repeats
from thorexp.sweep.plan import SweepPlan
from thorexp.sweep.reach import warn_of_loopback

COLLECTED = "tracking.uri=http://tracking:5000"


@pytest.mark.parametrize("executor", ["ray", "slurm"])
def test_results_need_a_tracking_server(executor: str) -> None:
    """A file of this machine is none; what to type is said."""
    with pytest.raises(ConfigError, match="come back through a tracking server") as refused:
        with_repeats(a_tree(f"sweep.executor={executor}"), 0, ())
    assert "mlflow server" in str(refused.value)
    assert "tracking.uri=sqlite:///mlruns/mlflow.db" in str(refused.value)


def test_results_need_tracking() -> None:
    """Without it there is no way back."""
    with pytest.raises(ConfigError, match="come back through a tracking server") as refused:
        with_repeats(a_tree("sweep.executor=ray", "tracking.enabled=false"), 0, ())
    assert "tracking.enabled=false" in str(refused.value)


def test_a_database_is_refused_before_anything_is_measured() -> None:
    """On this board too, for nobody would get at the artifacts; its password is not told."""
    with pytest.raises(ConfigError, match="belongs behind a tracking server") as refused:
        with_repeats(a_tree("tracking.uri=postgresql://ann:SECRET@db/mlflow"), 0, ())
    assert "postgresql://***@db/mlflow" in str(refused.value)
    with_repeats(a_tree("tracking.uri=postgresql://ann:SECRET@db/mlflow", "tracking.enabled=false"), 0, ())


def test_no_password_of_a_tracking_server_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """In a refusal or a warning."""
    with pytest.raises(ConfigError) as refused:
        with_repeats(a_tree("sweep.executor=ray", "tracking.uri=ftp://ann:SECRET@db"), 0, ())
    warn_of_loopback(TrackingConfig(True, "http://ann:SECRET@localhost:5000", "", ""))
    told = f"{refused.value}{caplog.text}"
    assert (2, 0) == (told.count("***@"), told.count("SECRET"))


def test_hardware_auto_is_refused() -> None:
    """It would find the machine that asks, and not the board."""
    tree = a_tree("sweep.executor=ray", COLLECTED)
    tree.hydra.runtime.choices.hardware = "auto"
    with pytest.raises(ConfigError, match="hardware=auto would find this machine"):
        with_repeats(tree, 0, ())


def test_fewer_than_no_retries_are_refused() -> None:
    """A group is given to a board once at least."""
    with pytest.raises(ConfigError, match=r"sweep\.retries=-1"):
        with_repeats(a_tree("sweep.executor=slurm", COLLECTED, "sweep.retries=-1"), 0, ())


def test_engine_arguments_are_left_to_the_board() -> None:
    """The vLLM of the machine that asks is not asked, and its version is not in the point."""
    words = (COLLECTED, f"server.command='{FAKE}'")
    (here,) = with_repeats(a_tree(*words), 0, ())
    (elsewhere,) = with_repeats(a_tree(*words, "sweep.executor=ray"), 0, ())
    assert (False, True) == (here.unchecked, elsewhere.unchecked)
    assert here.point != elsewhere.point


def test_the_plan_says_that_boards_check_and_how_long_one_would_take() -> None:
    """More of them take less."""
    jobs = with_repeats(a_tree(COLLECTED, "sweep.executor=ray", "load=poisson"), 0, ())
    plan = SweepPlan(jobs, frozenset(), Path("outputs/now"), History({}, {})).text()
    assert "Which engine arguments vLLM knows is checked on the boards." in plan
    assert "The boards' vLLM is no part of a point" in plan
    assert " on one board\n" in plan


def test_a_job_that_is_no_sweep_is_refused(tmp_path: Path) -> None:
    """It has no group to give."""
    ran = thorexp(tmp_path, "sweep.executor=ray", f"server.command='{FAKE}'", "model=tiny_qwen3", "hardware=cpu")
    assert 1 == ran.code
    assert "sweep.executor=ray is for a sweep" in ran.err
    assert "python -m thorexp -m" in ran.err


def test_ray_and_slurm_are_asked_for_what_they_know() -> None:
    """Names of theirs need no `+`."""
    tree = a_tree("sweep.ray.resources.orin=1", "sweep.slurm.parameters.slurm_partition=thor")
    assert {"thor": 1, "orin": 1} == dict(tree.sweep.ray.resources)
    assert "thor" == tree.sweep.slurm.parameters.slurm_partition

"""The jobs of a sweep, composed before any of them runs."""

import math
from collections import Counter
from pathlib import Path

import pytest

from tests.sweep.makers import a_job, a_run_dir, a_tree
from thorexp.errors import ConfigError
from thorexp.sweep.jobs import ComposedJob, by_server, check_apart, with_repeats


def composed(*overrides: str) -> tuple[ComposedJob, ...]:
    """A point with its repeats, as third of its sweep."""
    return with_repeats(a_tree(*overrides), 2, overrides)


def seeds(jobs: tuple[ComposedJob, ...]) -> list[int]:
    return [job.tree.workload.seed for job in jobs]


def test_a_point_runs_once_unless_it_is_repeated() -> None:
    """One job, its own base."""
    (job,) = composed("load=low")
    assert (0, job.point, 2, "qwen3_32b_awq") == (job.repeat, job.base, job.number, job.model)


def test_repeats_draw_with_seeds_of_their_own() -> None:
    """A thousand apart, from the seed that was asked for."""
    assert [7, 7 + 1000, 7 + 2000] == seeds(composed("sweep.repeats=3", "workload.seed=7"))


def test_repeats_are_points_of_their_own_with_one_base() -> None:
    """Three digests; the base of each is the first's."""
    jobs = composed("sweep.repeats=3")
    assert (3, {jobs[0].point}) == (len({job.point for job in jobs}), {job.base for job in jobs})
    assert [0, 1, 2] == [job.repeat for job in jobs]


def test_the_first_repeat_is_the_point_without_repeats() -> None:
    """What was measured once counts when it is repeated."""
    (alone,) = composed("load=low")
    assert alone.point == composed("load=low", "sweep.repeats=2")[0].point


def test_repeats_share_a_server() -> None:
    """The seed decides the load alone."""
    assert 1 == len({job.server for job in composed("sweep.repeats=3")})


@pytest.mark.parametrize("repeats", [0, -1])
def test_no_repeat_at_all_is_refused(repeats: int) -> None:
    """By the full key."""
    with pytest.raises(ConfigError, match=rf"sweep\.repeats={repeats} runs nothing"):
        composed(f"sweep.repeats={repeats}")


@pytest.mark.parametrize("subdir", ["../elsewhere", "../../x", "/etc/x", "a/../../b", ".", ""])
def test_a_job_stays_in_the_directory_of_its_sweep(subdir: str) -> None:
    """One that would leave it, or be it, is refused."""
    with pytest.raises(ConfigError, match="A job would be kept outside of its sweep"):
        composed(f"hydra.sweep.subdir='{subdir}'")


def test_a_directory_is_named_after_its_point() -> None:
    """The digest's first eight digits: the same job has the same directory when the sweep goes on."""
    jobs = composed("load=low", "sweep.repeats=2")
    assert [job.point[:8] for job in jobs] == [job.tree.hydra.job.id for job in jobs]
    assert f"qwen3_32b_awq_low_{jobs[1].point[:8]}" == jobs[1].tree.hydra.sweep.subdir


def test_overrides_of_a_job_leave_hydras_out() -> None:
    """A point is named by what is measured."""
    (job,) = composed("load=low", "hydra.verbose=true")
    assert ("load=low",) == job.overrides


def test_a_job_that_does_not_fit_is_composed_with_its_refusal() -> None:
    """The rest of the sweep goes on."""
    (job,) = composed("model=qwen3_30b_a3b", "hardware=jetson_orin_nx_16gb")
    assert "qwen3_30b_a3b does not fit on jetson_orin_nx_16gb." == (job.refused and job.refused.headline)


def test_a_job_that_fits_is_not_refused() -> None:
    """Qwen3-32B-AWQ has room on a Thor."""
    (job,) = composed("load=low")
    assert job.refused is None


def test_a_job_has_what_is_believed_of_it() -> None:
    """As typed, for each of its repeats: a table of what was measured before heeds it."""
    jobs = composed("sweep.repeats=2", "verdict.accept=[drift]", "verdict.spread=0.2")
    assert 2 * [(["drift"], 0.2)] == [(job.believed.accept, job.believed.spread) for job in jobs]


def test_what_is_believed_makes_no_other_point() -> None:
    """What was measured is judged anew, and not measured."""
    (plain,), (believed,) = composed("load=low"), composed("load=low", "verdict.accept=[drift]", "verdict.spread=0.2")
    assert plain.point == believed.point


def test_a_wrong_job_is_not_composed() -> None:
    """What no board could make right ends the sweep before it begins."""
    with pytest.raises(ConfigError, match=r"load\.num_prompts"):
        composed("load.num_prompts=0")


def test_jobs_on_somebody_elses_server_share_it() -> None:
    """Whatever model they name, a server is where it is."""
    attached = ("server=attach", "server.base_url=http://thor:8000")
    jobs = (*composed(*attached), *composed(*attached, "load=low"))
    assert Counter({"attached http://thor:8000": 2}) == Counter(job.server for job in jobs)


def order(*jobs: ComposedJob) -> list[str]:
    return [job.point for job in by_server(jobs)]


def test_jobs_on_a_board_that_is_set_up_otherwise_share_no_server() -> None:
    """The power mode and locked clocks, under which the server is started; not what is done before any start."""
    board = "hardware.prepare"
    words = ((), (f"{board}.power_mode=MAXN",), (f"{board}.power_mode=MAXN", f"{board}.lock_clocks=true"))
    jobs = [composed(*each)[0] for each in (*words, (f"{board}.drop_caches=true",))]
    assert [2, 1, 1] == list(Counter(job.server for job in jobs).values())


def test_jobs_of_a_server_stand_side_by_side() -> None:
    """The servers in the order in which they were first asked for."""
    jobs = [a_job(f"{server}{load}", server=server) for load in "12" for server in "ba"]
    assert ["b1", "b2", "a1", "a2"] == order(*jobs)


def test_repeats_are_interleaved_over_their_server() -> None:
    """A round of all loads, then the next: a board that warms up does so for all of them."""
    jobs = [
        a_job(f"{server}{load} r{repeat}", server=server, repeat=repeat)
        for server in "ab"
        for load in ("high", "low")
        for repeat in (0, 1)
    ]
    rounds_of_a = ["ahigh r0", "alow r0", "ahigh r1", "alow r1"]
    rounds_of_b = ["bhigh r0", "blow r0", "bhigh r1", "blow r1"]
    assert rounds_of_a + rounds_of_b == order(*jobs)


def test_two_jobs_in_one_directory_are_refused(tmp_path: Path) -> None:
    """The second would wipe the record of the first."""
    jobs = (a_job("p", subdir="0"), a_job("q", subdir="0"))
    with pytest.raises(ConfigError, match="in one directory"):
        check_apart(jobs, tmp_path, {})


def test_a_job_in_the_directory_of_another_ones_record_is_refused(tmp_path: Path) -> None:
    """A measurement that is there is not paid for a new one."""
    there = {"p": a_run_dir(tmp_path / "0", "p")}
    with pytest.raises(ConfigError, match="in one directory"):
        check_apart((a_job("q", subdir="0"),), tmp_path, there)


def test_a_job_may_be_measured_again_in_its_own_directory(tmp_path: Path) -> None:
    """By force, with sweep.resume=false."""
    check_apart((a_job("p", subdir="0"),), tmp_path, {"p": a_run_dir(tmp_path / "0", "p")})


@pytest.mark.parametrize("dry", [True, False])
def test_a_dry_run_is_forecast(dry: bool) -> None:
    """And no other: to simulate takes longer than to plan."""
    words = ("server=sim", f"dry_run={str(dry).lower()}")
    (job,) = with_repeats(a_tree(*words), 0, words)
    assert dry == (job.forecast is not None)


def test_a_job_has_the_baseline_that_it_was_given() -> None:
    """None, unless one is chosen."""
    names = [with_repeats(a_tree(*words), 0, words)[0].baseline.name for words in ((), ("baseline=thor_blog_2025_10",))]
    assert ["none", "thor_blog_2025_10"] == names


@pytest.mark.parametrize(
    ("words", "speedup"),
    [
        ((), 1.0),
        (("server.speedup=20",), 1.0),
        (("server=sim",), 1.0),
        (("server=sim", "server.speedup=20"), 20.0),
        (("predict=true",), math.inf),
    ],
    ids=["vLLM", "vLLM, at no pace", "simulated", "simulated faster", "predicted"],
)
def test_a_job_knows_how_fast_its_time_passes(words: tuple[str, ...], speedup: float) -> None:
    """A server's as ours does, a prediction's at once."""
    (job,) = with_repeats(a_tree(*words), 0, words)
    assert speedup == job.speedup

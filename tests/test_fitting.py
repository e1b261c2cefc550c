"""The simulator's constants, read off a published table."""

from collections.abc import Mapping
from dataclasses import replace
from statistics import median

import pytest
import yaml

from tests.records import a_summary
from tests.test_capacity import prepared
from thorexp.conf_tree import conf_dir
from thorexp.fit import FIGURES, as_config, fitted, published_cases
from thorexp.fitting import Case, as_published, errors, simulated, stand_ins, together
from thorexp.kernels import Kernels
from thorexp.measure.metrics import Summary
from thorexp.prepare import PreparedJob

SHIPPED = yaml.safe_load((conf_dir() / "sim" / "default.yaml").read_text(encoding="utf-8"))["kernels"]
GUESS = Kernels(bandwidth=0.8, prefill=0.1, step_ms=1.0, source="a guess")
# Of the shares of a published figure: the median model, and the worst.
TARGETS = {
    "output throughput": (0.04, 0.10),
    "mean TPOT": (0.04, 0.10),
    "mean TTFT": (0.10, 0.20),
    "low mean TPOT": (0.04, 0.10),
}


@pytest.fixture(scope="module")
def cases() -> tuple[Case, ...]:
    """Of the table that is shipped, as `python -m thorexp.fit` reads it."""
    return tuple(published_cases())


@pytest.fixture(scope="module")
def families(cases: tuple[Case, ...]) -> Mapping[str, Kernels]:
    """Fitted to it now."""
    return fitted(cases)[1]


def test_what_is_fitted_is_what_is_shipped(families: Mapping[str, Kernels]) -> None:
    """To four digits; whoever changes the simulator, the table or the fit writes them anew."""
    shipped = {name: {"routed_alike": 1.0, **SHIPPED[name]} for name in families}
    assert as_config(families) == {
        name: {key: value for key, value in said.items() if key != "source"} for name, said in shipped.items()
    }


def test_what_is_fitted_is_all_that_is_said_to_be(families: Mapping[str, Kernels]) -> None:
    """The other entries say that they are assumed."""
    assert set(families) == {name for name, said in SHIPPED.items() if said["source"].startswith("fitted to ")}


def test_the_cases_are_those_whose_figures_are_possible(cases: tuple[Case, ...]) -> None:
    """Five of seven models: both of FP8 decode faster than their weights can be read."""
    assert ["bf16_moe", "int4_dense", "int4_moe", "int4_moe", "int8_moe"] == sorted(case.kind for case in cases)


def test_what_is_shipped_tells_what_was_published(cases: tuple[Case, ...], families: Mapping[str, Kernels]) -> None:
    """Within the shares above, of the median model and of the worst, with the constants of their families."""
    found = [errors(case, families[case.kind]) for case in cases]
    sizes = {figure: [abs(each[figure]) for each in found] for figure in FIGURES}
    too_large = {
        figure: each
        for figure, each in sizes.items()
        if median(each) > TARGETS[figure][0] or max(each) > TARGETS[figure][1]
    }
    assert {} == too_large


def a_case(job: PreparedJob, kind: str) -> Case:
    """Which our guess explains to the last digit."""
    said = simulated(job, GUESS)
    return Case(kind, kind, said, said, {"low": (job,), "high": (job,)})


def a_published(input_tokens: int, output_tokens: int) -> Summary:
    """A result with these totals."""
    return replace(a_summary(), total_input_tokens=input_tokens, total_output_tokens=output_tokens)


@pytest.fixture(scope="module")
def job() -> PreparedJob:
    """Twenty requests of 64 + 8 tokens."""
    return prepared("load.num_prompts=20", "workload.input_len=64", "workload.output_len=8")


def test_a_published_load_has_as_many_tokens_as_were_reported(job: PreparedJob) -> None:
    """Fewer than were asked for: of two requests in twenty 15 and 3 tokens are missing."""
    played = as_published(job, a_published(20 * 64 - 15, 20 * 8 - 3), draw=0)
    _, load = played.plan.stages
    inputs = sorted(request.ask.input_len or 0 for request in load.requests)
    outputs = sorted(request.ask.output_len or 0 for request in load.requests)
    assert [64 - 8, 64 - 7] + 18 * [64] == inputs
    assert [8 - 2, 8 - 1] + 18 * [8] == outputs


def test_a_published_load_follows_one_request_of_its_own(job: PreparedJob) -> None:
    """Its first prompt is asked before it begins, and is in the prefix cache then."""
    first, load = as_published(job, a_published(20 * 64, 20 * 8), draw=0).plan.stages
    assert [load.requests[0].ask] == [request.ask for request in first.requests]
    assert job.plan.stages[0].requests == load.requests


def test_another_draw_shortens_others(job: PreparedJob) -> None:
    """And the same one the same ones."""
    said = a_published(20 * 64 - 15, 20 * 8)
    first, again, other = (as_published(job, said, draw).plan.digest for draw in (0, 0, 1))
    assert (True, False) == (first == again, first == other)


def test_the_errors_of_what_it_made_itself_are_none(job: PreparedJob) -> None:
    """A table that these kernels made is told to the last digit."""
    played = as_published(job, a_published(20 * 64, 20 * 8), draw=0)
    assert dict.fromkeys(FIGURES, 0.0) == pytest.approx(errors(a_case(played, "int4_dense"), GUESS))


def test_faster_kernels_have_a_shorter_ttft(job: PreparedJob) -> None:
    """By what prefill takes of it."""
    played = as_published(job, a_published(20 * 64, 20 * 8), draw=0)
    found = errors(a_case(played, "int4_dense"), replace(GUESS, prefill=0.2))
    assert found["mean TTFT"] < 0 < found["output throughput"]


def test_kernels_together_are_in_the_middle() -> None:
    """The mean of what a step takes, the geometric mean of the shares in prefill."""
    each = [replace(GUESS, step_ms=2.0, prefill=0.1), replace(GUESS, step_ms=4.0, prefill=0.4)]
    assert replace(GUESS, step_ms=(2 + 4) / 2, prefill=0.2, source="both") == together(each, "both")


def test_stand_ins_are_of_the_same_family_else_of_the_same_bits_else_any(job: PreparedJob) -> None:
    """Whatever is nearest."""
    played = as_published(job, a_published(20 * 64, 20 * 8), draw=0)
    near, bits, far = (a_case(played, kind) for kind in ("int4_dense", "int4_moe", "bf16_moe"))
    one = a_case(played, "int4_dense")
    assert ([near], [bits], [far]) == (
        stand_ins(one, [near, bits, far]),
        stand_ins(one, [bits, far]),
        stand_ins(one, [far]),
    )

"""What a load left behind becomes the findings, and the verdict, that back its numbers."""

from dataclasses import replace
from typing import Any

import pytest

from tests.records import MS, S, a_failure, a_left, a_plan, a_record, a_run, a_summary
from tests.test_compose import a_tree
from thorexp.cold import Metrics
from thorexp.compose import job_config
from thorexp.found import findings, lengths
from thorexp.left import Left
from thorexp.machine.gpus import GpuState
from thorexp.machine.identity import identity
from thorexp.machine.state import MachineState
from thorexp.measure.findings import Findings
from thorexp.measure.grounds.answers import Lengths
from thorexp.measure.grounds.machine import MachineFound, PowerState
from thorexp.measure.grounds.steadiness import Rest
from thorexp.measure.limits import Utilization
from thorexp.measure.plan import LoadPlan
from thorexp.measure.power import Power
from thorexp.measure.records import RequestRecord
from thorexp.measure.reuse import reuse_of
from thorexp.measure.signals import Series, Telemetry
from thorexp.measure.verdict import Reason
from thorexp.measure.workload import Ask
from thorexp.prepare import PreparedJob, prepare
from thorexp.rooflines import roofline
from thorexp.samples import Sample
from thorexp.serve.prefix_cache import PrefixCache
from thorexp.trust import Trust, trust
from thorexp.watching import Watched

WHOLE, CAPPED = GpuState(700.0, 700.0, None), GpuState(500.0, 700.0, None)
PLAIN = MachineState(None, None, None, None, (), None, None, None, ())
ANY_MACHINE = "hardware.match='.'"


@pytest.fixture(autouse=True)
def all_gpus_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is set where the tests run."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def a_job(*overrides: str) -> PreparedJob:
    """Eight requests of 64 tokens in and 16 out, in a closed loop on a Thor, but for what is typed."""
    words = ("dry_run=true", "server.command=no-such-vllm", "load.num_prompts=8")
    sizes = ("workload.input_len=64", "workload.output_len=16")
    return prepare(job_config(a_tree(*words, *sizes, *overrides)), frozenset())


def answered(index: int = 0, *, tokens: int = 16, in_a_chunk: int = 1, gap_ms: int = 100) -> RequestRecord:
    """A request that is sent a second after the one before: 100 ms to its first chunk, and as long between them."""
    sent_ns = index * S
    return a_record(
        index=index,
        sent_ns=sent_ns,
        token_ns=tuple(sent_ns + (100 + gap_ms * i) * MS for i in range(tokens // in_a_chunk)),
        input_tokens=64,
        output_tokens=tokens,
    )


EIGHT = tuple(answered(index) for index in range(8))


def left(*requests: RequestRecord, **changes: Any) -> Left:
    """By a load of ten seconds, of which nobody knows more than its requests."""
    return a_left(*requests or EIGHT, **{"end_ns": 10 * S, **changes})


def found(job: PreparedJob, of: Left, used: Utilization | None = None, power: Power | None = None) -> Findings:
    """What it is judged on."""
    limits = roofline(job.config, {arg.name: arg.value for arg in job.engine_args})
    return findings(job, of, limits, reuse_of(job.plan, of.sent, of.block), used or Utilization(), power)


def reasons(of: Trust) -> dict[str, Reason]:
    """Those that count, by name."""
    return {reason.name: reason for reason in of.verdict.reasons}


def machine(before: MachineState | None, after: MachineState | None = None, *overrides: str) -> MachineFound:
    """What is found of one that was like this, the same after the load if nothing else is said."""
    of = found(a_job(*overrides), left(watched=Watched(before=before, after=after or before))).machine
    assert of is not None
    return of


def a_gpu_machine(*gpus: GpuState) -> MachineState:
    """With these, and nothing else to tell."""
    return replace(PLAIN, gpus=gpus)


def test_a_lowered_limit_of_a_gpu_is_its_power_mode() -> None:
    """In words, with the one that it comes with; it is not the fastest."""
    found = machine(a_gpu_machine(WHOLE, CAPPED)).before
    assert PowerState("a limit of 500 W where 700 W are usual", is_max=False) == found


def test_of_several_lowered_limits_the_lowest_is_told() -> None:
    """Whichever GPU has it."""
    mode = machine(a_gpu_machine(CAPPED, GpuState(350.5, 700.0, None), GpuState(600.0, 700.0, None))).before.mode
    assert "a limit of 350.5 W where 700 W are usual" == mode


@pytest.mark.parametrize(
    "gpus",
    [
        (),
        (WHOLE, WHOLE),
        (GpuState(750.0, 700.0, None),),
        (GpuState(None, 700.0, None),),
        (GpuState(500.0, None, None),),
    ],
    ids=["no GPU", "as it comes", "raised", "no limit known", "no default known"],
)
def test_without_a_lowered_limit_there_is_no_power_mode(gpus: tuple[GpuState, ...]) -> None:
    """Nothing is said of what is usual, or unknown."""
    assert PowerState() == machine(a_gpu_machine(*gpus)).before


@pytest.mark.parametrize(
    ("gpus", "mode"),
    [
        ("[0]", None),
        ("[1]", "a limit of 500 W where 700 W are usual"),
        ("[0,2]", "a limit of 600 W where 700 W are usual"),
        ("null", "a limit of 500 W where 700 W are usual"),
        ("[]", None),
    ],
)
def test_only_gpus_that_count_have_a_power_mode(gpus: str, mode: str | None) -> None:
    """Those of telemetry.gpus, or all; what somebody lowered beside them is not the result's."""
    state = a_gpu_machine(WHOLE, CAPPED, GpuState(600.0, 700.0, None))
    of = machine(state, None, f"telemetry.gpus={gpus}")
    assert (mode, mode) == (of.before.mode, of.after.mode)


def test_a_gpu_that_the_server_does_not_see_has_no_power_mode() -> None:
    """Of two the second was lowered, and CUDA_VISIBLE_DEVICES=0 leaves it to others."""
    state = a_gpu_machine(WHOLE, CAPPED)
    assert machine(state, None, "+server.env.CUDA_VISIBLE_DEVICES='0'").before.mode is None
    assert machine(state, None, "+server.env.CUDA_VISIBLE_DEVICES='1'").before.mode is not None


def test_locked_clocks_are_told_beside_a_lowered_limit() -> None:
    """And without one."""
    locked = [machine(replace(a_gpu_machine(gpu), clocks_locked=True)).before.clocks_locked for gpu in (CAPPED, WHOLE)]
    assert [True, True] == locked


def test_a_limit_that_was_lowered_during_the_load_is_a_reason() -> None:
    """What was not so before is seen after it."""
    job = a_job(ANY_MACHINE)
    watched = Watched(before=a_gpu_machine(WHOLE), after=a_gpu_machine(CAPPED))
    evidence = reasons(trust(job, left(watched=watched)))["power_mode"].evidence
    assert "the power mode is a limit of 500 W where 700 W are usual, which is not the fastest" == evidence


@pytest.mark.parametrize(
    ("name", "number", "told"), [("120W", 1, "120W"), ("120W", None, "120W"), (None, 1, "1"), (None, 0, "0")]
)
def test_a_jetson_has_its_power_mode_by_name_or_number(name: str | None, number: int | None, told: str) -> None:
    """Whether it is the fastest, and its clocks, as the board says."""
    state = replace(
        PLAIN, power_mode=name, power_mode_id=number, power_mode_is_max=False, clocks_locked=True, gpus=(CAPPED,)
    )
    assert PowerState(told, is_max=False, clocks_locked=True) == machine(state).before


@pytest.mark.parametrize("watched", [Watched(), Watched(before=PLAIN), Watched(after=PLAIN)])
def test_of_a_machine_that_was_not_looked_at_twice_nothing_is_found(watched: Watched) -> None:
    """As of one elsewhere."""
    assert found(a_job(), left(watched=watched)).machine is None


@pytest.mark.parametrize(("match", "is_other"), [("'no machine is called so'", True), ("'.'", False), ("null", None)])
def test_a_machine_is_another_by_what_it_says_of_itself(match: str, is_other: bool | None) -> None:
    """It does not match the hardware of the config; it does; or nothing tells that hardware."""
    assert is_other is machine(PLAIN, None, f"hardware.match={match}").is_other


def test_another_machine_is_a_reason_against_all_numbers() -> None:
    """With both by their names."""
    job = a_job("hardware.match='no machine is called so'")
    evidence = reasons(trust(job, left(watched=Watched(before=PLAIN, after=PLAIN))))["other_machine"].evidence
    assert f"hardware=jetson_agx_thor, this machine is: {identity().description}" == evidence


def test_a_steady_load_has_halves() -> None:
    """A closed loop of one at a time: eight answers of 100 ms a token."""
    of = found(a_job("load=low", "load.num_prompts=8"), left()).halves
    assert of is not None
    assert pytest.approx((100.0, 100.0)) == (of.first_ms, of.second_ms)


@pytest.mark.parametrize("load", ["load=constant", "load=poisson"])
def test_an_open_loop_has_no_halves(load: str) -> None:
    """Also at one rate: as many are under way as chance has it, and a step with more of them takes longer."""
    assert found(a_job(load, "load.num_prompts=8"), left()).halves is None


def in_a_row(*gaps_ms: int) -> list[RequestRecord]:
    """Requests, one sent after the other, with these times a token."""
    return [answered(index, gap_ms=gap_ms) for index, gap_ms in enumerate(gaps_ms)]


def test_halves_leave_out_those_that_began_or_ended_a_load() -> None:
    """Two at once: the first two and the last two of sixteen were not all the time beside another."""
    requests = in_a_row(20, 20, *12 * [100], 20, 20)
    of = found(a_job("load.num_prompts=16", "load.max_concurrency=2"), left(*requests)).halves
    assert of is not None
    assert pytest.approx((100.0, 100.0, 0.0)) == (of.first_ms, of.second_ms, of.error_ms)


def test_requests_that_are_under_way_together_differ_once() -> None:
    """Two at once share their steps: each half is three blocks of 90 + 110 ms, which do not differ at all."""
    requests = in_a_row(100, 100, *6 * [90, 110], 100, 100)
    of = found(a_job("load.num_prompts=16", "load.max_concurrency=2"), left(*requests)).halves
    assert of is not None
    assert pytest.approx((100.0, 100.0, 0.0)) == (of.first_ms, of.second_ms, of.error_ms)


def test_all_at_once_have_no_halves() -> None:
    """A loop without a bound sends them together: none is later than another."""
    assert found(a_job("load.max_concurrency=null"), left()).halves is None


def test_a_machine_that_becomes_slower_has_drifted() -> None:
    """One at a time: 100 ms a token in the first four answers, 120 in the last."""
    of = trust(a_job("load=low", "load.num_prompts=8"), left(*in_a_row(*4 * [100], *4 * [120])))
    assert "mean TPOT 100.00 ms in the first half, 120.00 ms in the second (+20 %)" == reasons(of)["drift"].evidence


@pytest.mark.parametrize(
    "overrides",
    [
        ("workload.turns=2", "load.num_prompts=8"),
        ("load.stages=[{num_prompts: 8}, {num_prompts: 8}]",),
        ("load.duration_s=60", "load.max_concurrency_end=2"),
        (
            "load.duration_s=16",
            "load.max_concurrency=null",
            "load.request_rate=0.5",
            "load.request_rate_end=1.5",
        ),
    ],
    ids=["growing conversations", "stages", "ever more users", "a rising rate"],
)
def test_a_load_that_changes_by_itself_has_no_halves(overrides: tuple[str, ...]) -> None:
    """The second half is another load, and no drift of the machine; the same answers of a steady one have halves."""
    steady = ("load.num_prompts=16", "load.max_concurrency=2")
    of = left(*map(answered, range(16)))
    job = a_job(*steady, "load.max_concurrency=1", *overrides)
    assert 16 == len(job.plan.requests)
    assert found(job, of).halves is None
    assert found(a_job(*steady), of).halves is not None


def test_answers_have_the_lengths_that_were_asked_for() -> None:
    """Of successes: 16 each were asked of both, 15 and 16 served, so that one is short."""
    good = [answered(0, tokens=15), answered(3)]
    assert Lengths(asked=16 + 16, served=15 + 16, short=1) == lengths(a_job().plan, good)


def test_a_short_answer_is_counted_though_another_is_longer() -> None:
    """15 and 17 of twice 16."""
    good = [answered(0, tokens=15), answered(1, tokens=17)]
    assert Lengths(asked=32, served=32, short=1) == lengths(a_job().plan, good)


def test_a_failure_is_no_short_answer() -> None:
    """It is a reason of its own."""
    assert Lengths(asked=16, served=16, short=0) == found(a_job(), left(answered(0), a_failure(index=1))).lengths


def test_answers_that_may_end_when_they_like_have_no_lengths() -> None:
    """Absent with `ignore_eos=false`, however short they are."""
    assert found(a_job("workload.ignore_eos=false"), left(answered(0, tokens=15))).lengths is None


def test_answers_that_nobody_gave_a_length_have_none() -> None:
    """Absent where it is unknown of one of them; those of the others are asked for."""
    plan = a_plan(Ask((1, 2), 16), Ask((3, 4), None))
    assert lengths(plan, [answered(0), answered(1)]) is None
    assert Lengths(asked=16, served=16, short=0) == lengths(plan, [answered(0)])


ATTACHED = ("server=attach", "server.base_url=http://127.0.0.1:8000")


@pytest.mark.parametrize(
    ("overrides", "in_a_chunk", "count"), [(ATTACHED, 2, 0), (ATTACHED, 1, 8), ((), 2, 8), ((), 1, 8)]
)
def test_only_somebody_elses_server_that_sends_several_tokens_at_once_has_no_tpot_limit(
    overrides: tuple[str, ...], in_a_chunk: int, count: int
) -> None:
    """It may draft them, and nobody knows how many; of a server of ours its arguments say so."""
    requests = [answered(index, in_a_chunk=in_a_chunk) for index in range(8)]
    assert count == len(found(a_job(*overrides), left(*requests)).tpot)


def test_a_server_of_ours_that_drafts_an_unknown_number_has_no_tpot_limit() -> None:
    """Whatever it sends at once."""
    assert () == found(a_job("engine.speculative_config={method: suffix}"), left()).tpot


def test_each_success_stands_beside_its_own_limits() -> None:
    """Prefill and decode; of a failure there is nothing to compare."""
    of = found(a_job(), left(answered(0), a_failure(index=1), answered(2)))
    assert ["TTFT of request 0", "TTFT of request 2"] == [each.what for each in of.ttft]
    assert ["TPOT of request 0", "TPOT of request 2"] == [each.what for each in of.tpot]


def test_a_prompt_that_another_repeats_has_less_to_compute() -> None:
    """Of 64 tokens that two requests share a cache may hold all, so that neither has a limit; the third has."""
    same, other = Ask(tuple(range(64)), 16), Ask(tuple(range(64, 128)), 16)
    job = replace(a_job(), plan=a_plan(same, same, other))
    assert ["TTFT of request 2"] == [each.what for each in found(job, left(*EIGHT[:3])).ttft]


def test_prompts_that_are_no_tokens_have_no_prefill_limit() -> None:
    """Nobody knows what a cache may hold of them; decode has one nevertheless."""
    job = replace(a_job(), plan=a_plan(Ask("a text", 16)))
    of = found(job, left(answered()))
    assert (0, 1) == (len(of.ttft), len(of.tpot))


BLOCKS_OF_32 = Metrics('vllm:cache_config_info{block_size="32",num_gpu_blocks="100"} 1.0\n', None)


@pytest.mark.parametrize(("after", "tokens"), [(BLOCKS_OF_32, 32), (None, 3 * 16)])
def test_what_can_be_found_again_is_in_whole_blocks_of_the_server(after: Metrics | None, tokens: int) -> None:
    """Of 50 tokens that two requests share: one block of 32, or three of 16."""
    job = replace(a_job(), plan=a_plan(*2 * (Ask(tuple(range(50)), 16),)))
    assert tokens == trust(job, left(*EIGHT[:2], after=after)).reusable_tokens


def test_a_model_that_has_nothing_to_say_is_not_accused_of_it() -> None:
    """Of random weights no sample is taken."""
    of = found(a_job("model=tiny_qwen3", "hardware=cpu"), left(samples=()))
    assert () == of.degenerate


def test_a_text_that_is_none_is_told_with_its_prompt() -> None:
    """Of three samples the one; an ordinary text and a failure accuse nobody."""
    samples = (
        Sample("Count.", "one, two, three", 5),
        Sample("Name a river.", "!" * 64, 48),
        Sample("Say something.", None, None, "HTTP 500"),
    )
    of = found(a_job(), left(samples=samples))
    (why,) = of.degenerate
    assert why.startswith("to 'Name a river.': ")
    assert 2 == of.texts


def saying(*texts: str | None) -> Left:
    """With these answers to as many questions; none where the question was refused."""
    return left(samples=tuple(Sample(f"Question {i}.", text, 5) for i, text in enumerate(texts)))


def test_one_answer_that_is_empty_accuses_nobody() -> None:
    """A model may have nothing to say to one question: two texts are left, and both are ordinary."""
    of = found(a_job(), saying("one, two, three", "", "It is blue."))
    assert ((), 2) == (of.degenerate, of.texts)


def test_an_empty_answer_does_not_speak_for_a_broken_one() -> None:
    """Of one text that is looked at, one is none."""
    of = found(a_job(), saying("!" * 64, "", None))
    assert (1, 1) == (len(of.degenerate), of.texts)


def test_answers_that_are_all_empty_are_told() -> None:
    """A model that says nothing at all is broken; a question that was refused is no answer."""
    of = found(a_job(), saying("", None, ""))
    assert (("to 'Question 0.': empty", "to 'Question 2.': empty"), 2) == (of.degenerate, of.texts)


def test_without_an_answer_there_is_no_text() -> None:
    """All questions were refused."""
    of = found(a_job(), saying(None, None))
    assert ((), 0) == (of.degenerate, of.texts)


@pytest.mark.parametrize(
    ("texts", "standing"), [(("!" * 64, "It is blue.", "one, two"), "SUSPECT"), (("!" * 64, "", ""), "INVALID")]
)
def test_texts_that_are_none_count_against_those_looked_at(texts: tuple[str, ...], standing: str) -> None:
    """One of three may be a small model's way; one of one is not."""
    assert standing == reasons(trust(a_job(), saying(*texts)))["degenerate_text"].standing


def test_what_nobody_tells_is_absent() -> None:
    """Neither power nor heat, nor what a cache could find of texts."""
    job = replace(a_job(), plan=a_plan(Ask("a text", 16)))
    of = trust(job, left(answered()))
    assert (None, None, None, None, None) == (of.reusable_tokens, of.power, of.energy, of.hottest, of.throttling)


def test_a_load_that_was_stopped_has_no_failures_of_the_servers() -> None:
    """Of eight requests six never went out: the load was given up, and that is said once."""
    given_up = [a_failure("the load was stopped", index=index, sent_ns=None) for index in range(2, 8)]
    run = replace(a_run(answered(0), answered(1), *given_up, end_ns=10 * S), stopped="goodput was 10 %")
    of = trust(a_job(), left(played=run, counting=run, summary=replace(a_summary(*run.requests), stopped=run.stopped)))
    assert ("SUSPECT", "the load was given up: goodput was 10 %") == (
        reasons(of)["stopped_load"].standing,
        reasons(of)["stopped_load"].evidence,
    )
    assert "failed_requests" not in reasons(of)
    assert "INVALID" != of.verdict.standing


def test_requests_that_fail_of_a_load_that_is_not_stopped_are_the_servers() -> None:
    """Six of eight."""
    of = trust(a_job(), left(answered(0), answered(1), *(a_failure(index=index) for index in range(2, 8))))
    assert "6 of 8 requests failed" == reasons(of)["failed_requests"].evidence
    assert "stopped_load" not in reasons(of)


def hits(count: int, queries: int = 1000) -> dict[str, Metrics]:
    """What a cache found of a load, by the server's pages."""
    return {"before": Metrics("", PrefixCache(0, 0)), "after": Metrics("", PrefixCache(queries, count))}


def excluding(first: int, **changes: Any) -> Left:
    """The same eight without the first, of which the figures are not."""
    rest = EIGHT[first:]
    return left(counting=a_run(*rest, end_ns=10 * S), summary=a_summary(*rest, end_ns=10 * S), **changes)


def distinct(count: int = 8, input_len: int = 64, output_len: int = 16) -> LoadPlan:
    """Prompts of which none begins as another."""
    return a_plan(*(Ask(tuple(range(i, i + input_len)), output_len) for i in range(count)), max_concurrency=1)


def alike(count: int = 8) -> LoadPlan:
    """One prompt of 64 tokens, over and over: three of its four blocks can be found each time but the first."""
    return a_plan(*count * (Ask(tuple(range(64)), 16),), max_concurrency=1)


def mfu(plan: LoadPlan, of: Left) -> float | None:
    return trust(replace(a_job(), plan=plan), of).utilization.mfu


def test_prompts_that_repeat_nothing_are_computed_whole() -> None:
    """Nobody counted, and nobody has to: 64 tokens, 2 FLOP for each of 31.2 G weights, in 100 ms of 258.5 TFLOP/s."""
    assert pytest.approx(64 * 2 * 31.2e9 / 0.1 / 258.5e12, rel=1e-2) == mfu(distinct(), left())


def test_what_was_found_of_a_repeated_prompt_is_not_computed() -> None:
    """Seven of eight found 48 of 64 tokens: 22 of a mean prompt are left, of which the FLOP are in proportion."""
    whole, found = mfu(distinct(), left()), mfu(alike(), left(**hits(7 * 48)))
    assert whole is not None
    assert pytest.approx(whole * (64 - 7 * 48 / 8) / 64) == found


def test_more_hits_than_prompts_have_tokens_leave_no_mfu() -> None:
    """A server that looks up again what it has preempted may find more than was asked; no share is below 0."""
    assert mfu(alike(), left(**hits(9 * 64))) is None


def test_repeated_prompts_have_no_mfu_where_nobody_counts() -> None:
    """What a cache could find, and what it found, are two things."""
    assert mfu(alike(), left()) is None


def test_texts_have_no_mfu_where_nobody_counts() -> None:
    """Nobody knows what they repeat."""
    assert mfu(a_plan(Ask("a text", 16)), left(answered())) is None


def test_hits_of_requests_that_do_not_count_leave_no_mfu() -> None:
    """Of 300 tokens that were found some were those of the first request, which is left out of the figures."""
    assert mfu(alike(), excluding(1, **hits(300))) is None


def test_without_hits_it_does_not_matter_whose_they_are() -> None:
    """64 tokens of each prompt were computed, of those that count too."""
    whole = mfu(distinct(), left())
    assert whole is not None
    assert pytest.approx(whole) == mfu(alike(), excluding(1, **hits(0)))


def test_excluded_requests_have_neither_limits_nor_lengths() -> None:
    """The last six of eight count."""
    of = found(a_job(), excluding(2))
    assert ([f"TPOT of request {i}" for i in range(2, 8)], Lengths(6 * 16, 6 * 16, 0)) == (
        [each.what for each in of.tpot],
        of.lengths,
    )


def test_excluded_requests_were_sent_and_asked_the_cache() -> None:
    """Lookups and hits are of all eight, and so is what can be found again: seven times 48 of eight times 64 tokens."""
    of = found(replace(a_job(), plan=alike()), excluding(2, **hits(7 * 48, 8 * 64))).cache
    assert of is not None
    assert (8 * 64, 7 * 48, 7 * 48, 8 * 64) == (of.queries, of.hits, of.reusable, of.asked)


@pytest.mark.parametrize(("sent_ns", "asked"), [(0, None), (None, 7 * 64)], ids=["sent", "never sent"])
def test_what_was_asked_is_unknown_where_nobody_counted_it(sent_ns: int | None, asked: int | None) -> None:
    """Seven answers of 64 tokens, and a request that failed: it may have been looked up if it went out."""
    of = found(a_job(), left(*EIGHT[:7], a_failure(index=7, sent_ns=sent_ns))).cache
    assert of is not None
    assert asked == of.asked


FULL = Utilization(mfu=0.5, mbu=1.5)


def test_a_batch_is_accused_where_its_sequences_share_nothing() -> None:
    """Each reads a KV cache of its own."""
    assert FULL == found(replace(a_job(), plan=distinct()), left(), FULL).used


@pytest.mark.parametrize("plan", [alike(), a_plan(Ask("a text", 16))], ids=["the same prompts", "texts"])
def test_a_batch_that_may_share_its_cache_is_not_accused(plan: LoadPlan) -> None:
    """What is read once for all of them is counted for each."""
    assert Utilization() == found(replace(a_job(), plan=plan), left(*EIGHT[: len(plan.requests)]), FULL).used


def decoding(index: int, *, input_len: int, tokens: int, gap_ms: int, at_ms: int = 0) -> RequestRecord:
    """A request whose first token comes a minute after it was asked for, and then one each so many ms."""
    first_ns = 60 * S + at_ms * MS
    token_ns = tuple(first_ns + i * gap_ms * MS for i in range(tokens))
    return a_record(index=index, token_ns=token_ns, input_tokens=input_len, output_tokens=tokens)


def judged(*requests: RequestRecord, seconds: int, typed: tuple[str, ...] = ()) -> Trust:
    """Of prompts that share nothing, played in so many seconds."""
    plan = a_plan(*(Ask(tuple(range(r.index, r.index + (r.input_tokens or 0))), r.output_tokens) for r in requests))
    return trust(replace(a_job(*typed), plan=plan), left(*requests, end_ns=seconds * S))


# Qwen3-32B-AWQ on a Thor reads 17.76 GB of weights a step, and 0.262 MB of KV cache a token, at 273 GB/s.
def test_a_batch_of_mixed_lengths_is_not_accused_by_its_mean() -> None:
    """A prompt of 40,000 tokens decoded once, in 120 ms; one of 64 decoded 200 times, each of 17.8 GB in 70 ms.

    By their mean of 20,032 tokens each step would read 23.0 GB, which 70 ms are too few for.
    """
    long = decoding(0, input_len=40_000, tokens=2, gap_ms=120)
    short = decoding(1, input_len=64, tokens=201, gap_ms=70, at_ms=120)
    of = judged(long, short, seconds=75)
    assert of.utilization.mbu is not None
    assert 17.8 / 273 / 0.070 < of.utilization.mbu < 1
    assert {"batch_above_bandwidth", "tpot_below_decode_limit"}.isdisjoint(reasons(of))


def eight_at_once(*typed: str) -> Trust:
    """Prompts of 16,000 tokens, a step each 100 ms: alone one of them reads 22.0 GB, in 80 ms."""
    requests = [decoding(i, input_len=16_000, tokens=101, gap_ms=100) for i in range(8)]
    # As long as they decode: 100 steps of 100 ms.
    return judged(
        *(replace(r, token_ns=tuple(ns - 50 * S for ns in r.token_ns)) for r in requests), seconds=10, typed=typed
    )


def test_a_batch_too_fast_for_all_of_it_is_accused() -> None:
    """Eight sequences together read 17.76 + 8 x 4.2 GB, which takes 188 ms."""
    of = eight_at_once()
    assert "SUSPECT" == reasons(of)["batch_above_bandwidth"].standing
    assert "tpot_below_decode_limit" not in reasons(of)


def test_replicas_have_a_part_of_the_batch_each() -> None:
    """Two of eight sequences on each of four boards read 17.76 + 2 x 4.2 GB, which takes 96 of the 100 ms."""
    of = eight_at_once("engine.data_parallel_size=4")
    assert of.utilization.mbu is not None
    assert pytest.approx((17.76 + 2 * 16_050 * 0.262e-3) / 273 / 0.1, rel=1e-2) == of.utilization.mbu
    assert "batch_above_bandwidth" not in reasons(of)


def one_at_a_time(gap_ms: int, *typed: str) -> Trust:
    """Eight answers in a short context: 17.78 GB a token, 65.1 ms on one board."""
    return trust(a_job("load=low", "load.num_prompts=8", *typed), left(*in_a_row(*8 * [gap_ms])))


@pytest.mark.parametrize(
    ("typed", "gap_ms", "is_possible"),
    [
        ("engine.tensor_parallel_size=2", 40, True),
        ("engine.tensor_parallel_size=2", 30, False),
        ("engine.data_parallel_size=2", 70, True),
        ("engine.data_parallel_size=2", 40, False),
        ("engine.pipeline_parallel_size=2", 70, True),
        ("engine.pipeline_parallel_size=2", 40, False),
    ],
)
def test_a_token_is_below_the_limit_of_the_devices_that_read_for_it(typed: str, gap_ms: int, is_possible: bool) -> None:
    """At once only with tensor parallel, 32.6 ms on two boards: replicas and stages take 65.1 ms as one board does."""
    assert is_possible is ("tpot_below_decode_limit" not in reasons(one_at_a_time(gap_ms, typed)))


@pytest.mark.parametrize("typed", ["engine.quantization=bitsandbytes", "engine.hf_overrides={num_hidden_layers: 1}"])
def test_other_weights_than_the_configs_accuse_nobody(typed: str) -> None:
    """Whose bytes nobody knows: a token in 1 ms, a prompt in 100, and no share of what the hardware can."""
    of = one_at_a_time(1, typed)
    assert Utilization() == of.utilization
    assert {"tpot_below_decode_limit", "ttft_below_prefill_limit", "batch_above_bandwidth"}.isdisjoint(reasons(of))
    assert "tpot_below_decode_limit" in reasons(one_at_a_time(1))


@pytest.mark.parametrize(
    ("held", "is_said"), [((1.0, *20 * [0.0]), False), ((1.0, 1.0, *18 * [0.0]), True)], ids=["1 of 21", "2 of 20"]
)
def test_a_state_of_throttling_counts_above_its_share(held: tuple[float, ...], is_said: bool) -> None:
    """More than 5 % of the looks during the load."""
    alert = Series(tuple(i * 100 * MS for i in range(len(held))), held)
    watched = Watched(Telemetry({"throttle.cpu-throttle-alert": alert}), before=PLAIN, after=PLAIN)
    assert is_said is ("throttling" in reasons(trust(a_job(ANY_MACHINE), left(watched=watched))))


def test_throttling_is_the_same_in_verdict_and_result() -> None:
    """Two events that a counter saw, one of them after its last look in the load."""
    oc1 = Series((1 * S, 2 * S, 11 * S), (7.0, 8.0, 9.0))
    of = trust(
        a_job(ANY_MACHINE),
        left(watched=Watched(Telemetry({"throttle.oc1": oc1}), before=PLAIN, after=PLAIN)),
    )
    assert of.throttling is not None
    assert {"oc1": 9.0 - 7.0} == of.throttling.events
    assert "throttled during the load: oc1 2 times" == reasons(of)["throttling"].evidence


IDLE = (-3 * S, -1 * S)  # before a load from 0 to 10 s


def board(*watts_at_s: tuple[float, float]) -> Power:
    """Of one that drew so many W, each so many s after the load began."""
    return Power(
        "board", "hwmon.VIN_w", Series(tuple(round(s * S) for s, _ in watts_at_s), tuple(w for _, w in watts_at_s))
    )


def test_a_rest_is_of_the_samples_before_the_load() -> None:
    """20, 22 and 27 W in it, 80 and 100 W in the load; neither is what was drawn between them, or before or after."""
    power = board((-4, 5), (-3, 22), (-2, 20), (-1, 27), (-0.5, 300), (0, 80), (10, 100), (11, 500))
    of = found(a_job(), left(watched=Watched(idle=IDLE)), power=power).rest
    assert Rest(least_w=20.0, mean_w=(22 + 20 + 27) / 3, most_w=27.0, load_w=(80 + 100) / 2) == of


def test_a_rest_stands_beside_the_whole_load() -> None:
    """Of the first half, which is left out of the figures, too: 60 and 100 W."""
    counting = a_run(*EIGHT[4:], start_ns=5 * S, end_ns=10 * S)
    of = found(a_job(), left(counting=counting, watched=Watched(idle=IDLE)), power=board((-2, 20), (1, 60), (9, 100)))
    assert of.rest is not None
    assert (60 + 100) / 2 == of.rest.load_w


@pytest.mark.parametrize(
    ("idle", "power"),
    [
        (IDLE, None),
        (None, board((-2, 20), (1, 60))),
        (IDLE, board((1, 60), (2, 60))),
        (IDLE, board((-2, 20), (-1, 20))),
    ],
    ids=["no power", "no rest", "no sample in the rest", "no sample in the load"],
)
def test_without_power_on_both_sides_there_is_no_rest(idle: tuple[int, int] | None, power: Power | None) -> None:
    """There is nothing to compare."""
    assert found(a_job(), left(watched=Watched(idle=idle)), power=power).rest is None


@pytest.mark.parametrize(("most_w", "is_said"), [(24.0, False), (60.0, True)])
def test_a_rest_in_which_the_board_was_at_work_is_a_reason(most_w: float, is_said: bool) -> None:
    """20 W, then 60, are more than half of 40 apart; 20 and 24 are not. The load draws 90."""
    series = board((-3, 20), (-1, most_w), (1, 90), (9, 90)).series
    of = trust(a_job(), left(watched=Watched(Telemetry({"hwmon.VIN_w": series}), idle=IDLE)))
    assert of.energy is not None
    assert is_said is ("unsteady_rest" in reasons(of))


def test_what_is_simulated_is_not_held_against_the_board() -> None:
    """It is made of it: neither a latency nor the use of the hardware says anything."""
    of = found(a_job(), left(origin="simulated"))
    assert ((), (), Utilization()) == (of.ttft, of.tpot, of.used)
    assert found(a_job(), left()).ttft


def test_how_late_a_simulation_was_is_found() -> None:
    """A second of four."""
    before, after = (
        Metrics(f"thorexp_sim_busy_seconds_total {busy}\nthorexp_sim_late_seconds_total {late}\n", None)
        for busy, late in ((0.0, 0.0), (4.0, 1.0))
    )
    assert 1 / 4 == found(a_job(), left(before=before, after=after)).server.simulation_late

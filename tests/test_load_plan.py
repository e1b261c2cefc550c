"""From a job's config to its load plan: files, stages, and keys that mean nothing together."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from tests.records import S
from tests.test_compose import a_tree
from thorexp.compose import job_config
from thorexp.errors import ConfigError
from thorexp.load_plan import load_plan
from thorexp.measure.plan import LoadPlan

HEADER = "timestamp,input_length,output_length"
OPEN = ("load=poisson", "load.burstiness=inf")


def planned(*overrides: str) -> LoadPlan:
    """What a command line's load is, of a small random workload if it does not say another."""
    small = () if any(word.startswith("workload=") for word in overrides) else ("workload.input_len=8",)
    return load_plan(job_config(a_tree("load.num_prompts=2", *small, *overrides)))


def refusal(*overrides: str) -> ConfigError:
    with pytest.raises(ConfigError) as refused:
        planned(*overrides)
    return refused.value


def facts(error: ConfigError) -> dict[str, str]:
    return {fact.label: fact.text for fact in error.facts}


def written(path: Path, text: str | bytes) -> str:
    """The override that names a file of this content."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return f"workload.file={path}"


def lines(*entries: Any) -> str:
    return "".join(json.dumps(entry) + "\n" for entry in entries)


def asked(plan: LoadPlan) -> list[tuple[Any, int | None]]:
    """Prompt and output length of each request, in a fixed order."""
    return sorted(((each.ask.prompt, each.ask.output_len) for each in plan.requests), key=repr)


JSONL = ("workload=jsonl", "load.num_prompts=null")
SHAREGPT = ("workload=sharegpt", "load.num_prompts=null")
TRACE = ("workload=trace", "load.num_prompts=null")
TIMED = ("workload=trace", "load=trace", "load.num_prompts=null", "workload.timestamp_s=1")


def test_a_device_is_no_file() -> None:
    """One that never ends would be read until nothing is left of the memory."""
    for words in (JSONL, SHAREGPT, TRACE):
        assert "a device, which has no end" == facts(refusal(*words, "workload.file=/dev/zero"))["says"]


def test_a_file_of_prompts_is_asked(tmp_path: Path) -> None:
    """Texts, token ids and messages, each with its own length or the one that was typed."""
    messages = [{"role": "user", "content": "three"}]
    file = written(
        tmp_path / "p.jsonl", lines({"prompt": "one", "output_len": 5}, {"prompt": [1, 2]}, {"messages": messages})
    )
    expected = [("one", 5), ((1, 2), 7), (tuple(messages), 7)]
    assert sorted(expected, key=repr) == asked(planned(*JSONL, file, "workload.output_len=7"))


def test_a_file_of_conversations_is_asked(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Two turns at most, as long as its own answers; what asks nothing is left out, aloud."""
    said = [{"from": who, "value": word} for who, word in zip(("human", "gpt") * 3, "abcdef", strict=True)]
    file = written(tmp_path / "s.json", json.dumps([{"conversations": said}, {"conversations": []}]))
    with caplog.at_level(logging.WARNING):
        plan = planned(*SHAREGPT, file, "workload.turns=2")
    assert [("a", None), ("c", None)] == asked(plan)
    assert ["b", "d"] == [request.ask.reference for request in plan.requests]
    assert [None, 0] == [request.follows for request in plan.requests]
    assert f"{tmp_path / 's.json'}: left out 1 of 2 entries" in caplog.text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", f"{HEADER}\n10,5,2\n11,6,3\n13,7,4\n"),
        (
            "t.jsonl",
            lines(
                {"timestamp": 10, "input_length": 5, "output_length": 2},
                {"timestamp": 11, "input_length": 6, "output_length": 3, "hash_ids": [7]},
                {"timestamp": 13, "input_length": 7, "output_length": 4, "hash_ids": [7]},
            ),
        ),
    ],
    ids=["CSV", "Mooncake"],
)
def test_a_trace_is_asked_at_its_own_times(tmp_path: Path, name: str, text: str) -> None:
    """Lengths and times of its rows, from the first on; twice as slow where it is scaled so."""
    file = written(tmp_path / name, text)
    plan = planned(*TIMED, file)
    assert [(5, 2), (6, 3), (7, 4)] == [(each.ask.input_len, each.ask.output_len) for each in plan.requests]
    assert [0, 1 * S, 3 * S] == [each.due_ns for each in plan.requests]
    assert plan.is_open
    assert [0, 2 * S, 6 * S] == [each.due_ns for each in planned(*TIMED, file, "load.time_scale=2").requests]
    assert [0, 1 * S] == [each.due_ns for each in planned(*TIMED, file, "load.duration_s=2").requests]


def test_a_traces_lengths_are_asked_in_any_load(tmp_path: Path) -> None:
    """A closed loop of what a trace has, without its times."""
    plan = planned(*TRACE, written(tmp_path / "t.csv", f"{HEADER}\n10,5,2\n11,6,3\n"))
    assert ([5, 6], [0, 0], False) == (
        [each.ask.input_len for each in plan.requests],
        [each.due_ns for each in plan.requests],
        plan.is_open,
    )


def test_rows_that_are_too_long_are_left_out_aloud(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """5 + 2 tokens are more than 6; the load begins with what is left, at once."""
    file = written(tmp_path / "t.csv", f"{HEADER}\n10,5,2\n11,4,2\n13,3,2\n")
    with caplog.at_level(logging.WARNING):
        plan = planned(*TIMED, file, "workload.max_len=6")
    assert [(4, 0), (3, 2 * S)] == [(each.ask.input_len, each.due_ns) for each in plan.requests]
    assert "left out 1 of 3 rows, longer than workload.max_len=6" in caplog.text


def test_a_trace_of_which_nothing_is_left_is_refused(tmp_path: Path) -> None:
    """With the length that would leave something."""
    refused = refusal(*TIMED, written(tmp_path / "t.csv", f"{HEADER}\n1,5,2\n2,9,9\n"), "workload.max_len=6")
    assert ("workload.max_len=6", "7 tokens, in and out") == (facts(refused)["where"], facts(refused)["shortest"])


@pytest.mark.parametrize(
    ("words", "text", "line"),
    [
        (JSONL, '{"prompt": "a", "output_len": 1}\n{"prompt": ""}\n', 2),
        (JSONL, '{"prompt": "a", "output_len": 1}\n\n{"prompt"\n', 3),
        (SHAREGPT, '[{"conversations": []},\n{"conversations": 5}]', 2),
        (TRACE, f"{HEADER}\n1,5,2\n2,0,2\n", 3),
        (TRACE, '{"timestamp": 0, "input_length": 5, "output_length": 2}\n{"timestamp": 0}\n', 2),
        (JSONL, b'{"prompt": "a", "output_len": 1}\n{"prompt": "\xff"}\n', 2),
        (JSONL, b'\xef\xbb\xbf{"prompt": "a", "output_len": 1}\n{"prompt": "\xff"}\n', 2),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, words: tuple[str, ...], text: str | bytes, line: int) -> None:
    """By the file and the line."""
    refused = refusal(*words, written(tmp_path / "file", text))
    assert f"{tmp_path / 'file'}:{line}" == facts(refused)["where"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (JSONL, '{"prompt": "a", "output_len": 1}'),
        (SHAREGPT, '[{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}]'),
        (TRACE, f"{HEADER}\r\n1,5,2\r\n"),
        (TRACE, '{"timestamp": 0, "input_length": 5, "output_length": 2}'),
    ],
)
def test_a_byte_order_mark_is_no_content(tmp_path: Path, words: tuple[str, ...], text: str) -> None:
    """Programs on Windows put one before a file, which asks the same with it."""
    plain, marked = (
        planned(*words, written(tmp_path / "file", mark + text.encode())) for mark in (b"", b"\xef\xbb\xbf")
    )
    assert (1, plain.digest) == (len(plain.requests), marked.digest)


def test_a_file_in_the_home_directory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` is the user's, whatever shell did not say so."""
    monkeypatch.setenv("HOME", str(tmp_path))
    written(tmp_path / "p.jsonl", lines({"prompt": "one", "output_len": 5}))
    assert [("one", 5)] == asked(planned(*JSONL, "workload.file='~/p.jsonl'"))


@pytest.mark.parametrize(("name", "says"), [("none", "No such file"), ("", "Is a directory")])
def test_a_file_that_cannot_be_read_is_named_by_its_key(tmp_path: Path, name: str, says: str) -> None:
    """With what the system says of it."""
    refused = refusal(*JSONL, f"workload.file={tmp_path / name}")
    assert f"workload.file={tmp_path / name}" == facts(refused)["where"]
    assert says in facts(refused)["says"]


def test_more_than_a_file_has_is_refused(tmp_path: Path) -> None:
    """None is asked twice."""
    refused = refusal(*JSONL, written(tmp_path / "p", lines({"prompt": "a", "output_len": 1})), "load.num_prompts=2")
    assert refused.headline.startswith("The load asks 2 prompts, the file has 1")


def test_a_random_load_without_a_count_is_refused() -> None:
    """It would never end."""
    assert "load.num_prompts is missing: random workloads do not end." == refusal("load.num_prompts=null").headline


@pytest.mark.parametrize("key", ["input_len", "output_len"])
def test_a_random_workload_has_lengths(key: str) -> None:
    """The remedy has both keys."""
    assert "workload.input_len=" in facts(refusal(f"workload.{key}=null"))["try"]


@pytest.mark.parametrize("workload", ["random", "conversation", "jsonl", "sharegpt", "trace"])
@pytest.mark.parametrize(("key", "value"), [("seed", -1), ("max_len", 0)])
def test_numbers_below_the_least_are_refused_for_every_workload(workload: str, key: str, value: int) -> None:
    """By the key, before the file is looked for."""
    assert (
        f"workload.{key}={value} is too small." == refusal(f"workload={workload}", f"workload.{key}={value}").headline
    )


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        ("random", "file=/a/file"),
        ("random", "max_len=100"),
        ("random", "timestamp_s=1.0"),
        ("random", "block_len=16"),
        ("jsonl", "input_len=5"),
        ("jsonl", "prefix_len=5"),
        ("jsonl", "turns=2"),
        ("jsonl", "timestamp_s=1.0"),
        ("jsonl", "block_len=16"),
        ("sharegpt", "input_len=5"),
        ("sharegpt", "think_time_s=1.0"),
        ("sharegpt", "turn_input_len=5"),
        ("sharegpt", "lengths=normal"),
        ("trace", "turns=2"),
        ("trace", "output_len=5"),
        ("trace", "range_ratio=0.5"),
        ("trace", "std_ratio=0.5"),
        ("trace", "num_prefixes=2"),
    ],
)
def test_what_a_workload_does_not_read_is_refused_by_its_key(kind: str, typed: str) -> None:
    """Nobody believes for a night that it counted."""
    refused = refusal(f"workload={kind}", f"workload.{typed}")
    assert f"workload.{typed} means nothing to workload.kind={kind}." == refused.headline


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (("load.burst_size=2",), "load.burst_size=2"),
        (("load.ramp=exponential",), "load.ramp=exponential"),
        ((*OPEN, "load.ramp=exponential"), "load.ramp=exponential"),
        (("load.time_scale=2.0",), "load.time_scale=2.0"),
        (("load.request_rate_end=4.0",), "load.request_rate_end=4.0"),
        ((*OPEN, "load.request_rate_end=inf"), "load.request_rate_end=inf"),
        (("load.stages=[{burst_size: 2},{request_rate: 1}]",), "load.stages[0].burst_size=2"),
        (("load.stages=[{request_rate: 1},{ramp: exponential}]",), "load.stages[1].ramp=exponential"),
        (("load.stages=[{name: a},{name: a}]",), "load.stages[1].name=a"),
        (("load.stages=[{name: stage 1},{}]",), "load.stages[1].name=stage 1"),
        (("load.arrivals=trace", "load.request_rate=1"), "load.request_rate"),
        (("load.arrivals=trace", "load.request_rate_end=1"), "load.request_rate_end"),
        (("load.arrivals=trace", "load.stages=[{num_prompts: 1}]"), "load.stages"),
        (("load.arrivals=trace", "load.burst_size=2"), "load.burst_size=2"),
        (("load.arrivals=trace",), "load.arrivals=trace needs a trace."),
    ],
)
def test_keys_that_mean_nothing_together_are_refused(words: tuple[str, ...], key: str) -> None:
    """By the one that would be without effect."""
    assert refusal(*words).headline.startswith(key)


@pytest.mark.parametrize(
    "words",
    [
        (*OPEN, "load.burst_size=2"),
        ("load.burst_size=2", "load.stages=[{request_rate: 1},{num_prompts: 1}]"),
        ("load.ramp=exponential", "load.stages=[{request_rate: 1, request_rate_end: 2},{num_prompts: 1}]"),
        ("load.ramp=exponential", "load.max_concurrency_end=9", "load.duration_s=9"),
        ("workload=conversation", "workload.turns=1"),
        ("load.burstiness=inf",),
    ],
)
def test_a_key_that_means_something_to_a_part_is_taken(words: tuple[str, ...]) -> None:
    """One stage is enough; a sweep may come to its edge."""
    assert len(planned(*words).requests) > 1


def test_stages_say_what_is_different() -> None:
    """What they do not say is as the load says; without a name they are numbered."""
    plan = planned(
        *OPEN,
        "load.max_concurrency=5",
        "load.stages=[{name: calm}, {request_rate: 4, num_prompts: 3, max_concurrency: 2}]",
    )
    calm, busy = plan.stages
    assert ("calm", "stage 1") == (calm.name, busy.name)
    assert ([1 * S, 2 * S], ((0, 5),)) == ([each.due_ns for each in calm.requests], calm.limits)
    assert ([S // 4, S // 2, S * 3 // 4], ((0, 2),)) == ([each.due_ns for each in busy.requests], busy.limits)


def test_a_stage_is_typed() -> None:
    """A misspelt key and a word for a number are refused like any other."""
    with pytest.raises(ConfigError, match=r"num_prompt\b"):
        planned("load.stages=[{num_prompt: 3}]")
    with pytest.raises(ConfigError, match="Integer"):
        planned("load.stages=[{num_prompts: many}]")


@pytest.mark.parametrize(
    ("stage", "headline"),
    [
        ("{request_rate: 0}", "load.request_rate=0.0 is not above 0."),
        ("{request_rate: 1, request_rate_end: -1}", "load.request_rate_end=-1.0 is not above 0."),
        ("{request_rate: 1, burstiness: 0}", "load.burstiness=0.0 is not above 0."),
    ],
)
def test_a_rate_that_is_none_is_said_to_be_of_its_stage(stage: str, headline: str) -> None:
    """With several, nobody knows which from the key of the load alone."""
    refused = refusal(f"load.stages=[{{num_prompts: 1}}, {stage}]")
    assert (headline, "load.stages[1]") == (refused.headline, facts(refused)["where"])


def test_what_a_stage_lacks_is_refused_by_its_full_key() -> None:
    """As it would be typed in a file."""
    refused = refusal("load.num_prompts=null", "load.stages=[{num_prompts: 1}, {duration_s: 5}]")
    assert refused.headline.startswith("load.stages[1].num_prompts is missing")


def test_what_every_stage_overrules_is_refused() -> None:
    """It would be swept without effect."""
    error = refusal("load=spike", "load.request_rate=9")
    assert "load.request_rate=9.0 is overruled by every stage." == error.headline
    assert "load.request_rate=inf" in facts(error)["try"]


def test_a_number_of_prompts_that_ends_a_timed_load_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """Of 4 requests/s for 60 s the preset's number leaves 2."""
    planned(*OPEN, "load.request_rate=4", "load.duration_s=60")
    assert ["load.num_prompts=2 ends it before load.duration_s=60 does: null for all that come in that time"] == [
        record.message for record in caplog.records
    ]

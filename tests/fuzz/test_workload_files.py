"""Files of prompts and traces are played, or refused with the line that is wrong."""

import time
from dataclasses import replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.bounded import bounded, trying
from tests.fuzz.broken import broken_json, broken_lines, cut_up
from thorexp.config_load import WorkloadConfig, WorkloadKind
from thorexp.errors import ConfigError
from thorexp.measure.trace import TraceWorkload
from thorexp.measure.workload import Lengths
from thorexp.workloads import workload_of

CONFIG = WorkloadConfig(
    name="a", kind=WorkloadKind.jsonl, file=None, input_len=None, output_len=None, lengths=Lengths.uniform,
    range_ratio=0.0, std_ratio=0.0, prefix_len=0, num_prefixes=1, turns=1, turn_input_len=None, think_time_s=0.0,
    max_len=None, timestamp_s=0.001, block_len=512, seed=0, ignore_eos=True,
)  # fmt: skip
PROMPTS: list[Any] = [
    {"prompt": "Why is the sky blue?", "output_len": 12},
    {"prompt": [1, 2, 3], "max_tokens": 5, "completion": "x"},
    {"messages": [{"role": "user", "content": "Hi"}], "reference": "Hello"},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}], "output_tokens": 3},
]
CHATS: list[Any] = [
    {"id": "a", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]},
    {
        "conversations": [
            {"from": "system", "value": "Be"},
            {"from": "user", "value": "1"},
            {"from": "assistant", "value": "2"},
        ]
    },
    {"conversation": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}] * 2},
    {"conversations": []},
]
ROWS: list[Any] = [
    {"timestamp": 0, "input_length": 600, "output_length": 3, "hash_ids": [0, 1]},
    {"timestamp": 27, "input_length": 10, "output_length": 5, "hash_ids": [0]},
    {"timestamp": 30.5, "input_length": 10, "output_length": 5},
]
CSV = b'timestamp,input_length,output_length,hash_ids\n0,600,3,[0;1]\n27,10,5,0\n30.5,1,1,\n31,1,1,"[4]"\n'


def played(content: bytes, config: WorkloadConfig) -> str:
    """What is said of it; nothing where there is nothing to say."""
    with NamedTemporaryFile(suffix=".txt") as file:
        Path(file.name).write_bytes(content)
        try:
            with bounded():
                workload = workload_of(replace(config, file=file.name), 1000)
                asked = workload.conversations(None, np.random.default_rng(0))
                assert all(ask.prompt for conversation in asked for ask in conversation)
                if isinstance(workload, TraceWorkload):
                    assert len(asked) == len(workload.due_ns(None, 1.0))
        except ConfigError as refused:
            said = str(refused)
        else:
            return ""
        assert file.name in said
    return said


def of(kind: WorkloadKind, **changes: Any) -> WorkloadConfig:
    """A config of it."""
    return replace(CONFIG, kind=kind, **changes)


@trying(50)
@given(broken_lines(PROMPTS), st.sampled_from((None, 1, 10)))
def test_prompts(content: bytes, output_len: int | None) -> None:
    """One a line."""
    played(content, of(WorkloadKind.jsonl, output_len=output_len)).encode()


@trying(50)
@given(broken_json(CHATS), st.integers(1, 3))
def test_conversations(content: bytes, turns: int) -> None:
    """An array of them."""
    played(content, of(WorkloadKind.sharegpt, turns=turns)).encode()


@trying(50)
@given(broken_lines(ROWS) | cut_up(CSV), st.sampled_from((0.001, 1.0, 1e-9, 1e300)))
def test_traces(content: bytes, timestamp_s: float) -> None:
    """As JSON lines, or as CSV."""
    played(content, of(WorkloadKind.trace, timestamp_s=timestamp_s)).encode()


LONG = 10_000_000
MANY = 200_000


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (WorkloadKind.jsonl, b'{"prompt": "' + b"a" * LONG + b'", "output_len": 1}'),
        (WorkloadKind.jsonl, b"a" * LONG),
        (WorkloadKind.jsonl, b"\n" * LONG),
        (WorkloadKind.jsonl, b'{"prompt": [' + b"1," * (LONG // 2) + b'1], "output_len": 1}'),
        (WorkloadKind.jsonl, b"[" * LONG),
        (WorkloadKind.sharegpt, b"[" + b" " * LONG),
        (WorkloadKind.sharegpt, b"[" + b'{"conversations":[]},' * MANY + b"{}]"),
        (WorkloadKind.sharegpt, b"[" + b"\n" * LONG + b"1]"),
        (WorkloadKind.trace, CSV + b"\n" * LONG),
        (WorkloadKind.trace, b"timestamp,input_length,output_length\n" + b"1,1,1\n" * MANY),
        (WorkloadKind.trace, b'timestamp,input_length,output_length\n1,1,"' + b"a" * LONG),
        (WorkloadKind.trace, b"timestamp,input_length,output_length\n1,1," + b"9" * LONG),
    ],
    ids=[
        "a text",
        "no JSON",
        "no line",
        "token ids",
        "brackets",
        "an open array",
        "chats",
        "lines",
        "blank rows",
        "rows",
        "an open cell",
        "a number",
    ],
)
def test_large_files_take_time_in_proportion(kind: WorkloadKind, content: bytes) -> None:
    """Ten megabytes, in CPU seconds of which there are few."""
    before = time.process_time()
    played(content, of(kind))
    assert time.process_time() - before < 15

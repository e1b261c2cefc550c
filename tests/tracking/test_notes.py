from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from thorexp.measure.verdict import Reason, Verdict
from thorexp.tracking.notes import note_of_job

TAGS = {"model": "qwen3_32b_awq", "load": "low", "hardware": "jetson_agx_thor", "origin": "measured"}
RESULT = {
    "completed": 10,
    "failed": 1,
    "duration": 33.224,
    "output_throughput": 38.528,
    "median_ttft_ms": 725.778,
    "p99_ttft_ms": 730.0,
    "median_tpot_ms": 20.449,
}
FEW = Reason("few_samples", "SUSPECT", ("p99_ttft_ms",), "P99 of 10 values", "load.num_prompts=100")


def test_a_note_begins_with_what_it_is_of_and_its_standing() -> None:
    """MLflow folds what follows."""
    note = note_of_job(TAGS | {"power_mode": "MAXN"}, RESULT, Verdict((FEW,)), None, ())
    first, second, *_ = note.split("\n\n")
    assert "`qwen3_32b_awq` `low` on jetson_agx_thor, power mode MAXN: measured, **SUSPECT**" == first
    assert "38.53 output tokens/s; 10 requests completed, 1 failed, in 33.22 s" == second


def test_a_note_has_the_reasons_and_what_to_try() -> None:
    """Each with the numbers that it speaks against."""
    expected = "**few_samples**, SUSPECT about `p99_ttft_ms`: P99 of 10 values; try: load.num_prompts=100"
    assert expected in note_of_job(TAGS, RESULT, Verdict((FEW,)), None, ()).split("\n\n")


def test_a_note_has_the_latencies_that_were_measured() -> None:
    """In ms; a dash for what was not."""
    rows = ["| ms | median | P99 |", "| --- | ---: | ---: |", "| TTFT | 725.78 | 730.00 |", "| TPOT | 20.45 | - |"]
    assert "\n".join(rows) in note_of_job(TAGS, RESULT, Verdict(), None, ()).split("\n\n")


def test_a_note_of_a_failure_has_its_error() -> None:
    """As it was told, and no number."""
    note = note_of_job(TAGS, {}, None, "vLLM exited with code 1.\n  log  server.log", ())
    assert "```text\nvLLM exited with code 1.\n  log  server.log\n```" in note
    assert "tokens/s" not in note


def test_a_note_says_what_to_look_at() -> None:
    """Among a dozen files."""
    assert "Under Artifacts: `report.html`" in note_of_job(TAGS, RESULT, None, None, ("report.html",))


def test_a_note_keeps_within_mlflows_limit() -> None:
    """Whatever it is that failed."""
    reasons = tuple(FEW for _ in range(100))
    assert 8000 == len(note_of_job(TAGS, RESULT, Verdict(reasons), None, ()))


def html_of(note: str) -> str:
    """As GitHub and MLflow show it."""
    return str(MarkdownIt("commonmark").render(note))


def test_a_fence_in_an_error_does_not_close_its_block() -> None:
    """A server's log may have one."""
    note = note_of_job(TAGS, {}, None, "It died.\n```\n# Traceback\n```", ())
    assert "It died.\n```\n# Traceback\n```\n</code></pre>" in html_of(note)


@pytest.mark.parametrize("error", ["x" * 9000, "`" * 9000, "```\n" * 3000])
def test_a_long_error_leaves_the_rest_of_the_note_outside_of_its_block(error: str) -> None:
    """It is cut, its fence is not."""
    note = note_of_job(TAGS, {}, None, error, ())
    assert len(note) <= 8000
    assert html_of(note).endswith("<p>How to read the numbers: the description of the experiment.</p>\n")


def test_evidence_is_text() -> None:
    """It may quote a server."""
    said = "HTTP 500: <b>*no*</b>\n# `stop`"
    note = note_of_job(TAGS, {}, Verdict((replace(FEW, evidence=said),)), None, ())
    assert "HTTP 500: &lt;b&gt;*no*&lt;/b&gt; # `stop`; try: load.num_prompts=100" in html_of(note)


def test_a_note_shows_no_secret() -> None:
    """Of an error or a reason that quotes a config."""
    said = "no answer from http://ann:PW@thor with engine.api_key=sk"
    note = note_of_job(TAGS, {}, Verdict((replace(FEW, evidence=said),)), said, ())
    assert (0, 0, 2) == (note.count("PW"), note.count("sk"), note.count("http://"))

"""A client that gets no CPU says so."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.golden import Settings, golden_server

ROOT = Path(__file__).parents[2]
HOGS = 3
# One request after the other, of 8 tokens 20 ms apart, judged as a job would be.
CLIENT = """
import json, os, sys
from tests.records import BELIEVED, a_plan, some_asks
from thorexp.load.generator import play
from thorexp.load.target import Target
from thorexp.measure.findings import Findings, judge
from thorexp.measure.metrics import Slo, summarize
target = Target(sys.argv[1], "golden")
os.nice(15)
played = play(a_plan(*some_asks(12, tokens=8), max_concurrency=1), target, check_alive=lambda: None)
summary = summarize(played, (99.0,), Slo())
verdict = judge(Findings(summary=summary), BELIEVED)
print(json.dumps([[reason.name, reason.standing, reason.evidence] for reason in verdict.reasons]))
"""


@contextmanager
def hogs(core: int) -> Iterator[None]:
    """Processes that do nothing but keep one core busy."""
    busy = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"], preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        for _ in range(HOGS)
    ]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


# With one core a starved client starves its server too, and nothing is known of either; CI has two.
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="server and client need a core each to be told apart")
def test_a_starved_client_is_marked_for_lag() -> None:
    """On one core with three others at work, and behind them in rank, its loop comes late, and the verdict says so."""
    core = max(os.sched_getaffinity(0))
    with golden_server(Settings(ttft_s=0.02, itl_s=0.02)) as server, hogs(core):
        command = ["taskset", "-c", str(core), sys.executable, "-c", CLIENT, server.base_url]
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    named = {name: (standing, evidence) for name, standing, evidence in json.loads(said.stdout)}
    print(named)
    assert "SUSPECT" == named["client_lag"][0]

"""`vllm bench serve`, run from the vLLM that a server command names."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from thorexp.report import parse

PINNED = "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])}); os.execv(sys.argv[2], sys.argv[2:])"


def bench_serve(vllm: str, words: Sequence[str], scratch: Path, core: int | None = None) -> dict[str, float]:
    """What it reports, by its JSON keys; on that core alone, if given. SystemExit when it printed no report."""
    python = shlex.split(vllm)[0]
    command = [python, "-m", "vllm.entrypoints.cli.main", "bench", "serve", *words]
    if core is not None:
        command = [sys.executable, "-c", PINNED, str(core), *command]
    env = {**os.environ, "PYTHONPATH": str(_metadata(python, scratch)), "HF_HUB_OFFLINE": "1"}
    said = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    reports = list(parse(said.stdout))
    if not reports:
        sys.exit(f"vllm bench serve printed no report:\n{said.stderr[-3000:]}")
    return reports[0]


def _metadata(python: str, scratch: Path) -> Path:
    """Package metadata by the name `vllm`, which a CPU build lacks and the `vllm` command asks for."""
    code = "import json, vllm._version as v; print(json.dumps(v.__version__))"
    said = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    version = f"{json.loads(said.stdout.splitlines()[-1])}+cpu"
    info = scratch / f"vllm-{version}.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n")
    return scratch

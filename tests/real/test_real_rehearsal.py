"""A model of each quantization of the published table, rehearsed on a real vLLM on a CPU."""

import platform
import time
from pathlib import Path

from tests.command_line import Ran, servers_below, thorexp
from tests.real.vllm_command import vllm_command
from thorexp.rundir import VERDICT

# In 16 bit and in AWQ vLLM serves them on any CPU.
ON_ANY_CPU = {"qwen3_32b_awq", "qwen3_30b_a3b"}
# These need AMX, or have no kernel on a CPU at all.
OTHERS = {"qwen3_coder_30b_a3b_int4_w4a16", "qwen3_30b_a3b_fp8", "qwen3_coder_30b_a3b_awq_8bit"}
NO_KERNEL = ("Failed to find a kernel", "No WNA16 MoE backend", "CHECK_EQ")


def rehearsal(folder: Path) -> Ran:
    """The seed's experiment with one model of each quantization, one of its loads, and four prompts."""
    words = (
        "-m",
        "experiment=thor_seed",
        "rehearse=true",
        "load=low",
        f"model={','.join(sorted(ON_ANY_CPU | OTHERS))}",
    )
    return thorexp(folder, *words, "load.num_prompts=4", f"server.command='{vllm_command()}'", timeout_s=1200)


def test_every_point_that_a_cpu_can_serve_finishes(tmp_path: Path) -> None:
    """The others fail by the reason that vLLM gives; all of it is marked, and nothing is left running."""
    began = time.monotonic()
    ran = rehearsal(tmp_path)
    statuses = {record.tags["model"]: record.status for record in ran.records}
    errors = {record.tags["model"]: record.error for record in ran.records if record.error is not None}
    print(f"\n{time.monotonic() - began:.0f} s on {platform.machine()}")
    for model, status in sorted(statuses.items()):
        print(f"{model:34} {status:9} {' | '.join(errors.get(model, '').splitlines()[1:4])}")
    assert ON_ANY_CPU | OTHERS == set(statuses)
    assert {"finished"} == {statuses[model] for model in ON_ANY_CPU}, ran.err[-3000:]
    assert [] == [error for error in errors.values() if not any(reason in error for reason in NO_KERNEL)]
    assert {"rehearsed"} == {record.tags["origin"] for record in ran.records}
    assert {"rehearsed"} == {each.read_json(VERDICT)["origin"] for each in ran.run_dirs if each.has(VERDICT)}
    assert [] == servers_below(tmp_path)

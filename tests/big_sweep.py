"""A sweep of many points with many requests each, as its directories would hold it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.command_line import thorexp
from thorexp import rundir
from thorexp.results.summary import Point
from thorexp.rundir import RunDir
from thorexp.sweepdir import SweepRecord, sweep_id

SIGNALS = (
    "hwmon.VIN_w", "hwmon.VDD_GPU_w", "hwmon.VDD_CPU_SOC_MSS_w", "hwmon.VIN_SYS_5V0_w", "nvml.gpu0_w",
    "thermal.tj_c", "thermal.gpu_c", "thermal.cpu_c", "thermal.soc012_c", "host.cpu_percent", "nvml.gpu0_percent",
    "nvml.gpu0_mhz", "host.memory_gb", "server.running", "server.waiting", "server.kv_cache_percent",
)  # fmt: skip
SAMPLES = 700  # of each
NOISY_NS = 3_000_000  # by which a stamp is off


def big_sweep(folder: Path, points: int, requests: int) -> tuple[SweepRecord, tuple[Point, ...]]:
    """One predicted point, then copies of it whose stamps and sensors are noise."""
    words = ("model=qwen3_32b_awq", "load=high", f"load.num_prompts={requests}", "predict=true", "tracking=off")
    ran = thorexp(folder, *words)
    assert 0 == ran.code, ran.err
    (first,) = ran.run_dirs
    directory = folder / "sweep"
    copies = tuple(_copy(first, directory / f"point_{number}", number) for number in range(points))
    record = SweepRecord(sweep_id(directory), "-m …", tuple(each.base for each in copies), 0.0, directory)
    return record, copies


def _copy(first: RunDir, path: Path, seed: int) -> Point:
    """Alike in all but its requests, its sensors and its throughput, by which points are told apart."""
    shutil.copytree(first.path, path)
    rng, run_dir = np.random.default_rng(seed), RunDir(path)
    records = map(json.loads, first.read_text(rundir.REQUESTS).splitlines())
    run_dir.write_jsonl(rundir.REQUESTS, (_noisy(record, rng) for record in records))
    start_ns, end_ns = run_dir.read_json(rundir.SUMMARY)["load_ns"]
    run_dir.write_text(rundir.TELEMETRY, "ns,signal,value\n" + "".join(_samples(start_ns, end_ns, rng)))
    result = run_dir.read_json(rundir.RESULT)
    noise = 1.0 + rng.random()
    run_dir.write_json(
        rundir.RESULT,
        result
        | {key: result[key] * noise for key in ("output_throughput", "median_tpot_ms")}
        | {"thorexp": result["thorexp"] | {"energy_per_output_token_j": noise, "power_of": "board (hwmon.VIN_w)"}},
    )
    override = f"load.max_concurrency={seed + 1}"
    return Point((override,), override, path, "finished")


def _noisy(record: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    stamps = np.array(record["token_ns"]) + np.sort(rng.integers(0, NOISY_NS, len(record["token_ns"])))
    return record | {"token_ns": stamps.tolist()}


def _samples(start_ns: int, end_ns: int, rng: np.random.Generator) -> Iterator[str]:
    """Walks, as power and heat are, of steps that no sensor rounds away."""
    steps = rng.normal(0.0, 1.0, (SAMPLES, len(SIGNALS)))
    stamps = np.linspace(start_ns, end_ns, SAMPLES, dtype=np.int64).tolist()
    for ns, values in zip(stamps, (100.0 + np.cumsum(steps, axis=0)).tolist(), strict=True):
        yield from (f"{ns},{signal},{abs(value):.3f}\n" for signal, value in zip(SIGNALS, values, strict=True))

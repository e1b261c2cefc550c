"""The process that samples a job: python -m thorexp.machine.sampler CSV.

A process of its own, so that neither this nor the load waits for the other. It reads a `SamplerSpec` as one line of
JSON from its standard input and writes rows `ns,signal,value` into CSV: nanoseconds of CLOCK_MONOTONIC, which all
processes of a machine share. It ends at the end of its input, or of the process that started it, with one more read
of the counters of throttling, and then prints, as JSON, what was `absent` in words and the seconds of CPU (`cpu_s`, of
which `children_cpu_s`) and of time (`wall_s`) that it took.
"""

import json
import os
import resource
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from thorexp.machine import host, hwmon, nvml, rapl, tegrastats_child, thermal, throttle
from thorexp.machine.loop import Loop
from thorexp.machine.source import Row, Source

HEADER = "ns,signal,value\n"
FLUSH_S = 0.2
SERVER_PATIENCE_S = 10.0
LAST_READ_S = 0.5  # for what is read once more at the end; well below what we are given to end


@dataclass(frozen=True, slots=True)
class SamplerSpec:
    """What is sampled. `interval_s`: between reads of a sensor, `server_interval_s` of the server's /metrics.

    `metrics_url`: absent where no server is to be asked; `headers`: sent to it. `sensors`: whether this machine is
    sampled, which says nothing of a server elsewhere. `tegrastats`: a command; empty for none. `gpus`: NVML's
    indices; absent for all. `root`: of the file system in which sensors are looked for.
    """

    interval_s: float = 0.1
    server_interval_s: float = 1.0
    metrics_url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    sensors: bool = True
    tegrastats: str = "tegrastats"
    gpus: tuple[int, ...] | None = None
    root: str = "/"


def main(csv: Path) -> None:
    """Sample until told to end."""
    began = time.monotonic()
    parent = os.pidfd_open(os.getppid())  # a fork of the parent's would keep our input open after its death
    spec = SamplerSpec(**json.loads(sys.stdin.readline()))
    child = tegrastats_child.Child(spec.tegrastats, spec.interval_s) if spec.sensors and spec.tegrastats else None
    rows: deque[Row] = deque()
    stop = threading.Event()
    loops = [Loop(source, rows, stop) for source in _sources(spec, child)]
    with csv.open("w", encoding="utf-8") as file:
        file.write(HEADER)
        for loop in loops:
            loop.start()
        while not select.select([sys.stdin, parent], [], [], FLUSH_S)[0]:
            _write(file, rows)
            _step_round_hanging(loops)
        stop.set()
        _finish(loops)
        _write(file, rows)
    if child is not None:
        child.end()
    print(json.dumps(_account(loops, began)), flush=True)
    os._exit(0)  # a thread that hangs is not waited for


def _sources(spec: SamplerSpec, child: "tegrastats_child.Child | None") -> Iterator[Source]:
    root = Path(spec.root)
    if child is not None:
        yield child.source()
    if spec.sensors:
        yield hwmon.source(root, spec.interval_s)
        yield thermal.source(root, spec.interval_s)
        yield throttle.alert_source(root, spec.interval_s)
        yield throttle.counter_source(root)
        yield rapl.source(root, spec.interval_s)
        yield nvml.source(spec.interval_s, spec.gpus)
        yield host.source()
    if spec.metrics_url is not None:
        yield _server(spec, spec.metrics_url)


def _server(spec: SamplerSpec, url: str) -> Source:
    from thorexp.machine.server_metrics import ServerMetrics  # its imports take as long as all the others

    return Source("server", spec.server_interval_s, lambda: [ServerMetrics(url, spec.headers)], SERVER_PATIENCE_S)


def _write(file: IO[str], rows: "deque[Row]") -> None:
    """All rows so far. Twelve digits: a counter of joules or tokens must not lose its last."""
    taken = [rows.popleft() for _ in range(len(rows))]
    file.write("".join([f"{ns},{signal},{value:.12g}\n" for ns, signal, value in taken]))
    file.flush()


def _step_round_hanging(loops: list[Loop]) -> None:
    for loop in tuple(loops):
        rest = loop.without_hanging()
        if rest is not None:
            loops.append(rest)
            rest.start()


def _finish(loops: list[Loop]) -> None:
    deadline = time.monotonic() + LAST_READ_S
    for loop in loops:
        loop.finish(max(0.0, deadline - time.monotonic()))


def _account(loops: list[Loop], began: float) -> dict[str, object]:
    ours, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    children_cpu_s = children.ru_utime + children.ru_stime
    words = [loop.absent for loop in loops]
    return {
        "absent": list(dict.fromkeys(word for word in words if word is not None)),
        "cpu_s": ours.ru_utime + ours.ru_stime + children_cpu_s,
        "children_cpu_s": children_cpu_s,
        "wall_s": time.monotonic() - began,
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))

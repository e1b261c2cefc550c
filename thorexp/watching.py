"""Machine and server, watched while a load is played."""

import ipaddress
import logging
import os
import re
import socket
import time
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from urllib.parse import urlsplit

import psutil

from thorexp import rundir
from thorexp.asking import headers_of
from thorexp.config import JobConfig
from thorexp.config_server import ServerKind
from thorexp.machine.identity import identity
from thorexp.machine.sampler import SamplerSpec
from thorexp.machine.state import MachineState, state
from thorexp.machine.telemetry import Sampler
from thorexp.machine.wattage import may_tell_power
from thorexp.measure.energy import Span
from thorexp.measure.power import power_of
from thorexp.measure.signals import Telemetry
from thorexp.rundir import RunDir

log = logging.getLogger(__name__)

SETTLE_S = 1.5  # after the warm-up: many GPUs tell the mean power of the last second
FIRST_READING_S = 3.0
FIRST_ROW_S = 1.0
POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Watched:
    """`telemetry`: from the warm-up to the end of the load, absent where nothing was sampled. `idle`: the rest before
    the load, absent where there was none. `before`, `after`: how fast the machine may run; absent where the server
    is on another one.
    """

    telemetry: Telemetry | None = None
    idle: Span | None = None
    before: MachineState | None = None
    after: MachineState | None = None


class Watch:
    """From the server's readiness on: entered before the warm-up, and left whatever happens."""

    def __init__(self, config: JobConfig, base_url: str, run_dir: RunDir) -> None:
        self._config = config.telemetry
        self._here = is_here(base_url)
        self._gpus = gpus_of(config)
        self._csv = run_dir.path / rundir.TELEMETRY
        self._spec = SamplerSpec(
            interval_s=self._config.interval_s,
            server_interval_s=self._config.server_interval_s,
            metrics_url=f"{base_url}/metrics",
            headers=headers_of(config.endpoint),
            sensors=self._here,
            tegrastats=self._config.tegrastats,
            gpus=self._gpus,
        )
        if not self._here:
            _say_elsewhere(base_url)
        self._sampler: Sampler | None = None
        self._idle: Span | None = None
        self._before: MachineState | None = None

    def __enter__(self) -> "Watch":
        if self._config.enabled:
            self._sampler = Sampler(self._spec, self._csv)
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._sampler is not None:
            self._sampler.stop()

    def rest(self) -> None:
        """Just before the load: look at the machine, and let it idle where its power can be read."""
        self._before = state() if self._here else None
        if self._tells_power():
            time.sleep(SETTLE_S)
            start_ns = time.monotonic_ns()
            time.sleep(self._config.idle_s)
            self._idle = (start_ns, time.monotonic_ns())

    def end(self) -> Watched:
        """Just after the load; where power is sampled, after one more look at it."""
        after = state() if self._here else None
        if self._idle is not None:
            time.sleep(self._config.interval_s)
        telemetry = None if self._sampler is None else self._sampler.stop()
        return Watched(telemetry, self._idle, self._before, after)

    def _tells_power(self) -> bool:
        """Waited for: a sampler that is still starting would disturb the first requests of a load."""
        if self._sampler is None:
            return False
        may_come = self._here and may_tell_power(self._config.tegrastats)
        deadline = time.monotonic() + (FIRST_READING_S if may_come else FIRST_ROW_S)
        while time.monotonic() < deadline:
            telemetry = self._sampler.so_far()
            if power_of(telemetry, self._gpus) is not None:
                return True
            if telemetry.signals and not may_come:
                return False
            time.sleep(POLL_S)
        return False


class Unwatched:
    """For a server that is simulated: this machine is not the board, and its sensors tell of something else."""

    def __enter__(self) -> "Unwatched":
        return self

    def __exit__(self, *_exc: object) -> None:
        """Nothing was begun."""

    def rest(self) -> None:
        """Not waited for."""

    def end(self) -> Watched:
        """Nothing was seen."""
        return Watched()


def is_other_machine(match: str | None) -> bool | None:
    """Whether this machine is not the one that a hardware config describes; absent for one that cannot be told."""
    return None if match is None else re.search(match, identity().description) is None


@cache
def warn_of_other_machine(hardware: str, match: str | None) -> None:
    """Once a process, before a night begins."""
    if is_other_machine(match):
        log.warning(
            "hardware=%s, but this machine is: %s; results will be SUSPECT (hardware=auto)",
            hardware,
            identity().description,
        )


def gpus_of(config: JobConfig) -> tuple[int, ...] | None:
    """Those of `telemetry.gpus`, else those that a server of ours may use (CUDA_VISIBLE_DEVICES), by NVML's indices;
    absent for all.
    """
    if config.telemetry.gpus is not None:
        return tuple(config.telemetry.gpus)
    seen = config.server.env.get("CUDA_VISIBLE_DEVICES", os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    words = seen.split(",")
    is_told = config.server.kind is ServerKind.vllm and all(word.strip().isdigit() for word in words)
    return tuple(map(int, words)) if is_told else None


def is_here(base_url: str) -> bool:
    """Whether a server is on this machine, for all that its address says: a tunnel's other end is not seen."""
    host = (urlsplit(base_url).hostname or "").casefold()
    if host in ("localhost", socket.gethostname().casefold(), socket.getfqdn().casefold()):
        return True
    ours = {address.address.partition("%")[0] for each in psutil.net_if_addrs().values() for address in each}
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified or host in ours


@cache
def _say_elsewhere(host: str) -> None:
    """Once a process."""
    log.info("the server is on another machine, whose power, heat and clocks are not told: %s", host)

"""What a job's numbers are backed by: one frozen dataclass per config group, as in `config`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TelemetryConfig:
    """What is sampled beside the load. `interval_s`: between looks at a sensor, `server_interval_s` at /metrics.

    `idle_s`: how long nothing is asked before the load, where power can be read. `tegrastats`: a command. `gpus`:
    indices as NVML counts them, whose power is the result's; absent for all.
    """

    enabled: bool
    interval_s: float
    server_interval_s: float
    idle_s: float
    tegrastats: str
    gpus: list[int] | None

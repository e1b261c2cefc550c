"""What a job's numbers are backed by: one frozen dataclass per config group, as in `config`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TelemetryConfig:
    """What is sampled beside the load."""

    enabled: bool
    """Whether anything is: power, heat, clocks, the KV cache."""
    interval_s: float
    """Between looks at a sensor."""
    server_interval_s: float
    """Between looks at the server's /metrics."""
    idle_s: float
    """How long nothing is asked before the load, where power can be read."""
    tegrastats: str
    """The command; absent on machines that are no Jetson."""
    gpus: list[int] | None
    """Indices as NVML counts them, whose power is the result's; absent for all."""

"""When it is asked: request rate and burstiness become offsets from the start of the run."""

import math

import numpy as np

from thorexp.errors import ConfigError

NS_PER_S = 1_000_000_000


def arrival_offsets_ns(count: int, request_rate: float, burstiness: float, rng: np.random.Generator) -> tuple[int, ...]:
    """`count` offsets in nanoseconds, ascending.

    An infinite rate (requests/s) is due all at once: a closed loop under max concurrency. Otherwise gaps are
    gamma distributed with mean 1/rate and shape `burstiness` (1: Poisson; below 1 burstier, above smoother;
    infinite: constant), the first request waits its gap too, and all are rescaled so that the last is due at
    exactly count / rate (vLLM 0.33.0, `benchmarks/serve.py`).
    """
    if not request_rate > 0:
        raise ConfigError(
            f"load.request_rate={request_rate} is not above 0.",
            ("try", "requests/s, or inf for a closed loop"),
        )
    if not burstiness > 0:
        raise ConfigError(
            f"load.burstiness={burstiness} is not above 0.", ("try", "1 for Poisson, inf for constant gaps")
        )
    if math.isinf(request_rate):
        return (0,) * count
    constant = math.isinf(burstiness)
    gaps = np.ones(count) if constant else rng.gamma(shape=burstiness, scale=1.0, size=count)
    due_s = np.cumsum(gaps)
    due_s *= count / request_rate / due_s[-1]
    return tuple(np.rint(due_s * NS_PER_S).astype(np.int64).tolist())

"""A pause between two jobs, so that the second meets a board as cool as the first did."""

import logging
import time
from collections.abc import Callable

from thorexp.config_sweep import SweepConfig
from thorexp.machine.temperature import hottest_c

POLL_S = 2.0

log = logging.getLogger(__name__)


def cool_down(options: SweepConfig, read_c: Callable[[], float | None] = hottest_c) -> None:
    """Idle for `cooldown_s`, then until the hottest sensor is below `cooldown_below_c`, if it can be read."""
    if options.cooldown_s > 0:
        log.info("cool-down: %g s", options.cooldown_s)
        time.sleep(options.cooldown_s)
    limit_c = options.cooldown_below_c
    if limit_c is None:
        return
    now_c = read_c()
    if now_c is None:
        log.warning("sweep.cooldown_below_c=%g: this machine has no temperature sensor that can be read", limit_c)
        return
    deadline = time.monotonic() + options.cooldown_timeout_s
    log.info("cool-down: %.1f °C, until below %g °C", now_c, limit_c)
    while now_c is not None and now_c >= limit_c:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            log.warning("cool-down: still %.1f °C after %g s; goes on", now_c, options.cooldown_timeout_s)
            return
        time.sleep(min(POLL_S, left_s))
        now_c = read_c()

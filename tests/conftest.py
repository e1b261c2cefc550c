"""How every test runs."""

import signal

from hypothesis import HealthCheck, settings

# No deadline and no complaint about slow draws: no test fails because the machine was slow.
settings.register_profile("thorexp", deadline=None, suppress_health_check=(HealthCheck.too_slow,))
settings.load_profile("thorexp")

# A shell starts what runs in its background with SIGINT ignored, and so would all be that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

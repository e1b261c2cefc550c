"""How every test runs."""

from hypothesis import HealthCheck, settings

# No deadline and no complaint about slow draws: no test fails because the machine was slow.
settings.register_profile("thorexp", deadline=None, suppress_health_check=(HealthCheck.too_slow,))
settings.load_profile("thorexp")

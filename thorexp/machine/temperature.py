"""How hot the board is."""

import psutil


def hottest_c() -> float | None:
    """The highest reading of any sensor, in degrees Celsius; absent where none can be read.

    psutil reads hwmon and, where that has no temperatures, the thermal zones (`tj-thermal` on Jetson). A sensor
    that is off reads -256 °C there and is never the highest.
    """
    readings = [sensor.current for sensors in psutil.sensors_temperatures().values() for sensor in sensors]
    return max((reading for reading in readings if reading > 0), default=None)

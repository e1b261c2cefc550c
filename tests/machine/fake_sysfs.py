"""A file system of sensors, as a Jetson AGX Thor has them."""

from pathlib import Path

RAILS = {"VDD_GPU": (5040, 1235), "VDD_CPU_SOC_MSS": (5040, 1170), "VIN_SYS_5V0": (5064, 1000)}  # mV, mA
VIN_UW = 20_604_000
ZONES = {"tj": 36_843, "cpu": 35_437, "gpu": 36_187, "soc012": 35_468, "soc345": 36_843}  # millidegrees
SUM_OF_SHUNTS = 7


def write(root: Path, path: str, *lines: object) -> Path:
    """A file below the root, and the folders that it needs."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


def thor(root: Path) -> Path:
    """Four rails and five zones below this root, which is returned."""
    write(root, "sys/class/hwmon/hwmon3/name", "ina3221")
    for number, (rail, (millivolts, milliamperes)) in enumerate(RAILS.items(), 1):
        write(root, f"sys/class/hwmon/hwmon3/in{number}_label", rail)
        write(root, f"sys/class/hwmon/hwmon3/in{number}_input", millivolts)
        write(root, f"sys/class/hwmon/hwmon3/curr{number}_input", milliamperes)
    write(root, f"sys/class/hwmon/hwmon3/in{SUM_OF_SHUNTS}_label", "sum of shunt voltages")
    write(root, f"sys/class/hwmon/hwmon3/in{SUM_OF_SHUNTS}_input", 12)
    write(root, "sys/class/hwmon/hwmon5/name", "ina238")
    write(root, "sys/class/hwmon/hwmon5/label", "VIN")
    write(root, "sys/class/hwmon/hwmon5/power1_input", VIN_UW)
    for number, (zone, millidegrees) in enumerate(ZONES.items()):
        write(root, f"sys/class/thermal/thermal_zone{number}/type", f"{zone}-thermal")
        write(root, f"sys/class/thermal/thermal_zone{number}/temp", millidegrees)
    return root

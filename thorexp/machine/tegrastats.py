"""A line of NVIDIA's tegrastats: power, heat, clocks and memory of a Jetson."""

import re
from collections.abc import Iterator

MW_PER_W = 1e3
BYTES_PER_MB = 2**20
BYTES_PER_GB = 1e9
NOT_CONNECTED = "NC"
NUMBER = r"-?\d{1,15}(?:\.\d{1,15})?"
# One scan finds all that is known and passes over the rest: tokens come and go with the board and its JetPack.
KNOWN = re.compile(
    rf"""
      \bRAM\ (?P<ram>\d{{1,15}})/\d+MB
    | \bCPU\ \[(?P<cores>[^][]*)\]
    | \b(?P<unit>EMC|GR3D)_FREQ\ (?:(?P<percent>\d{{1,15}})%)?(?:@(?:\[(?P<clocks>[\d,]+)\]|(?P<clock>\d{{1,15}})))?
    | (?<!\S)(?P<zone>[\w.-]+)@(?P<celsius>{NUMBER})C\b
    | (?<!\S)(?P<rail>[\w.-]+)\ (?P<milliwatts>-?\d{{1,15}})mW\b
    """,
    re.VERBOSE,
)
UNITS = {"EMC": "emc", "GR3D": "gpu"}


def parse(line: str) -> dict[str, float]:
    """What a line says, by signal; what it does not say, or in a way not known, is absent.

    `tegrastats.<RAIL>_w` is the power of now, the first of up to three values, negative where a sensor has an offset;
    `tegrastats.<zone>_c` in lower case, absent while a sensor is off (-256 °C); `gpu_percent`, `gpu_mhz` (the mean
    of the GPU's clusters), `emc_percent` and `emc_mhz` of GR3D and the memory controller; `ram_gb` used;
    `cpu_percent` the mean of the cores that are on. The forms seen are in tests/machine/test_tegrastats.py.
    """
    return {f"tegrastats.{what}": value for found in KNOWN.finditer(line) for what, value in _said(found)}


def _said(found: "re.Match[str]") -> Iterator[tuple[str, float]]:
    group = found.lastgroup
    if group == "milliwatts":
        if found["rail"] != NOT_CONNECTED:
            yield f"{found['rail']}_w", int(found["milliwatts"]) / MW_PER_W
    elif group == "celsius":
        if float(found["celsius"]) > 0:
            yield f"{found['zone'].lower()}_c", float(found["celsius"])
    elif group == "ram":
        yield "ram_gb", int(found["ram"]) * BYTES_PER_MB / BYTES_PER_GB
    elif group == "cores":
        yield from _mean("cpu_percent", re.findall(r"\b(\d{1,15})%", found["cores"]))
    else:
        yield from _unit(found)


def _unit(found: "re.Match[str]") -> Iterator[tuple[str, float]]:
    unit = UNITS[found["unit"]]
    if found["percent"] is not None:
        yield f"{unit}_percent", float(found["percent"])
    yield from _mean(f"{unit}_mhz", re.findall(r"\b\d{1,15}\b", found["clocks"] or found["clock"] or ""))


def _mean(what: str, values: list[str]) -> Iterator[tuple[str, float]]:
    if values:
        yield what, sum(map(int, values)) / len(values)

"""A line of NVIDIA's tegrastats: power, heat, clocks and memory of a Jetson.

T and O are lines seen on Thor and Orin, numbered and sourced in reference/thor.md, 3.1; some were shortened there.
"""

import pytest

from thorexp.machine.tegrastats import parse

T1 = (
    "10-02-2026 06:44:23 RAM 42360/125772MB (lfb 19x4MB) CPU [3%@972,1%@972,0%@972,0%@972,0%@972,1%@972,0%@972,"
    "0%@972,32%@972,0%@972,0%@1566,0%@1566,0%@972,0%@972] cpu@35.437C tj@36.843C soc012@35.468C gpu@36.187C "
    "soc345@36.843C VDD_GPU 1965mW/1965mW VDD_CPU_SOC_MSS 6292mW/6292mW VIN_SYS_5V0 6360mW/6360mW VIN "
    "20604mW/20604mW"
)
T2 = (
    "04-21-2026 15:50:52 RAM 105265/125772MB (lfb 34x4MB) CPU [0%@972,0%@972,0%@972,0%@972,0%@972,0%@972,1%@972,"
    "0%@972,0%@972,0%@972,0%@972,8%@972,0%@972,0%@972] EMC_FREQ 0%@2750 GR3D_FREQ @[314,314,314] NVENC0_FREQ "
    "@314 NVENC1_FREQ @314 NVDEC0_FREQ @314 NVDEC1_FREQ @314 NVJPG0_FREQ @314 VIC off OFA_FREQ @315 PVA0_FREQ "
    "off APE 300 cpu@37.343C tj@38.875C soc012@37.468C gpu@38.875C soc345@37.406C VDD_GPU 1962mW/1962mW "
    "VDD_CPU_SOC_MSS 5887mW/5887mW VIN_SYS_5V0 5635mW/5635mW VIN 19780mW/19780mW"
)
T3 = (
    "01-20-2026 22:46:22 RAM 17842/125772MB (lfb 79x4MB) CPU [0%@972,0%@972,0%@1566,0%@1566,0%@972,0%@972,0%@972,"
    "0%@972,0%@972,0%@972,1%@972,0%@972,0%@972,0%@972] cpu@30.468C tj@31.218C soc012@30.218C soc345@31.218C "
    "VDD_GPU 0mW/0mW VDD_CPU_SOC_MSS 5535mW/5535mW VIN_SYS_5V0 5040mW/5040mW VIN 16802mW/16802mW"
)
T4 = (
    "05-14-2026 21:36:35 RAM 26063/125772MB (lfb 35x4MB) CPU [2%@972,...] VDD_GPU -392mW/-392mW VDD_CPU_SOC_MSS "
    "3924mW/3835mW VIN_SYS_5V0 5064mW/5055mW VIN 15004mW/15096mW"
)
T5 = (
    "07-02-2026 13:45:44 RAM 36529/125749MB (lfb 12x4MB) SWAP 11/4096MB (cached 9MB) CPU [2%@972,1%@972,0%@972,"
    "0%@972,0%@972,0%@972,0%@972,0%@972,0%@972,0%@972,0%@972,0%@972,0%@972,2%@972] cpu@60.406C tj@63.281C "
    "soc012@58.468C gpu@62.906C soc345@63.281C VDD_GPU 37528mW/37528mW/37528mW VDD_CPU_SOC_MSS "
    "18961mW/18961mW/18961mW VIN_SYS_5V0 18331mW/18331mW/18331mW VIN 87426mW/43713mW/87426mW"
)
T6 = (
    "07-02-2026 20:41:39 RAM 37755/125749MB (lfb 529x4MB) SWAP 31/4096MB (cached 16MB) CPU [2%@972,0%@972] "
    "cpu@40.281C/40.281C tj@41.843C/41.843C soc012@39.281C/39.281C gpu@41.843C/41.843C soc345@40.437C/40.437C "
    "VDD_GPU 1975mW/1975mW/1975mW VDD_CPU_SOC_MSS 5530mW/5530mW/5530mW"
)
T7 = (
    "08-08-2026 21:00:39 RAM 8353/125749MB (lfb 31x4MB) CPU [90%@2601,75%@2601,off,7%@2601] EMC_FREQ 34%@4266 "
    "GR3D_FREQ 87%@[1574,1574,1574] NVENC0_FREQ @1691 VIC off cpu@58.25C/61.75C tj@66.625C/66.625C "
    "gpu@56.937C/66.625C soc012@55.375C/58.781C soc345@55.812C/60.031C VDD_GPU 37939mW/8660mW/37939mW "
    "VDD_CPU_SOC_MSS 30059mW/12281mW/30059mW VIN_SYS_5V0 15486mW/7424mW/15486mW VIN 124486mW/36487mW/124486mW "
    "FUTURE_TOKEN value"
)
T8 = (
    "08-08-2026 20:58:23 RAM 3429/125749MB (lfb 120x4MB) CPU [0%,5%,off]@2601 EMC_FREQ @4266 GR3D_FREQ "
    "@[1574,1574,1574] cpu@49.75C/49.75C tj@51.218C/51.218C gpu@51.218C/51.218C VDD_GPU 6330mW/6330mW/6330mW VIN "
    "28906mW/14453mW/28906mW"
)
O1 = (
    "07-25-2026 09:08:28 RAM 20642/62817MB (lfb 1x2MB) CPU [23%@2201,10%@2201,4%@2201,14%@2201,30%@2201,18%@2201,"
    "10%@2201,10%@2201,33%@2201,7%@2201,5%@2201,27%@2201] EMC_FREQ 3%@3199 GR3D_FREQ 12%@[1300,1300] NVENC0 off "
    "NVDEC0 off NVJPG0 off NVJPG1 off VIC off OFA off NVDLA0 off NVDLA1 off PVA0_FREQ off APE 174 "
    "cpu@52.968C/52.968C soc2@48.406C/48.406C soc0@49.531C/49.531C gpu@47.625C/47.625C VDD_GPU_SOC "
    "5139mW/5139mW/5139mW VDD_CPU_CV 3268mW/3268mW/3268mW VIN_SYS_5V0 5500mW/5500mW/5500mW"
)
O2 = (
    "05-04-2025 12:59:49 RAM 3492/62840MB (lfb 35x4MB) SWAP 0/31420MB (cached 0MB) CPU [30%@729,...] GR3D_FREQ "
    "0% cpu@49.968C soc2@47C soc0@47.562C tj@49.812C soc1@46.812C VDD_GPU_SOC 3124mW/3124mW VDD_CPU_CV "
    "720mW/720mW VIN_SYS_5V0 5140mW/5140mW"
)
O3 = (
    "... GR3D_FREQ 0%@0 GR3D2_FREQ 0%@0 VIC_FREQ 729 APE 174 CV0@-256C CPU@42.593C Tboard@32C ... GPU@-256C ... "
    "VDD_GPU_SOC 2399mW/2399mW VDD_CPU_CV 400mW/400mW VIN_SYS_5V0 4032mW/4032mW NC 0mW/0mW VDDQ_VDD2_1V8AO "
    "301mW/301mW NC 0mW/0mW"
)
O4 = (
    "... GR3D_FREQ 37% cpu@45.5C soc2@44.1C soc0@44.5C gpu@44.2C tj@45.5C soc1@44C VDD_IN 4542mW/4000mW "
    "VDD_CPU_GPU_CV 495mW/400mW VDD_SOC 1286mW/1200mW"
)


def said(line: str, prefix: str = "") -> dict[str, float]:
    """What the parser makes of a line, without the source's name; only what begins so."""
    signals = {signal.removeprefix("tegrastats."): value for signal, value in parse(line).items()}
    return {signal: value for signal, value in signals.items() if signal.startswith(prefix)}


def gb(mb: int) -> float:
    """Of tegrastats' MB."""
    return mb * 2**20 / 1e9


def test_a_line_of_thor_without_root() -> None:
    """T1: memory, cores, heat and rails; nothing of the GPU's clocks, for it says none."""
    assert {
        "ram_gb": gb(42360),
        "cpu_percent": (3 + 1 + 1 + 32) / 14,
        "cpu_c": 35.437,
        "tj_c": 36.843,
        "soc012_c": 35.468,
        "gpu_c": 36.187,
        "soc345_c": 36.843,
        "VDD_GPU_w": 1.965,
        "VDD_CPU_SOC_MSS_w": 6.292,
        "VIN_SYS_5V0_w": 6.36,
        "VIN_w": 20.604,
    } == said(T1)


def test_a_line_of_thor_with_all_engines() -> None:
    """T2: a frequency without a percentage is no load of 0; other engines are passed over."""
    assert {
        "ram_gb": gb(105265),
        "cpu_percent": (1 + 8) / 14,
        "emc_percent": 0.0,
        "emc_mhz": 2750.0,
        "gpu_mhz": 314.0,
        "cpu_c": 37.343,
        "tj_c": 38.875,
        "soc012_c": 37.468,
        "gpu_c": 38.875,
        "soc345_c": 37.406,
        "VDD_GPU_w": 1.962,
        "VDD_CPU_SOC_MSS_w": 5.887,
        "VIN_SYS_5V0_w": 5.635,
        "VIN_w": 19.78,
    } == said(T2)


def test_a_gated_gpu_has_no_temperature() -> None:
    """T3: its rail reads 0 W, which is what it draws."""
    assert {
        "ram_gb": gb(17842),
        "cpu_percent": 1 / 14,
        "cpu_c": 30.468,
        "tj_c": 31.218,
        "soc012_c": 30.218,
        "soc345_c": 31.218,
        "VDD_GPU_w": 0.0,
        "VDD_CPU_SOC_MSS_w": 5.535,
        "VIN_SYS_5V0_w": 5.04,
        "VIN_w": 16.802,
    } == said(T3)


def test_a_rail_can_be_negative() -> None:
    """T4: by the offset of its sensor. A core that is not spelt out is not counted."""
    assert {
        "ram_gb": gb(26063),
        "cpu_percent": 2.0,
        "VDD_GPU_w": -0.392,
        "VDD_CPU_SOC_MSS_w": 3.924,
        "VIN_SYS_5V0_w": 5.064,
        "VIN_w": 15.004,
    } == said(T4)


def test_of_three_values_the_first_is_the_power_of_now() -> None:
    """T5: then come the mean and the maximum. SWAP is not RAM."""
    assert {
        "ram_gb": gb(36529),
        "cpu_percent": (2 + 1 + 2) / 14,
        "cpu_c": 60.406,
        "tj_c": 63.281,
        "soc012_c": 58.468,
        "gpu_c": 62.906,
        "soc345_c": 63.281,
        "VDD_GPU_w": 37.528,
        "VDD_CPU_SOC_MSS_w": 18.961,
        "VIN_SYS_5V0_w": 18.331,
        "VIN_w": 87.426,
    } == said(T5)


def test_of_two_temperatures_the_first_is_that_of_now() -> None:
    """T6."""
    assert {
        "ram_gb": gb(37755),
        "cpu_percent": 2 / 2,
        "cpu_c": 40.281,
        "tj_c": 41.843,
        "soc012_c": 39.281,
        "gpu_c": 41.843,
        "soc345_c": 40.437,
        "VDD_GPU_w": 1.975,
        "VDD_CPU_SOC_MSS_w": 5.53,
    } == said(T6)


def test_a_line_of_thor_under_load() -> None:
    """T7: a core that is off counts neither as busy nor as idle; what nobody knows yet is passed over."""
    assert {
        "ram_gb": gb(8353),
        "cpu_percent": (90 + 75 + 7) / 3,
        "emc_percent": 34.0,
        "emc_mhz": 4266.0,
        "gpu_percent": 87.0,
        "gpu_mhz": 1574.0,
        "cpu_c": 58.25,
        "tj_c": 66.625,
        "gpu_c": 56.937,
        "soc012_c": 55.375,
        "soc345_c": 55.812,
        "VDD_GPU_w": 37.939,
        "VDD_CPU_SOC_MSS_w": 30.059,
        "VIN_SYS_5V0_w": 15.486,
        "VIN_w": 124.486,
    } == said(T7)


def test_a_line_with_one_frequency_for_all_cores() -> None:
    """T8: and frequencies without percentages, of which nothing is known."""
    assert {
        "ram_gb": gb(3429),
        "cpu_percent": 5 / 2,
        "emc_mhz": 4266.0,
        "gpu_mhz": 1574.0,
        "cpu_c": 49.75,
        "tj_c": 51.218,
        "gpu_c": 51.218,
        "VDD_GPU_w": 6.33,
        "VIN_w": 28.906,
    } == said(T8)


def test_a_line_of_agx_orin() -> None:
    """O1: its GPU has two clusters, and no rail is the whole board."""
    assert {
        "ram_gb": gb(20642),
        "cpu_percent": (23 + 10 + 4 + 14 + 30 + 18 + 10 + 10 + 33 + 7 + 5 + 27) / 12,
        "emc_percent": 3.0,
        "emc_mhz": 3199.0,
        "gpu_percent": 12.0,
        "gpu_mhz": 1300.0,
        "cpu_c": 52.968,
        "soc2_c": 48.406,
        "soc0_c": 49.531,
        "gpu_c": 47.625,
        "VDD_GPU_SOC_w": 5.139,
        "VDD_CPU_CV_w": 3.268,
        "VIN_SYS_5V0_w": 5.5,
    } == said(O1)


def test_a_load_without_a_frequency() -> None:
    """O2: it is a load all the same, and a whole number of degrees a temperature."""
    assert {
        "ram_gb": gb(3492),
        "cpu_percent": 30.0,
        "gpu_percent": 0.0,
        "cpu_c": 49.968,
        "soc2_c": 47.0,
        "soc0_c": 47.562,
        "tj_c": 49.812,
        "soc1_c": 46.812,
        "VDD_GPU_SOC_w": 3.124,
        "VDD_CPU_CV_w": 0.72,
        "VIN_SYS_5V0_w": 5.14,
    } == said(O2)


def test_a_sensor_that_is_off_has_no_temperature() -> None:
    """O3: it reads -256 °C. Zones in upper case are the same zones; a channel that is not connected is no rail."""
    assert {
        "gpu_percent": 0.0,
        "gpu_mhz": 0.0,
        "cpu_c": 42.593,
        "tboard_c": 32.0,
        "VDD_GPU_SOC_w": 2.399,
        "VDD_CPU_CV_w": 0.4,
        "VIN_SYS_5V0_w": 4.032,
        "VDDQ_VDD2_1V8AO_w": 0.301,
    } == said(O3)


def test_a_line_of_orin_nano() -> None:
    """O4: VDD_IN is the whole board."""
    assert {
        "gpu_percent": 37.0,
        "cpu_c": 45.5,
        "soc2_c": 44.1,
        "soc0_c": 44.5,
        "gpu_c": 44.2,
        "tj_c": 45.5,
        "soc1_c": 44.0,
        "VDD_IN_w": 4.542,
        "VDD_CPU_GPU_CV_w": 0.495,
        "VDD_SOC_w": 1.286,
    } == said(O4)


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("EMC_FREQ 95%", {"emc_percent": 95.0}),
        ("EMC_FREQ @1600", {"emc_mhz": 1600.0}),
        ("EMC_FREQ 95%@1600", {"emc_percent": 95.0, "emc_mhz": 1600.0}),
        ("GR3D_FREQ 0%@[1300,1300]", {"gpu_percent": 0.0, "gpu_mhz": 1300.0}),
        ("GR3D_FREQ @[1574,1500,1400]", {"gpu_mhz": (1574 + 1500 + 1400) / 3}),
        ("GR3D_FREQ off", {}),
        ("CPU [off,off]", {}),
    ],
)
def test_load_and_frequency_are_each_said_or_not(token: str, expected: dict[str, float]) -> None:
    """As NVIDIA documents them, and as they were seen."""
    assert expected == said(token)


@pytest.mark.parametrize(("cut", "kept"), [("VIN 87426mW", 87.426), ("VIN 87426m", None), ("VIN 874", None)])
def test_a_line_that_is_cut_short_is_kept_as_far_as_it_goes(cut: str, kept: float | None) -> None:
    """A number that may have lost digits is not taken."""
    assert (37.528, kept) == (said(f"VDD_GPU 37528mW/37528mW {cut}")["VDD_GPU_w"], said(cut).get("VIN_w"))


@pytest.mark.parametrize("line", ["", "bash: tegrastats: command not found", "CPU [", "VIN mW", "@C", "RAM 1/2GB"])
def test_what_is_no_line_of_tegrastats_says_nothing(line: str) -> None:
    """And is no error."""
    assert {} == parse(line)

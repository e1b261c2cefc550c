"""What a machine and its server say is read as far as it makes sense."""

import math
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.bounded import bounded, trying
from tests.fuzz.broken import cut_up
from thorexp.machine.jetson import jetson
from thorexp.machine.power_mode import power_mode, power_modes
from thorexp.machine.server_metrics import server_signals
from thorexp.machine.tegrastats import parse
from thorexp.machine.telemetry import read_telemetry

LINES = Path("tests/data/tegrastats_thor.log").read_bytes().splitlines()[:40]
PAGE = b"""# HELP vllm:num_requests_running x
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a"} 3.0
vllm:num_requests_waiting{engine="0",model_name="a \\"b\\""} 1.0
vllm:kv_cache_usage_perc{engine="0"} 0.25
vllm:kv_cache_usage_perc{engine="1"} NaN
vllm:num_preemptions_total{engine="0"} 1e3 1700000000
vllm:generation_tokens_total 17
"""
FILES = {
    "var/lib/nvpmodel/status": b"pmode:0001 fmode:fanNull",
    "etc/nvpmodel.conf": b"< POWER_MODEL ID=0 NAME=MAXN >\n< POWER_MODEL ID=1 NAME=120W >\n",
    "proc/device-tree/model": b"NVIDIA Jetson AGX Thor Developer Kit\0",
    "proc/device-tree/compatible": b"nvidia,p3834-0008\0nvidia,tegra264\0",
    "etc/nv_tegra_release": b"# R38 (release), REVISION: 2.1, GCID: 1, BOARD: x\n",
    "etc/nv_boot_control.conf": b"TNSPEC 3834-300-0008-A.0-1-1-jetson-agx-thor-devkit-\n",
}
TELEMETRY = b"ns,signal,value\n1,board_w,3.5\n2,gpu_c,40.0\n30,board_w,4.5\n"


@trying(100)
@given(st.sampled_from(LINES).flatmap(cut_up))
def test_lines_of_tegrastats(line: bytes) -> None:
    """Finite numbers by words without blanks, or nothing."""
    with bounded():
        said = parse(line.decode("ascii", "replace"))
    assert [] == [name for name, value in said.items() if not math.isfinite(value) or name.split() != [name]]


@trying(75)
@given(cut_up(PAGE))
def test_pages_of_a_server(page: bytes) -> None:
    """Finite numbers of the signals that are known."""
    with bounded():
        said = server_signals(page.decode("utf-8", "replace"))
    assert [] == [name for name, value in said.items() if not math.isfinite(value)]


@trying(38)
@given(st.fixed_dictionaries({name: st.none() | cut_up(content) for name, content in FILES.items()}))
def test_files_of_a_board(files: dict[str, bytes | None]) -> None:
    """Of a Jetson that says strange things of itself, or half of them."""
    with TemporaryDirectory() as folder, bounded():
        for name, content in files.items():
            if content is not None:
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        power_mode(Path(folder))
        power_modes(Path(folder))
        jetson(Path(folder), 1.2e11)


@trying(50)
@given(cut_up(TELEMETRY), st.none() | st.integers(0, 60))
def test_rows_of_telemetry(content: bytes, last_bytes: int | None) -> None:
    """Read, or ValueError and OverflowError, of which a run directory makes its own words."""
    with TemporaryDirectory() as folder, bounded():
        file = Path(folder) / "telemetry.csv"
        file.write_bytes(content)
        try:
            read_telemetry(file, last_bytes)
        except (ValueError, OverflowError):
            return


def test_a_long_line_of_tegrastats_takes_time_in_proportion() -> None:
    """Of ten megabytes, of each kind."""
    for part in ("RAM 1/", "CPU [", "a", "a@1", "9", "EMC_FREQ ", "a 1mW/", "-"):
        with bounded(15):
            parse(part * (3_000_000 // len(part)))


def test_a_number_of_thousands_of_digits_is_none() -> None:
    """Python turns no such text into an integer."""
    assert {} == parse(f"RAM {'9' * 5000}/1MB CPU [{'9' * 5000}%@1] a@{'9' * 5000}C b {'9' * 5000}mW")


def test_a_sum_without_end_is_none() -> None:
    """JSON could not say it."""
    assert {} == server_signals(
        'vllm:num_requests_running{engine="0"} 1e308\nvllm:num_requests_running{engine="1"} 1e308\n'
    )

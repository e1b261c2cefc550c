"""Where a sweep's results are from, as its records say it."""

from pathlib import Path
from typing import Any

import pytest

from tests.sweep.makers import a_failed_point, a_reported_point
from thorexp.results.files import remarks
from thorexp.results.summary import Point, rows
from thorexp.results.whence import Whence, several_images, whence
from thorexp.rundir import MACHINE, RunDir

THOR = "NVIDIA Jetson AGX Thor Developer Kit, 128 GB, T5000"
TAGS = {
    "hardware": "jetson_agx_thor",
    "vllm_version": "0.20.1",
    "thorexp_version": "0.1.0",
    "git_commit": "49614040fdeb44d922c115fd5ee6ecdb97713be2-dirty",
}
MACHINE_OF_THOR: dict[str, Any] = {
    "client": {"description": THOR, "jetpack": "7.0"},
    "before": {"power_mode": "MAXN"},
}


def a_point(folder: Path, load: str, machine: dict[str, Any] | None = MACHINE_OF_THOR, **tags: str) -> Point:
    point = a_reported_point(folder, f"load={load}", tags=TAGS | tags)
    assert point.directory is not None
    if machine is not None:
        RunDir(point.directory).write_json(MACHINE, machine)
    return point


def of(*points: Point) -> Whence:
    return whence(rows(points)[1])


def test_what_was_measured_beside_the_server_names_the_machine(tmp_path: Path) -> None:
    """And its power mode and versions; each once for however many points."""
    found = of(a_point(tmp_path, "high"), a_point(tmp_path, "low"))
    assert {
        "origin": "measured",
        "hardware": f"{THOR} (jetson_agx_thor)",
        "power mode": "MAXN",
        "versions": "vLLM 0.20.1, thorexp 0.1.0 (4961404-dirty), JetPack 7.0",
    } == {word: fact for word, fact in found.lines() if word != "date"}


@pytest.mark.parametrize(
    ("machine", "origin"),
    [({**MACHINE_OF_THOR, "before": None}, "measured"), (MACHINE_OF_THOR, "simulated"), (None, "measured")],
    ids=["a server elsewhere", "a simulation", "an older record"],
)
def test_what_was_not_measured_here_is_not_said_to_be(
    tmp_path: Path, machine: dict[str, Any] | None, origin: str
) -> None:
    """The machine is then that of the client alone."""
    assert ("jetson_agx_thor",) == of(a_point(tmp_path, "high", machine, origin=origin)).hardware


def test_of_a_sweep_that_takes_long_both_ends_are_told(tmp_path: Path) -> None:
    """1,700,000,000 s are in November 2023, whatever the time zone."""
    (day,) = of(a_point(tmp_path, "high")).days
    assert "2023-11-1" == day[:9]
    assert ("date", "2023-11-14 to 2023-11-16") in list(Whence((), (), (), (), ("2023-11-14", "2023-11-16")).lines())


def test_nothing_is_said_that_nobody_knows() -> None:
    """Of a job that was refused there is no record."""
    assert [] == list(of(a_failed_point("load=high")).lines())


TAG = "vllm/vllm-openai:latest"


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (
            (f"{TAG}@sha256:a", f"{TAG}@sha256:b"),
            [
                f"{TAG} is 2 images here, whose points are no like for like: sha256:a, sha256:b; "
                f"try: server.docker.image={TAG}@sha256:b, which is the same on every board"
            ],
        ),
        ((f"{TAG}@sha256:a", f"{TAG}@sha256:a"), []),
        ((f"{TAG}@sha256:a", "my/vllm:1@sha256:b"), []),
    ],
    ids=["moved", "one", "two names"],
)
def test_a_tag_that_was_two_images_is_said(tmp_path: Path, images: tuple[str, str], said: list[str]) -> None:
    """As on boards that pulled it on different days: their points are of two vLLMs, which no point's name shows."""
    points = [a_point(tmp_path, load, image=image) for load, image in zip(("high", "low"), images, strict=True)]
    assert said == list(several_images(rows(points[:1])[1] + rows(points[1:])[1]))


def test_the_table_says_that_a_tag_was_two_images(tmp_path: Path) -> None:
    """Below its marks, in every form that it has."""
    points = [a_point(tmp_path, load, image=f"{TAG}@sha256:{load}") for load in ("high", "low")]
    assert [True] == [line.startswith(f"{TAG} is 2 images here") for line in remarks(rows(points)[1]) if TAG in line]

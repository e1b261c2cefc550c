"""Disks of their own: as small as a test has them, full, or only to be read."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

PAGE = 4096  # what a tmpfs gives out at a time


@contextmanager
def small_disk(at: Path, size: int = 16 << 20) -> Iterator[Path]:
    """A tmpfs of so many bytes there.

    Where none can be mounted the test is skipped, or with THOREXP_REQUIRE_TMPFS=1 fails.
    """
    at.mkdir(parents=True, exist_ok=True)
    mounted = _ran("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(at))
    if mounted.returncode:
        assert os.environ.get("THOREXP_REQUIRE_TMPFS") != "1", mounted.stderr
        # Only root may mount; CI is root, and sets that variable.
        pytest.skip(f"no tmpfs can be mounted: {mounted.stderr.strip()}")
    try:
        yield at
    finally:
        _ran("umount", "--lazy", str(at))


@contextmanager
def full(disk: Path, but_for: int = 0) -> Iterator[None]:
    """It has so many bytes left, meanwhile."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file, suppress(OSError):
        file.write(bytes(max(0, _free(disk) - but_for)))
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def read_only(disk: Path) -> Iterator[None]:
    """Nothing can be written to it, not by root either, meanwhile."""
    assert 0 == _ran("mount", "-o", "remount,ro", str(disk)).returncode
    try:
        yield
    finally:
        _ran("mount", "-o", "remount,rw", str(disk))


def _free(disk: Path) -> int:
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


def _ran(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(words, capture_output=True, text=True, check=False)

"""A short text that the kernel or the system keeps in a file."""

from pathlib import Path


def text(file: Path) -> str | None:
    """Without the spaces and NULs around it; absent when it cannot be read or says nothing.

    EAGAIN and EIO are ordinary answers of a Jetson's sensors.
    """
    try:
        said = file.read_text(encoding="utf-8", errors="replace").strip(" \t\r\n\0")
    except OSError:
        return None
    return said or None


def number(file: Path) -> int | None:
    """Absent when it cannot be read or is none."""
    said = text(file)
    try:
        return None if said is None else int(said)
    except ValueError:
        return None

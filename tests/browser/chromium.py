"""Where Chromium is on this machine."""

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ("--no-sandbox",)  # root, as in a container, has none


def chromium() -> str | None:
    """The first of NAMES that is installed; absent without any."""
    return next((path for name in NAMES if (path := shutil.which(name)) is not None), None)

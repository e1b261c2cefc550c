"""What a machine answers within a time, and nothing of what it does not.

On a Jetson Thor a read of sysfs can wait for ever, where no signal reaches the reader. So whoever asks does not wait
himself, but leaves behind a child or a thread that does.
"""

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

NVML_TIMEOUT_S = 5.0  # a driver that is not kept loaded (persistence mode) takes seconds to begin

Answer = TypeVar("Answer")


def command(root: Path, name: str) -> str | None:
    """Where this system has a command, by PATH first; else where a system keeps its own, which PATH need not know.

    Absent when there is none.
    """
    folders = os.pathsep.join(str(root / folder) for folder in ("usr/sbin", "usr/bin", "sbin", "bin"))
    return (root == Path("/") and shutil.which(name)) or shutil.which(name, path=folders)


def output(words: Sequence[str], timeout_s: float) -> str | None:
    """What a command prints when it succeeds in time; absent otherwise. One that hangs is killed and not waited for."""
    try:
        child = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError:
        return None
    try:
        said, _ = child.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        if child.stdout is not None:
            child.stdout.close()
        return None
    return said if child.returncode == 0 else None


def answer(ask: Callable[[], Answer], timeout_s: float) -> Answer | None:
    """What a library answers in time; absent otherwise. For calls that can at worst delay the end of this process."""
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    threading.Thread(target=lambda: answers.put(ask()), daemon=True).start()
    try:
        return answers.get(timeout=timeout_s)
    except queue.Empty:
        return None

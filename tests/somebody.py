"""A fake vLLM that somebody else has started: it runs already, and is none of thorexp's."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from thorexp.serve.server import claim_port

HOST = "127.0.0.1"
MODEL = "thorexp/tiny_qwen3"  # what model=tiny_qwen3 names
START_S = 60.0


@contextmanager
def somebodys(*, model: str = MODEL, resets: bool = True, port: int | None = None, **fake: Any) -> Iterator[str]:
    """The URL of one that behaves like this, until the block ends. `resets`: started with VLLM_SERVER_DEV_MODE=1."""
    port = claim_port(HOST, port)
    script = str(Path(__file__).with_name("fake_vllm.py"))
    process = subprocess.Popen(
        [sys.executable, script, "serve", model, "--host", HOST, "--port", str(port)],
        env={**os.environ, "FAKE_VLLM": json.dumps(fake), "VLLM_SERVER_DEV_MODE": "1" if resets else "0"},
    )
    try:
        _wait_until_there(process, port)
        yield f"http://{HOST}:{port}{fake.get('below', '')}"
    finally:
        process.kill()
        process.wait()


def _wait_until_there(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + START_S
    while True:
        assert process.poll() is None
        try:
            socket.create_connection((HOST, port)).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            return

"""Whether a server still answers."""

import socket
from pathlib import Path

import pytest

from tests.faults.raw_server import raw_server, saying
from thorexp.errors import DeathError
from thorexp.serve.attach import Attached
from thorexp.serve.pulse import require_answer
from thorexp.serve.server import Endpoint


def test_a_server_that_answers_lives() -> None:
    """A short prompt is enough."""
    with raw_server(saying(b"")) as url:
        require_answer(Attached(Endpoint(url, "raw", None)), "completions", 10.0)


def test_a_refusal_is_an_answer() -> None:
    """Whatever it has against the prompt, it does not hang."""
    with raw_server(saying(b"")) as url:
        require_answer(Attached(Endpoint(url, "raw", None)), "chat", 10.0)


def test_a_server_that_takes_a_prompt_and_says_nothing_hangs(tmp_path: Path) -> None:
    """In the time that it was given, with its log."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        there = Attached(Endpoint(f"http://127.0.0.1:{silent.getsockname()[1]}", "raw", None), tmp_path / "log")
        with pytest.raises(DeathError, match=r"did not answer a short prompt within 0\.2 s") as error:
            require_answer(there, "completions", 0.2)
    assert str(tmp_path / "log") in str(error.value)

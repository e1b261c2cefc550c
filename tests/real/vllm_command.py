"""Where the real vLLM is: absent on most machines, which skips; never absent in CI, which fails."""

import os

import pytest


def vllm_command() -> str:
    """The command that starts a vLLM server, from THOREXP_VLLM."""
    if command := os.environ.get("THOREXP_VLLM"):
        return command
    if os.environ.get("THOREXP_REQUIRE_VLLM") == "1":
        pytest.fail("THOREXP_VLLM names no vLLM, and THOREXP_REQUIRE_VLLM=1 asks for one")
    # Gigabytes that few machines have; CI installs it, and forbids this.
    pytest.skip("no vLLM: set THOREXP_VLLM='/path/to/python -m vllm.entrypoints.openai.api_server'")

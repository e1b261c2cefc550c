"""The tools that read the code are content with it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LINT_IMPORTS = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"


@pytest.mark.parametrize(
    "words",
    [
        ("-m", "ruff", "check", "."),
        ("-m", "ruff", "format", "--check", "."),
        ("-m", "mypy"),
        ("-c", LINT_IMPORTS),
    ],
    ids=["ruff check", "ruff format", "mypy", "lint-imports"],
)
def test_the_code_is_clean(words: tuple[str, ...]) -> None:
    """The tool finds nothing; what it found is shown."""
    tool = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert 0 == tool.returncode, f"\n{tool.stdout}{tool.stderr}"

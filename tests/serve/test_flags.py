"""What the vLLM to be run can do: asked once, remembered by version."""

import json
import sys
from pathlib import Path

import pytest

from thorexp.errors import ConfigError
from thorexp.serve.flags import known_flags, shipped_flags, write_json

FAKE = Path(__file__).parents[1] / "fake_vllm.py"


def a_package(folder: Path, name: str, file: str, text: str) -> None:
    """One whose version can be read, and which cannot be imported."""
    package = folder / name
    package.mkdir(exist_ok=True)
    (package / "__init__.py").write_text("raise ImportError('must not be imported')")
    (package / file).write_text(text)


def a_vllm(folder: Path, version: str = "1.2.3") -> Path:
    """A script `vllm` whose interpreter has a package vllm of that version; it counts how often it is asked."""
    a_package(folder, "vllm", "_version.py", f"__version__ = version = '{version}'\n")
    python = folder / "python3"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={folder} exec {sys.executable} "$@"\n')
    script = folder / "vllm.sh"
    script.write_text(
        f"#!{python}\nimport runpy\nopen('{folder}/asked', 'a').write('x')\n"
        f"runpy.run_path('{FAKE}', run_name='__main__')\n"
    )
    for file in (python, script):
        file.chmod(0o755)
    return script


def test_flags_are_those_that_help_lists(tmp_path: Path) -> None:
    """Plain flags and both forms of switches are known, short options and prose are not."""
    flags = known_flags((sys.executable, str(FAKE), "serve"), tmp_path).flags
    assert {"--max-num-seqs", "--enforce-eager", "--no-enforce-eager", "--compilation-config"} < flags
    assert "-O" not in flags


def test_a_version_is_asked_once(tmp_path: Path) -> None:
    """The second time the answer comes from the cache, under the version read without importing vLLM."""
    script = a_vllm(tmp_path)
    answers = [known_flags((str(script), "serve"), tmp_path / "cache") for _ in range(2)]
    assert answers[0] == answers[1]
    assert ("1.2.3", "x") == (answers[0].version, (tmp_path / "asked").read_text())


def test_another_version_is_asked_again(tmp_path: Path) -> None:
    """An upgrade of vLLM makes the question new."""
    script = a_vllm(tmp_path)
    known_flags((str(script), "serve"), tmp_path / "cache")
    a_vllm(tmp_path, version="1.2.4")
    assert "1.2.4" == known_flags((str(script), "serve"), tmp_path / "cache").version
    assert "xx" == (tmp_path / "asked").read_text()


def test_torch_is_the_one_beside_vllm(tmp_path: Path) -> None:
    """With what it was built for, whether or not the flags are remembered, and in step with an upgrade of it alone."""
    script, seen = a_vllm(tmp_path), []
    for version in ("2.9.0+cu130", "2.9.0+cu130", "2.10.0a0+1234"):
        text = f"from typing import Optional\n__all__ = ['__version__']\n__version__ = '{version}'\ndebug = False\n"
        a_package(tmp_path, "torch", "version.py", text)
        seen.append(known_flags((str(script), "serve"), tmp_path / "cache").torch)
    assert ["2.9.0+cu130", "2.9.0+cu130", "2.10.0a0+1234"] == seen


def test_without_a_version_of_torch_it_is_absent(tmp_path: Path) -> None:
    """And vLLM's is known all the same."""
    script = a_vllm(tmp_path)
    a_package(tmp_path, "torch", "version.py", "something = 'else'\n")
    known = known_flags((str(script), "serve"), tmp_path / "cache")
    assert ("1.2.3", None) == (known.version, known.torch)


def test_a_damaged_cache_is_asked_anew(tmp_path: Path) -> None:
    """Half a file is no answer, and is replaced by a whole one."""
    command = (sys.executable, str(FAKE), "serve")
    flags = known_flags(command, tmp_path).flags
    (cache,) = tmp_path.iterdir()
    cache.write_text('["--max')
    assert flags == known_flags(command, tmp_path).flags
    assert sorted(flags) == json.loads(cache.read_text())


def test_a_command_that_is_not_there_is_refused_with_the_ways_on(tmp_path: Path) -> None:
    """The error names server.command, how to install, attaching instead, and simulating."""
    with pytest.raises(ConfigError) as error:
        known_flags(("no-such-vllm", "serve"), tmp_path)
    for word in ("'no-such-vllm'", "server.command", "pip install", "server=attach", "server=sim"):
        assert word in str(error.value)


def test_a_python_without_vllm_is_refused(tmp_path: Path) -> None:
    """Naming an interpreter that has no vLLM is said before anything starts."""
    with pytest.raises(ConfigError, match="has no vLLM"):
        known_flags((sys.executable, "-m", "vllm.entrypoints.openai.api_server"), tmp_path)


def test_a_vllm_that_breaks_is_refused_with_its_last_line(tmp_path: Path) -> None:
    """When --help fails, the error carries what the command said."""
    broken = tmp_path / "vllm"
    broken.write_text("#!/bin/sh\necho 'ImportError: libcuda.so.1' >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(ConfigError, match="does not say which flags") as error:
        known_flags((str(broken), "serve"), tmp_path)
    assert "ImportError: libcuda.so.1" in str(error.value)


def test_flags_that_are_shipped_are_those_of_a_whole_vllm() -> None:
    """With its version; both forms of a switch, and no prose."""
    known = shipped_flags()
    assert ("0.32", None) == (known.version, known.torch)
    assert {"--max-num-seqs", "--enable-prefix-caching", "--no-enable-prefix-caching", "--host"} < known.flags
    assert set() == {flag for flag in known.flags if not flag.startswith("--")}


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """Neither a file that another process would read, nor a part of one."""
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", object())
    write_json(tmp_path / "b.json", [1])
    assert ([tmp_path / "b.json"], "[1]") == (list(tmp_path.iterdir()), (tmp_path / "b.json").read_text())

"""thorexp as it is installed: a wheel that carries its configs."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but the built wheel unpacked in it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    (wheel,) = folder.glob("*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_has_every_config(installed: Path) -> None:
    """Each YAML file of conf/ is inside the package."""
    shipped = {path.relative_to(installed / "thorexp" / "conf") for path in installed.rglob("*.yaml")}
    assert {path.relative_to(ROOT / "conf") for path in (ROOT / "conf").rglob("*.yaml")} == shipped


def test_the_wheel_has_what_pages_are_made_of(installed: Path) -> None:
    """Their style and their script."""
    assert {"page.css", "page.js"} == {path.name for path in (installed / "thorexp" / "html" / "assets").iterdir()}


def test_the_wheel_composes_a_job_from_any_folder(installed: Path, tmp_path: Path) -> None:
    """Away from the checkout, the installed package finds its own configs."""
    said = _thorexp(installed, tmp_path, "--cfg", "job", "model=qwen3_30b_a3b_fp8")
    assert "repository: Qwen/Qwen3-30B-A3B-FP8" in said


def test_a_config_dir_of_the_users_own_adds_options(installed: Path, tmp_path: Path) -> None:
    """--config-dir brings a load that is not shipped."""
    (tmp_path / "mine" / "load").mkdir(parents=True)
    (tmp_path / "mine" / "load" / "night.yaml").write_text("defaults: [high]\nname: night\nnum_prompts: 5000\n")
    said = _thorexp(installed, tmp_path, "--config-dir", "mine", "--cfg", "job", "load=night")
    assert "num_prompts: 5000" in said


def _thorexp(installed: Path, folder: Path, *words: str) -> str:
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from thorexp.app import main; main()"
    command = [sys.executable, "-c", code, str(installed), *words]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert 0 == said.returncode, said.stderr
    return said.stdout

"""The built wheel: its top-level names, its data files, and its command in a clean environment."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(PROJECT)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return next(out.glob("*.whl"))


def test_top_level_names(wheel: Path) -> None:
    names = {n.split("/")[0] for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    assert names == {"ftkit", "ftkit_validators", "ftkit_recipes"}


@pytest.mark.parametrize(
    "name",
    [
        "ftkit/py.typed",
        "ftkit/catalog/providers/local.toml",
        "ftkit/benchmarking/templates/report.html.j2",
        "ftkit_recipes/sentiment/recipe.toml",
        "ftkit_recipes/sentiment/headlines.csv",
        "ftkit_recipes/genre/films.csv",
    ],
)
def test_data_files_are_inside(wheel: Path, name: str) -> None:
    assert name in zipfile.ZipFile(wheel).namelist()


def test_no_test_or_cache_is_inside(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert not [n for n in names if n.startswith("tests/") or "__pycache__" in n]


def test_its_command_runs_in_a_clean_environment(wheel: Path, tmp_path: Path) -> None:
    """Installed without the checkout; the dependencies are borrowed from the environment of the tests."""
    home = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(home / "bin" / "python"),
        "install",
        "--no-deps",
        "-q",
    ]
    subprocess.run([*pip, "--no-index", str(wheel)], check=True, capture_output=True, text=True)
    site = next(home.glob("lib/python*/site-packages"))
    borrowed = [p for p in sys.path if p.endswith("site-packages")]
    (site / "borrowed.pth").write_text("\n".join(borrowed) + "\n")
    command = [str(home / "bin" / "ftkit")]
    version = subprocess.run([*command, "--version"], check=True, capture_output=True, text=True).stdout
    listed = subprocess.run([*command, "recipes", "list"], check=True, capture_output=True, text=True).stdout
    where = subprocess.run(
        [str(home / "bin" / "python"), "-c", "import ftkit; print(ftkit.__file__)"],
        check=True, capture_output=True, text=True, cwd=tmp_path,
    ).stdout  # fmt: skip
    assert version.startswith("ftkit ")
    assert "sentiment" in listed
    assert str(home) in where

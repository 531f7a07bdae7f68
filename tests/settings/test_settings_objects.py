"""Objects that a person names as module:attribute, found beside their settings."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftkit.errors import UsageError
from ftkit.settings import Settings
from ftkit.settings.objects import named_object


@pytest.fixture(autouse=True)
def paths_as_before() -> Iterator[None]:
    before, loaded = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = before
    for name in set(sys.modules) - loaded:
        if name.startswith("own_"):
            del sys.modules[name]


def settings_in(folder: Path) -> Settings:
    folder.mkdir(exist_ok=True)
    return Settings(files=(folder / "ftkit.toml",))


def test_beside_the_configuration_and_in_the_working_directory(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "project")
    (tmp_path / "project" / "own_one.py").write_text("import own_two\nclass A:\n    b = own_two.VALUE\n")
    (tmp_path / "own_two.py").write_text("VALUE = 7\n")  # the working directory of a test
    assert named_object("own_one:A.b", settings) == 7
    assert named_object("own_two:VALUE") == 7


def test_the_projects_file_before_that_of_the_working_directory(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "project")
    (tmp_path / "project" / "own_three.py").write_text("HERE = 'project'\n")
    (tmp_path / "own_three.py").write_text("HERE = 'working directory'\n")
    assert named_object("own_three:HERE", settings) == "project"


def test_an_installed_package_before_a_file_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "colorsys.py").write_text("rgb_to_hsv = None\n")
    assert callable(named_object("colorsys:rgb_to_hsv"))


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("own_four", "is no name of a metric"),
        (":call", "is no name of a metric"),
        ("own_four:call", "there is no module 'own_four'"),
        ("own_four.sub:call", "there is no module 'own_four.sub'"),
        ("own_broken:call", "cannot be imported: SyntaxError"),
        ("own_needs:call", "cannot be imported: ModuleNotFoundError: No module named 'own_missing'"),
        ("own_raises:call", "cannot be imported: ZeroDivisionError"),
        ("own_empty:call", "is not there: module 'own_empty' has no attribute 'call'"),
    ],
)
def test_what_is_not_there(tmp_path: Path, reference: str, why: str) -> None:
    (tmp_path / "own_broken.py").write_text("def call(:\n")
    (tmp_path / "own_needs.py").write_text("import own_missing\n")
    (tmp_path / "own_raises.py").write_text("1 / 0\n")
    (tmp_path / "own_empty.py").write_text("")
    with pytest.raises(UsageError, match=why):
        named_object(reference, what="metric")

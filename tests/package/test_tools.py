"""The project's own tools: the reference is written from the commands, style numbers are counted right."""

from __future__ import annotations

import ast
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"


def tool(name: str) -> Any:
    """The tool as a module: what its script defines, and its ``main`` to call."""
    return SimpleNamespace(**runpy.run_path(str(TOOLS / f"{name}.py"), run_name=name))


@pytest.fixture
def reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command reference with its page in a folder of the test's own."""
    made = tool("command_reference")
    made.file = tmp_path / "docs" / "commands.md"
    monkeypatch.setitem(made.main.__globals__, "PAGE", made.file)
    return made


def test_the_reference_has_a_section_for_every_command(reference: Any) -> None:
    text = reference.page()
    for path in ("ftkit", "ftkit run", "ftkit recipes copy", "ftkit jobs watch", "ftkit completion"):
        assert f"\n## {path}\n\n```text\nUsage: {path} [" in text
    assert str(Path.home()) not in text, "no path of the machine that wrote it"


def test_a_stale_reference_is_found_and_written(
    reference: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(*options: str) -> int:
        monkeypatch.setattr(sys, "argv", ["command_reference.py", *options])
        return int(reference.main())

    assert answer("--check") == 1, "not there"
    assert "make format" in capsys.readouterr().out
    assert answer() == 0
    assert answer("--check") == 0
    reference.file.write_text(reference.file.read_text("utf-8") + "more\n", "utf-8")
    assert answer("--check") == 1, "changed"


CODE = '''
def public(a: int, *rest: str, key: bool = False) -> None:
    """Documented."""

    def inner(b):
        pass


async def waits(a):
    return a


class Shown:
    def method(self) -> None:
        pass

    def _hidden(self, *args, **kwargs: int) -> None:
        pass


class _Hidden:
    def method(self) -> None:
        """Documented."""


if True:
    def guarded(x: int) -> int:
        return x
'''


def test_functions_are_counted_with_their_marks() -> None:
    found = [(f.lines, f.public, f.documented, f.annotated) for f in tool("style").functions(ast.parse(CODE))]
    assert found == [
        (5, True, True, True),  # public, with the function inside it
        (2, True, False, False),  # waits
        (2, True, False, True),  # Shown.method
        (2, False, False, False),  # Shown._hidden
        (2, False, True, True),  # _Hidden.method
        (2, True, False, True),  # guarded
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [([7], 7), (list(range(1, 101)), 95), ([1] * 19 + [9], 1), ([1] * 18 + [9] * 2, 9)],
)
def test_the_nearest_rank(values: list[int], expected: int) -> None:
    assert tool("style").p95(values) == expected


def test_a_missed_bound_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any) -> None:
    """A project of one file without docstrings or tests, counted by the real tool."""
    style = tool("style")
    for name in style.SOURCES:
        (tmp_path / name).mkdir()
    (tmp_path / "ftkit" / "one.py").write_text("def f(x):\n    return x\n")
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["a"]\n')
    monkeypatch.setitem(style.main.__globals__, "ROOT", tmp_path)
    assert style.main() == 1
    missed = {
        line.split("  ")[0].strip() for line in capsys.readouterr().out.splitlines() if "MISSED" in line
    }
    assert missed == {
        "annotated functions, %",
        "public docstrings, %",
        "module docstrings, %",
        "test lines per source line",
    }

"""The tools that make the clients' environments and write what they did."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parent.parent.parent / "tools"
CASE = '<testcase classname="c" name="{name}"><properties>{properties}</properties>{child}</testcase>'


def case(name: str, child: str = "", **properties: str) -> str:
    """One test in a JUnit report."""
    held = "".join(f'<property name="{key}" value="{value}"/>' for key, value in properties.items())
    return CASE.format(name=name, properties=held, child=child)


def report(folder: Path, *cases: str) -> Path:
    """A JUnit report."""
    path = folder / "report.xml"
    path.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>", "utf-8")
    return path


def test_table_has_a_line_for_each_client(tmp_path: Path) -> None:
    tool = runpy.run_path(str(TOOLS / "client_table.py"))
    found = tool["rows"](
        report(
            tmp_path,
            case("a", client="lite", package="lite 1.2", did="files"),
            case("b", client="old", package="open 1.0", did="chat | streams"),
            case("c", client="lite", package="lite 1.2", did="jobs"),
        )
    )
    lines = [line for line in tool["page"](found).splitlines() if line.startswith("| ")]
    assert lines[2:] == ["| lite | 1.2 | files; jobs |", "| open | 1.0 | chat \\| streams |"]


@pytest.mark.parametrize("outcome", ["failure", "error", "skipped"])
def test_table_is_not_written_from_what_did_not_pass(tmp_path: Path, outcome: str) -> None:
    tool = runpy.run_path(str(TOOLS / "client_table.py"))
    with pytest.raises(ValueError, match=rf"c\.a: {outcome}"):
        tool["rows"](report(tmp_path, case("a", f"<{outcome}/>", client="x", package="x 1", did="y")))


def test_table_needs_tests(tmp_path: Path) -> None:
    before = (TOOLS.parent / "docs" / "clients.md").read_text("utf-8")
    command = [sys.executable, str(TOOLS / "client_table.py"), str(report(tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "has no tests of clients" in done.stderr
    assert (TOOLS.parent / "docs" / "clients.md").read_text("utf-8") == before


def test_every_client_has_a_lock_and_a_test() -> None:
    tool = runpy.run_path(str(TOOLS / "client_environments.py"))
    tests = "".join(path.read_text("utf-8") for path in (TOOLS.parent / "tests").rglob("test_*.py"))
    for name, packages in tool["wanted"]().items():
        assert tool["lock_file"](name).exists()
        assert "@ file:" not in tool["lock_file"](name).read_text("utf-8")
        assert f'"{name}"' in tests
        assert tool["fingerprint"](name, packages) != tool["fingerprint"](name, [*packages, "other"])


def test_an_unknown_client_is_named() -> None:
    command = [sys.executable, str(TOOLS / "client_environments.py"), "nobody"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "no such environment: nobody" in done.stderr

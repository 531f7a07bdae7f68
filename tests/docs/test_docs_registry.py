"""The how-to on names does what it says: its commands and its Python in their order, in one folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from doc_pages import DOCS, LONGEST, blocks, end_server, run_script

PAGE = "howto/registry.md"
pytestmark = pytest.mark.timeout(LONGEST)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where the page is followed; its local platform ends with the test."""
    yield tmp_path
    end_server(tmp_path / "state")


def test_the_programs_of_the_page_are_programs() -> None:
    programs = [block.code for block in blocks(PAGE) if block.language == "python"]
    assert len(programs) == 2 and "ftkit" not in programs[1], "one of them needs no ftkit"
    for program in programs:
        compile(program, PAGE, "exec")


def script(folder: Path) -> str:
    """Shell and Python as they come on the page, each Python block as a program of its own."""
    lines = []
    for number, block in enumerate(blocks(PAGE)):
        if block.language == "bash":
            lines.append(block.code)
        elif block.language == "python":
            (folder / f"block{number}.py").write_text(block.code, "utf-8")
            lines.append(f"python3 block{number}.py")
    return "\n".join(lines)


@pytest.mark.slow
def test_the_page_on_names(folder: Path) -> None:
    done = run_script(script(folder), folder)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    said = done.stdout.splitlines()
    tuned = next(line for line in said if line.startswith("ask ")).removeprefix("ask ")
    assert tuned.startswith("ft:linear:") and f"{tuned} 1 local" in said
    assert f"sentiment@champion stands for {tuned} (version 1)" in said
    assert any(line in ("positive", "negative", "neutral") for line in said)
    back = f"sentiment@champion stands again for {tuned} (version 1) in place of linear (version 2)"
    assert back in said and said[said.index(back) + 2] == tuned
    state = json.loads((folder / "state" / "registry" / "models.json").read_text("utf-8"))["models"][
        "sentiment"
    ]
    assert (state["champion"]["model"], state["canary"]["model"]) == (tuned, "linear")
    hub = folder / "sentiment-hub"
    assert "library_name" in (hub / "README.md").read_text("utf-8") and len(list(hub.iterdir())) > 2


@pytest.mark.slow
def test_the_exit_codes_of_the_page(folder: Path) -> None:
    text = (DOCS / PAGE).read_text("utf-8")
    script = """
ftkit models promote mood linear --unchecked --quiet > /dev/null
ftkit models promote mood other --unchecked --quiet > /dev/null
ftkit models rollback mood --expected 2 --unchecked --quiet > /dev/null
code=0; ftkit models rollback mood --expected 2 --unchecked --quiet || code=$?
echo "twice $code"
ftkit models promote mood ft:linear:gone:00000000 --unchecked --quiet > /dev/null
code=0; ftkit models resolve mood --check --quiet || code=$?
echo "gone $code"
"""
    done = run_script(script, folder)
    assert done.returncode == 0, done.stderr
    assert "twice 2" in done.stdout and "gone 3" in done.stdout
    assert "it ends with exit code 2" in text and "exit code 3" in text

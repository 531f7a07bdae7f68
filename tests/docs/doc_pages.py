"""What the tests of the documentation read of its pages: blocks of code, links, commands."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parents[2]
DOCS = PROJECT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
LONGEST = 900
"""Seconds for a page: a tenth of it is enough where nothing else runs."""
_FENCE = re.compile(r"^```(\w*)(?: file=(\S+))?\n(.*?)^```$", re.M | re.S)
_INDENTED = re.compile(r"^    (ftkit .*)$", re.M)
_WORD = re.compile(r"'[^']*'|\"[^\"]*\"|\S+")


class Block(NamedTuple):
    """A block of code; ``file`` is the name under which it is to be written."""

    language: str
    file: str | None
    code: str


def blocks(page: str) -> list[Block]:
    """All blocks between fences, in their order."""
    found = _FENCE.findall((DOCS / page).read_text("utf-8"))
    return [Block(language, file or None, code) for language, file, code in found]


def commands(page: str) -> Iterator[str]:
    """Every ``ftkit ...`` that a page shows, without what stands before and behind it in its line."""
    text = (DOCS / page).read_text("utf-8")
    shells = [block.code for block in blocks(page) if block.language in ("sh", "bash")]
    lines = [*_INDENTED.findall(text), *"\n".join(shells).replace("\\\n", " ").splitlines()]
    for line in lines:
        if match := re.search(r"(?:^|\$\()(ftkit [^|)#]*)", line):
            yield match[1].split(" > ")[0].split(" < ")[0].split("||")[0].strip()


def words(command: str) -> list[str]:
    """The words of a command; a quoted text is one."""
    return _WORD.findall(command)


def write_files(page: str, folder: Path) -> list[Path]:
    """Write the blocks that have names; the paths."""
    made = []
    for block in blocks(page):
        if block.file is not None:
            (folder / block.file).write_text(block.code, "utf-8")
            made.append(folder / block.file)
    return made


def run_script(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script that finds our ``ftkit`` and ``python3`` first; it ends at the first failure."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path, "COLUMNS": "140", **variables},
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )


def end_server(state: Path) -> None:
    """End the local platform that commands have started, if there is one."""
    server = state / "local" / "server.json"
    if server.exists():
        os.kill(json.loads(server.read_text())["pid"], signal.SIGTERM)

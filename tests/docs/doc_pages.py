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

import docs_hooks
import yaml

PROJECT = Path(__file__).resolve().parents[2]
DOCS = PROJECT / "docs"
CONFIG = yaml.safe_load((PROJECT / "mkdocs.yml").read_text("utf-8"))
NAV: list[str] = docs_hooks.pages_of(CONFIG["nav"])
"""Every page of the site, also those that are made when it is built."""
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
    shells = [block.code for block in blocks(page) if block.language in ("sh", "bash", "console")]
    lines = [*_INDENTED.findall(text), *"\n".join(shells).replace("\\\n", " ").splitlines()]
    for line in lines:
        if match := re.search(r"(?:^|^\$ |\$\()(ftkit [^|)#]*)", line):
            yield match[1].split(" > ")[0].split(" < ")[0].split("||")[0].strip()


def mentioned(page: str) -> Iterator[str]:
    """Every ``ftkit ...`` between backticks within a text, as far as it is one command."""
    text = _FENCE.sub("", (DOCS / page).read_text("utf-8"))
    for line in re.findall(r"`(ftkit [a-z][^`|]*?)\s*(?:`|\|)", text.replace("\n", " ")):
        yield line.split(" ...")[0]


def anchors(page: str) -> set[str]:
    """What a link may name behind ``#``: the page's headings, in lower case with hyphens."""
    text = _FENCE.sub("", (DOCS / page).read_text("utf-8"))
    found = [
        re.sub(r"[^\w\s-]", "", heading.lower()).strip() for heading in re.findall(r"^#+ (.+)$", text, re.M)
    ]
    return {re.sub(r"[-\s]+", "-", heading) for heading in found}


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

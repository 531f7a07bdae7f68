"""What docs/coming-from.md and docs/backends.md show is run: their Python, and every cell of their tables."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import ftkit
from ftkit.data import open_jsonl_writer

DOCS = Path(__file__).parents[2] / "docs"
_FENCE = re.compile(r"^```(\w*)(?: file=(\S+))?$")


class Piece(NamedTuple):
    """Python of a page, and its line; ``file`` is where it is to be written rather than run."""

    code: str
    line: int
    file: str | None = None


def pieces(page: str) -> Iterator[Piece]:
    """The blocks of Python and of files, and what the last cell of a table's row begins with."""
    lines = (DOCS / page).read_text().splitlines()
    at = 0
    while at < len(lines):
        if fence := _FENCE.match(lines[at]):
            end = lines.index("```", at + 1)
            if fence[1] == "python" or fence[2]:
                yield Piece("\n".join(lines[at + 1 : end]), at + 1, fence[2])
            at = end
        elif lines[at].startswith("| ") and (code := re.match(r"`([^`]+)`", _last_cell(lines[at]))):
            yield Piece(code[1], at + 1)
        at += 1


def _last_cell(row: str) -> str:
    return row.strip().removesuffix("|").rsplit(" | ", 1)[-1].strip()


def run(piece: Piece, names: dict[str, Any], page: str) -> None:
    """Run it as a notebook would, with ``await`` at the top."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    result = eval(compile(piece.code, f"{page}:{piece.line}", "exec", flags), names)
    if inspect.iscoroutine(result):
        asyncio.run(result)


@pytest.fixture
def platform() -> Iterator[ftkit.Platform]:
    """Up-or-down examples in the working directory, and a platform that ends with the test."""
    for name, count in (("train", 40), ("test", 10)):
        with open_jsonl_writer(f"{name}.jsonl") as writer:
            for number in range(count):
                news = "Profit rose" if number % 2 else "Sales fell"
                user = f"Answer with one word: up or down. {news} {number}"
                messages = [
                    {"role": "user", "content": user},
                    {"role": "assistant", "content": "up" if number % 2 else "down"},
                ]
                writer.write({"messages": messages})
    pairs = [f"Number {number}: odd?,{'yes' if number % 2 else 'no'}\n" for number in range(20)]
    Path("pairs.csv").write_text("prompt,response\n" + "".join(pairs))
    with ftkit.connect("local") as platform:
        yield platform
        platform.stop_local()


def test_every_call_that_another_tool_had(platform: ftkit.Platform) -> None:
    found = list(pieces("coming-from.md"))
    assert len(found) > 70
    names: dict[str, Any] = {}
    for piece in found:
        try:
            run(piece, names, "coming-from.md")
        except Exception as error:
            error.add_note(f"docs/coming-from.md, line {piece.line}: {piece.code}")
            raise


def test_the_page_on_backends(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("HOUSE_KEY", "key-of-the-house")
    names: dict[str, Any] = {}
    for piece in pieces("backends.md"):
        if piece.file is not None:
            Path(piece.file).write_text(piece.code + "\n")
        elif "\n" in piece.code:
            run(piece, names, "backends.md")
    assert capsys.readouterr().out == "['Say this again']\n"
    assert names["result"].prompt_tokens == 3


def test_the_page_on_backends_names_every_parameter_and_rate() -> None:
    from ftkit.catalog import Rates
    from ftkit.inference.backends.hook import _OFFERED

    page = (DOCS / "backends.md").read_text()
    offered = {name for names in _OFFERED.values() for name in names}
    for name in (offered | set(Rates.model_fields)) - {"source", "as_of"}:
        assert f"`{name}`" in page, name


def test_the_settings_on_the_page_are_valid(tmp_path: Path) -> None:
    blocks = re.findall(r"^```toml[^\n]*\n(.*?)^```", (DOCS / "backends.md").read_text(), re.M | re.S)
    assert len(blocks) == 2
    file = tmp_path / "pages.toml"
    file.write_text("\n".join(blocks))
    models = {model.id: model for model in ftkit.load_settings(file).catalog.models("custom")}
    assert models["claude"].litellm == "anthropic/claude-sonnet-4-5"
    assert models["house/writer"].rates.burst == (300, 10.0)

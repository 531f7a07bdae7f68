"""Shows the tutorial notebooks as pages of the documentation site, with the outputs that are kept in them.

MkDocs calls the hooks by their names. HTML of an output goes into the page as it is, after Markdown has
been read: nothing in it is taken for Markdown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.structure.files import Files

BOOKS = Path(__file__).resolve().parent.parent / "docs" / "notebooks"
_PLACE = re.compile(r'<div class="notebook-output" id="out-(\d+)-(\d+)"></div>')
_LINK = re.compile(r"\]\(([\w/.-]+)\.ipynb\)")
_FRAME = re.compile(r'<style scoped>.*?</style>\s*<table border="1" class="dataframe">', re.S)
"""How pandas draws a frame: the site has a style for tables of its own."""
_STYLE = re.compile(r"<style>.*?</style>", re.S)


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Add a page for each notebook; the notebooks themselves stay, to be downloaded."""
    from mkdocs.structure.files import File

    for book in sorted(BOOKS.glob("*.ipynb")):
        files.append(File.generated(config, f"notebooks/{book.stem}.md", content=page_of(book)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links to a notebook lead to its page; that of the page itself leads to the file."""
    if is_shown(page.file.src_uri):
        return markdown
    return _LINK.sub(r"](\1.md)", markdown)


def is_shown(uri: str) -> bool:
    """Whether a page of the site shows a notebook."""
    return uri.startswith("notebooks/") and (BOOKS / Path(uri).with_suffix(".ipynb").name).exists()


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Put the outputs where the page has a place for them."""
    if not is_shown(page.file.src_uri):
        return html
    book = BOOKS / Path(page.file.src_uri).with_suffix(".ipynb").name
    cells = cells_of(book)
    filled = _PLACE.sub(lambda match: drawn(cells[int(match[1])]["outputs"][int(match[2])]) or "", html)
    first, *others = _STYLE.split(filled, maxsplit=1)
    style = _STYLE.search(filled)
    return first + style[0] + _STYLE.sub("", others[0]) if style is not None else filled


def page_of(book: Path) -> str:
    """A notebook as Markdown: its texts, its code, texts that were put out, and places for what is drawn."""
    lines = list(_lines(cells_of(book)))
    note = f"This page is a notebook with what it put out: [download it]({book.name}) and run it."
    return "\n".join([lines[0], "", note, "", *lines[1:]]) + "\n"


def cells_of(book: Path) -> list[dict[str, Any]]:
    """The cells of a notebook's file, each with its source as one text."""
    cells: list[dict[str, Any]] = json.loads(book.read_text("utf-8"))["cells"]
    return [{**cell, "source": text_of(cell["source"])} for cell in cells]


def text_of(text: str | list[str]) -> str:
    """A text of a notebook's file, which may be kept in lines."""
    return text if isinstance(text, str) else "".join(text)


def drawn(output: dict[str, Any]) -> str | None:
    """The HTML of an output; None where it has none."""
    data = output.get("data", {})
    return _FRAME.sub("<table>", text_of(data["text/html"])) if "text/html" in data else None


def _lines(cells: list[dict[str, Any]]) -> Iterator[str]:
    for number, cell in enumerate(cells):
        if cell["cell_type"] == "markdown":
            yield from cell["source"].split("\n")
            yield ""
            continue
        yield from _block("python", cell["source"])
        for place, output in enumerate(cell["outputs"]):
            if drawn(output) is not None:
                yield f'<div class="notebook-output" id="out-{number}-{place}"></div>'
                yield ""
            elif said := text_of(output.get("text", output.get("data", {}).get("text/plain", ""))).rstrip():
                yield from _block("text", said)


def _block(language: str, text: str) -> Iterator[str]:
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    yield from (f"{fence}{language}", *text.split("\n"), fence, "")

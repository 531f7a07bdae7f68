"""Runs the notebooks of docs/notebooks in an empty folder and keeps what they put out in them.

``python tools/tutorials.py`` runs them all, ``--check`` says whether what is kept was put out by the cells as
they stand. No key and no network is needed; the local platform that a run starts ends with it.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BOOKS = ROOT / "docs" / "notebooks"
WITHOUT_WIDGETS = "import ftkit.display.notebook as shown; shown.find_spec = lambda name: None; del shown"
"""A page has no kernel behind it: bars are HTML in what is kept."""
_KEPT = {"text/html", "text/plain"}
SECONDS = 300


def books() -> list[Path]:
    """The notebooks, by name."""
    return sorted(BOOKS.glob("*.ipynb"))


def fingerprint(content: Any) -> str:
    """The SHA-256 of the code cells, which must be that of the cells that put the outputs out."""
    code = ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "code"]
    return hashlib.sha256(json.dumps(code).encode()).hexdigest()


def current(book: Path) -> bool:
    """Whether the outputs in a notebook are those of its cells as they stand."""
    content = json.loads(book.read_text("utf-8"))
    known: str | None = content["metadata"].get("ftkit", {}).get("ran")
    return known == fingerprint(content)


def ran(book: Path, folder: Path) -> Any:
    """The notebook with what its cells put out, run in ``folder``; raises where a cell does."""
    import nbformat
    from nbclient import NotebookClient

    content = nbformat.read(book, as_version=4)
    client = NotebookClient(
        content, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    with client.setup_kernel():
        assert client.kc is not None
        client.kc.execute(WITHOUT_WIDGETS, silent=True)
        for number, cell in enumerate(content.cells):
            client.execute_cell(cell, number, execution_count=None)
    for number, cell in enumerate(c for c in content.cells if c.cell_type == "code"):
        cell.execution_count, cell.metadata = number + 1, {}
        cell.outputs = [_plain(output, number + 1, f"{folder.resolve()}/") for output in cell.outputs]
    content.metadata["ftkit"] = {"ran": fingerprint(content)}
    return content


def _plain(output: Any, number: int, place: str) -> Any:
    """An output without what only a front end needs, and without the place that it was run in."""
    if "text" in output:
        output["text"] = output["text"].replace(place, "")
    if "execution_count" in output:
        output["execution_count"] = number
    if "data" in output:
        kept = {kind: text for kind, text in output["data"].items() if kind in _KEPT}
        output["data"] = {kind: text.replace(place, "") for kind, text in kept.items()}
        output["metadata"] = {}
    return output


def write(book: Path) -> None:
    """Run a notebook and keep what it put out."""
    import nbformat

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.environ["FTKIT_STATE_DIR"] = str(folder / ".ftkit")
        try:
            content = ran(book, folder)
        finally:
            _end_local(folder / ".ftkit")
    content.metadata["language_info"] = {"name": "python"}
    book.write_text(nbformat.writes(content) + "\n", "utf-8")
    print(f"{book.relative_to(ROOT)}: {book.stat().st_size:,} bytes")


def _end_local(state: Path) -> None:
    with suppress(FileNotFoundError, ProcessLookupError, json.JSONDecodeError):
        os.kill(json.loads((state / "local" / "server.json").read_text())["pid"], signal.SIGTERM)


def main() -> int:
    """0 where the outputs are written or current, 1 where ``--check`` finds stale ones."""
    if "--check" in sys.argv[1:]:
        stale = [book.name for book in books() if not current(book)]
        for name in stale:
            print(f"{name}: its cells are not those that were run; run `make tutorials`")
        return int(bool(stale))
    for book in books():
        write(book)
    return 0


if __name__ == "__main__":
    sys.exit(main())

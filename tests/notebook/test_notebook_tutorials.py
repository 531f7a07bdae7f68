"""The tutorial notebooks run as they stand, from the first cell to the last, without key and network."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from notebook_page import PROJECT, Page, kill_local

BOOKS = sorted((PROJECT / "docs" / "notebooks").glob("*.ipynb"))


@pytest.fixture
def kernel_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory, whose local platform is ended in the end."""
    monkeypatch.setenv("FTKIT_POLL_SECONDS", "0.1")
    for proxy in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")  # whatever asked the network would fail
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    yield tmp_path
    kill_local(Path(os.environ["FTKIT_STATE_DIR"]))


def test_there_are_two() -> None:
    assert [book.stem for book in BOOKS] == ["compare", "sentiment"]


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_it_is_kept_without_outputs_and_without_places_of_a_machine(book: Path) -> None:
    content = json.loads(book.read_text())
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert not re.search(r"/(home|root|Users|work)/", book.read_text())
    assert not re.search(r"api_key|getpass|https?://", book.read_text())


@pytest.mark.slow
@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_it_runs(book: Path, kernel_place: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    content = nbformat.read(book, as_version=4)
    nbformat.validate(content)
    NotebookClient(
        content, timeout=170, kernel_name="python3", resources={"metadata": {"path": str(kernel_place)}}
    ).execute()
    outputs: list[Any] = [one for cell in content.cells for one in cell.get("outputs", [])]
    assert not [one for one in outputs if one.get("name") == "stderr"], "no warnings in a tutorial"
    drawn = [one["data"]["text/html"] for one in outputs if "text/html" in one.get("data", {})]
    ours = [html for html in drawn if 'class="ftkit"' in html]
    assert len(ours) >= 3 and all(Page(html).harmless() for html in ours)
    words = " ".join(Page(html).words for html in ours)
    assert "succeeded" in words and "Benchmark" in words and "interval" in words

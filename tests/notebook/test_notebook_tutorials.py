"""The tutorials run as they stand, without key and network; what is kept in them is what they put out."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docs_notebooks
import pytest
import tutorials
from notebook_page import PROJECT, Page, kill_local

BOOKS = sorted((PROJECT / "docs" / "notebooks").glob("*.ipynb"))
MOST_BYTES = 400_000


def outputs_of(book: Any) -> list[Any]:
    return [one for cell in book["cells"] for one in cell.get("outputs", [])]


def shape_of(book: Any) -> list[list[Any]]:
    """The kinds of what each cell put out: not the figures, which differ from run to run."""
    return [
        [sorted(one["data"]) if "data" in one else one["name"] for one in cell.get("outputs", [])]
        for cell in book["cells"]
    ]


def html_of(book: Any) -> list[str]:
    found = (one["data"]["text/html"] for one in outputs_of(book) if "text/html" in one.get("data", {}))
    return [text if isinstance(text, str) else "".join(text) for text in found]


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
def test_what_is_kept_was_put_out_by_its_cells_as_they_stand(book: Path) -> None:
    assert tutorials.current(book), "run `make tutorials`"
    content = json.loads(book.read_text())
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert not [
        one for one in outputs_of(content) if one["output_type"] == "error" or one.get("name") == "stderr"
    ]


def test_another_cell_makes_what_is_kept_stale(tmp_path: Path) -> None:
    content = json.loads(BOOKS[0].read_text())
    next(cell for cell in content["cells"] if cell["cell_type"] == "code")["source"] = ["1 + 1"]
    changed = tmp_path / "changed.ipynb"
    changed.write_text(json.dumps(content))
    assert not tutorials.current(changed)


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_nothing_of_a_machine_or_a_person_is_kept(book: Path) -> None:
    text = book.read_text()
    assert len(text.encode()) < MOST_BYTES
    assert not re.search(r"/(home|root|Users|work|tmp|var)/|site-packages", text)
    assert not re.search(r"api_key|getpass|sk-\w{8}", text)
    assert not re.search(r"https?://(?!www\.w3\.org|127\.0\.0\.1)", text)


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_what_is_kept_is_drawn_harmless_and_says_how_it_went(book: Path) -> None:
    ours = [html for html in html_of(json.loads(book.read_text())) if 'class="ftkit"' in html]
    assert len(ours) >= 3 and all(Page(html).harmless() for html in ours)
    words = " ".join(Page(html).words for html in ours)
    assert "succeeded" in words and "Benchmark" in words and "interval" in words


@pytest.mark.slow
@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_it_runs_and_puts_out_what_is_kept(book: Path, kernel_place: Path) -> None:
    import nbformat

    kept = nbformat.read(book, as_version=4)
    nbformat.validate(kept)
    made = tutorials.ran(book, kernel_place)
    assert shape_of(made) == shape_of(kept)
    assert not [one for one in outputs_of(made) if one.get("name") == "stderr"], "no warnings in a tutorial"
    ours = [html for html in html_of(made) if 'class="ftkit"' in html]
    assert len(ours) >= 3 and all(Page(html).harmless() for html in ours)


# the pages of the site


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_the_page_of_a_notebook_has_its_texts_its_code_and_its_outputs(book: Path) -> None:
    page = docs_notebooks.page_of(book)
    assert page.startswith("# ") and f"[download it]({book.name})" in page
    cells = docs_notebooks.cells_of(book)
    for cell in cells:
        assert cell["source"].split("\n")[0] in page
    places = re.findall(r'id="out-(\d+)-(\d+)"', page)
    assert len(places) == len(html_of(json.loads(book.read_text()))) > 3


def test_outputs_are_put_into_the_page_as_they_are_with_one_style_sheet() -> None:
    book = BOOKS[0]

    class Here:
        class file:
            src_uri = f"notebooks/{book.name.replace('.ipynb', '.md')}"

    content = docs_notebooks.on_page_content(docs_notebooks.page_of(book), Here)
    assert "notebook-output" not in content
    assert content.count("<style>div.ftkit") == 1
    assert content.count('<div class="ftkit">') == sum(
        'class="ftkit"' in h for h in html_of(json.loads(book.read_text()))
    )


def test_other_pages_lead_to_the_pages_of_notebooks_and_are_left_alone_else() -> None:
    class Here:
        class file:
            src_uri = "notebooks/index.md"

    text = '<div class="notebook-output" id="out-0-0"></div>'
    assert docs_notebooks.on_page_content(text, Here) == text
    assert docs_notebooks.on_page_markdown("[a](sentiment.ipynb)", Here) == "[a](sentiment.md)"
    Here.file.src_uri = "notebooks/sentiment.md"
    assert docs_notebooks.on_page_markdown("[a](sentiment.ipynb)", Here) == "[a](sentiment.ipynb)"

"""The site is built strictly, says what the code says, and loads nothing from elsewhere in a real browser."""

from __future__ import annotations

import functools
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import chromium
import pytest
from doc_pages import PROJECT

pytest.importorskip("mkdocs")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=PROJECT, capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The site on a web server of its own."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def text_of(site: Path, page: str) -> str:
    return (site / page / "index.html").read_text("utf-8")


def test_the_reference_has_signatures_and_docstrings(site: Path) -> None:
    page = text_of(site, "reference/splitting")
    for word in ("validation.jsonl", "Raises UsageError", 'id="ftkit.splitting.split"', "SplitOptions"):
        assert word in page
    assert ":meth:" not in page and ":func:" not in page


def test_pages_of_the_project_are_there_with_links_that_hold(site: Path) -> None:
    assert "The ledger" in text_of(site, "architecture")
    assert 'href="../architecture/"' in text_of(site, "contributing")


def test_a_block_that_is_a_file_has_its_name(site: Path) -> None:
    assert '<span class="filename">my_rules.py</span>' in text_of(site, "howto/write-a-validator")


@pytest.mark.skipif(chromium.find() is None, reason="no Chromium is here")
def test_in_a_browser_nothing_comes_from_elsewhere(address: str, tmp_path: Path) -> None:
    browser = chromium.Chromium(tmp_path / "profile")
    try:
        tab = browser.tab()
        for page in ("", "tutorial/", "catalog/", "reference/gateway/", "howto/write-an-engine/"):
            tab.open(f"{address}/{page}")
            assert tab.value("document.querySelector('h1').innerText")
        outside = [
            url for url in tab.requested() if not url.startswith((address, "data:", "about:", "blob:"))
        ]
        assert outside == []
        assert tab.complaints() == []
    finally:
        browser.close()


@pytest.mark.skipif(chromium.find() is None, reason="no Chromium is here")
def test_the_search_finds_a_rule(address: str, tmp_path: Path) -> None:
    browser = chromium.Chromium(tmp_path / "profile")
    try:
        tab = browser.tab()
        tab.open(f"{address}/?q=near-duplicate")
        tab.until("document.querySelectorAll('.md-search-result__item a').length > 0")
        assert "FT502" in tab.text(".md-search-result__list")
    finally:
        browser.close()

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
import docs_hooks
import pytest
from doc_pages import NAV, PROJECT

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


@pytest.fixture(scope="module", params=["served", "opened from the disk"])
def address(site: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The site on a web server of its own, and as files."""
    if request.param != "served":
        yield site.as_uri()
        return

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def text_of(site: Path, page: str) -> str:
    return (site / f"{page}.html").read_text("utf-8")


def test_the_reference_has_signatures_and_docstrings(site: Path) -> None:
    page = text_of(site, "reference/splitting")
    for word in ("validation.jsonl", "Raises UsageError", 'id="ftkit.splitting.split"', "SplitOptions"):
        assert word in page
    assert ":meth:" not in page and ":func:" not in page


@pytest.mark.parametrize("page", [page for page in NAV if docs_hooks.is_python(page)])
def test_the_reference_has_every_name_that_a_module_exports(site: Path, page: str) -> None:
    module, text = docs_hooks.module_of(page), text_of(site, page.removesuffix(".md"))
    for name in docs_hooks.exported(module):
        places = (f"{module}.{name}", f"{module}.{name}.{name}")
        assert any(f'id="{place}"' in text for place in places), name


def test_pages_of_the_project_are_there_with_links_that_hold(site: Path) -> None:
    assert "The ledger" in text_of(site, "architecture")
    assert 'href="architecture.html"' in text_of(site, "contributing")


def test_a_block_that_is_a_file_has_its_name(site: Path) -> None:
    assert '<span class="filename">my_rules.py</span>' in text_of(site, "howto/write-a-validator")


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[chromium.Tab]:
    """A tab of a real browser."""
    if chromium.find() is None:
        pytest.skip("no Chromium is here")
    browser = chromium.Chromium(tmp_path / "profile")
    yield browser.tab()
    browser.close()


def test_in_a_browser_nothing_comes_from_elsewhere(address: str, tab: chromium.Tab) -> None:
    for page in ("index", "tutorial", "catalog", "reference/gateway", "howto/write-an-engine"):
        tab.open(f"{address}/{page}.html")
        assert tab.value("document.querySelector('h1').innerText")
    assert [url for url in tab.requested() if not url.startswith((address, "data:", "about:", "blob:"))] == []
    assert tab.complaints() == []


def test_links_and_the_search_lead_to_pages(address: str, tab: chromium.Tab) -> None:
    tab.open(f"{address}/index.html")
    tab.value("document.querySelector('.md-tabs a[href*=tutorial]').click()")
    tab.until("document.title.startsWith('Tutorial')")
    tab.open(f"{address}/index.html?q=near-duplicate")
    tab.until("document.querySelectorAll('.md-search-result__item a').length > 0")
    assert "FT502" in tab.text(".md-search-result__list")


@pytest.mark.parametrize(
    "page", ["index", "tutorial", "commands", "catalog", "rules", "reference/gateway", "notebooks/sentiment"]
)
def test_on_a_telephone_only_tables_and_code_are_wider_than_the_page(
    site: Path, tab: chromium.Tab, page: str
) -> None:
    tab.size(360, 740)
    tab.open((site / f"{page}.html").as_uri())
    assert tab.value("document.documentElement.scrollWidth") <= 360

"""What is drawn keeps its form in a real browser, under the rules that front ends have for outputs."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import chromium
import pytest
from notebook_page import PROJECT
from notebook_results import answered, made

from ftkit.display.html.card import STYLE

pytestmark = pytest.mark.skipif(chromium.find() is None, reason="no Chromium here: the layout was not tried")

JUPYTER = """
.jp-RenderedHTMLCommon td, .jp-RenderedHTMLCommon th, .jp-RenderedHTMLCommon tr {
  vertical-align: middle; padding: 0.5em; line-height: normal; white-space: normal; border: none }
:not(.jp-RenderedMarkdown).jp-RenderedHTMLCommon td, :not(.jp-RenderedMarkdown).jp-RenderedHTMLCommon th,
:not(.jp-RenderedMarkdown).jp-RenderedHTMLCommon tr { text-align: right }
.jp-RenderedHTMLCommon table { table-layout: fixed; margin-bottom: 1em }
.jp-RenderedHTMLCommon tbody tr:nth-child(odd) { background: #eee }
"""
"""Rules as JupyterLab and nbconvert have them for whatever a cell puts out."""


def kept() -> list[str]:
    """What the cells of the tutorials put out: splits, reports, jobs, batches, benchmarks, judges."""
    cells = [
        c
        for book in (PROJECT / "docs" / "notebooks").glob("*.ipynb")
        for c in json.loads(book.read_text())["cells"]
    ]
    found = (
        one["data"]["text/html"]
        for c in cells
        for one in c.get("outputs", [])
        if "text/html" in one.get("data", {})
    )
    return ["".join(text) for text in found if 'class="ftkit"' in "".join(text)]


def results() -> list[str]:
    """One of every result that a public function answers with, its texts as long as ids are."""
    return [
        made(model, "ft:linear:ftkit:some-suffix:AbCd1234")._repr_html_() for model in answered().values()
    ]  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Chromium]:
    """One browser for the module."""
    running = chromium.Chromium(tmp_path_factory.mktemp("chromium"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a page with everything in it, an output for each."""
    outputs = "".join(
        f'<div class="jp-RenderedHTML jp-RenderedHTMLCommon">{one}</div>' for one in [*kept(), *results()]
    )
    outputs = STYLE + re.sub(
        r"<style>.*?</style>", "", outputs
    )  # as it is now, also for what was kept earlier
    file = tmp_path_factory.mktemp("page") / "outputs.html"
    file.write_text(
        f'<!doctype html><meta charset="utf-8"><style>body{{margin:8px}}{JUPYTER}</style>'
        f'<body data-jp-theme-light="true">{outputs}</body>'
    )
    return file.as_uri()


def test_columns_stand_where_they_belong_and_rows_are_not_striped(
    browser: chromium.Chromium, page: str
) -> None:
    tab = browser.tab(prefers_color_scheme="light")
    tab.open(page)
    for selector, side in (
        ("td:not(.n)", "left"),
        ("th:not(.n)", "left"),
        ("td.n", "right"),
        ("th.n", "right"),
    ):
        found = tab.value(
            f"[...new Set([...document.querySelectorAll('.ftkit {selector}')]"
            ".map(e => getComputedStyle(e).textAlign))].join()"
        )
        assert found == side, selector
    rows = "[...document.querySelectorAll('.ftkit tr')]"
    assert (
        tab.value(f"[...new Set({rows}.map(e => getComputedStyle(e).backgroundColor))].join()")
        == "rgba(0, 0, 0, 0)"
    )
    assert tab.complaints() == [] and len(tab.events("Network.requestWillBeSent")) == 1, (
        "nothing else is loaded"
    )


def test_nothing_is_wider_than_a_narrow_window_but_tables_that_scroll(
    browser: chromium.Chromium, page: str
) -> None:
    tab = browser.tab(prefers_color_scheme="light")
    tab.size(420, 900)
    tab.open(page)
    wide = tab.value(
        "[...document.querySelectorAll('.ftkit *')].filter(e => !e.closest('.wide') && "
        "e.getBoundingClientRect().right > 421)"
        ".map(e => e.tagName + ' ' + e.textContent.slice(0, 60)).slice(0, 5).join('|')"
    )
    assert wide == ""


def test_cells_do_not_run_into_each_other(browser: chromium.Chromium, page: str) -> None:
    tab = browser.tab(prefers_color_scheme="light")
    tab.open(page)
    over = tab.value(
        "[...document.querySelectorAll('.ftkit .wide td')].filter(e => e.scrollWidth > e.clientWidth + 1)"
        ".map(e => e.textContent.slice(0, 60)).slice(0, 5).join('|')"
    )
    assert over == ""


@pytest.mark.parametrize(
    "dark", ["data-jp-theme-light='false'", "class='vscode-dark'", "data-md-color-scheme='slate'"]
)
def test_colours_are_others_on_a_dark_page(browser: chromium.Chromium, tmp_path: Path, dark: str) -> None:
    file = tmp_path / "dark.html"
    words = html.escape("x")
    file.write_text(
        f"<!doctype html><body {dark}><div class=ftkit>{STYLE}<p class=note>{words}</p></div></body>"
    )
    tab = browser.tab(prefers_color_scheme="dark")
    tab.open(file.as_uri())
    assert tab.value("getComputedStyle(document.querySelector('.note')).color") == "rgb(210, 153, 34)"

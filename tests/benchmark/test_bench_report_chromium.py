"""The report in a real Chromium: searched, filtered, on a phone, in the dark, on paper, without a script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import chromium
import pytest
from report_parts import SHARES, TUNED, whole_report

from ftkit.benchmarking import write_report
from ftkit.benchmarking.results import BenchmarkReport

pytestmark = pytest.mark.skipif(chromium.find() is None, reason="no Chromium here: the page was not tried")

EVIL = "<img src=x onerror=alert(1)><script>globalThis.bad=1</script>"
SHOWN = "[...document.querySelectorAll('#rows > li')].filter((row) => row.checkVisibility())"
CONTRAST = """(() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = numbers(colour).slice(0, 3).map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (colour.startsWith('rgb') && numbers(colour)[3] !== 0) return light(colour);
    }
    return 1;
  };
  return [...document.querySelectorAll('body *:not(svg *):not(script):not(option)')]
    .filter((one) => one.checkVisibility()
      && [...one.childNodes].some((child) => child.nodeType === 3 && child.data.trim()))
    .map((one) => {
      const [a, b] = [light(getComputedStyle(one).color), ground(one)];
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), one.textContent.slice(0, 80)];
    }).sort((a, b) => a[0] - b[0])[0];
})()"""
"""The least contrast of any text with what lies behind it, by WCAG's formula, and that text."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Chromium]:
    """One browser for all tests; each opens a tab of its own."""
    running = chromium.Chromium(tmp_path_factory.mktemp("chromium"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def report() -> BenchmarkReport:
    return whole_report(rows=400, shown=120)


@pytest.fixture(scope="module")
def address(report: BenchmarkReport, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the report's page lies."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(report, path, lineage={"Recipe": "sentiment", "Job": "ftjob-1"})
    return path.as_uri()


def opened(browser: chromium.Chromium, address: str, width: int = 1200, **media: str) -> chromium.Tab:
    """A tab that shows the page."""
    tab = browser.tab(**media)
    tab.size(width, 900)
    tab.open(address)
    return tab


def search(tab: chromium.Tab, words: str) -> None:
    """Type into the search, which is emptied before."""
    tab.value("(() => { const one = document.getElementById('words'); one.value = ''; one.focus(); })()")
    tab.type(words)


def choose(tab: chromium.Tab, name: str, value: str) -> None:
    """Choose from a list, as a person does."""
    tab.value(
        f"(() => {{ const one = document.getElementById('{name}'); one.value = '{value}';"
        " one.dispatchEvent(new Event('change')); })()"
    )


def test_it_stands_alone_and_nothing_is_refused_by_its_own_policy(
    browser: chromium.Chromium, address: str
) -> None:
    tab = opened(browser, address)
    assert tab.complaints() == []
    assert tab.requested() == [address]
    assert "ftjob-1" in tab.text("main") and TUNED in tab.text("header")
    for kind, attribute in (("bars", "rect, path"), ("text", "text")):
        assert tab.value(f"document.querySelectorAll('svg.chart :is({attribute})').length") > 10, kind


def test_what_gets_into_the_page_is_neither_run_nor_loaded(browser: chromium.Chromium, address: str) -> None:
    tab = opened(browser, address)
    made = "Object.assign(document.createElement('script'), {textContent: 'globalThis.bad=1'})"
    add = f"document.body.append({made})"
    assert tab.value(f"(() => {{ {add}; return globalThis.bad ?? 'kept out'; }})()") == "kept out"
    assert tab.value("fetch('https://example.com').then(() => 'out', () => 'kept in')") == "kept in"
    assert (
        tab.value(
            "(() => { document.body.setAttribute('style', 'color: red');"
            " return getComputedStyle(document.body).color; })()"
        )
        != "rgb(255, 0, 0)"
    )


def test_texts_from_outside_are_texts(browser: chromium.Chromium, tmp_path: Path) -> None:
    report = whole_report(rows=60, shown=10)
    evil = [row.model_copy(update={"prompt": EVIL, "expected": (EVIL,)}) for row in report.disagreements]
    write_report(report.model_copy(update={"disagreements": tuple(evil)}), tmp_path / "evil.html", title=EVIL)
    tab = opened(browser, (tmp_path / "evil.html").as_uri())
    assert tab.value("document.querySelectorAll('img, iframe, [onerror]').length") == 0
    assert tab.value("globalThis.bad ?? 'kept out'") == "kept out"
    assert EVIL in tab.text("h1") and EVIL in tab.text("#rows")
    assert tab.value(f"{SHOWN}.length") == 10 and tab.complaints() == []


def test_searching_leaves_the_rows_that_have_all_words(
    browser: chromium.Chromium, address: str, report: BenchmarkReport
) -> None:
    tab = opened(browser, address)
    total = len(report.disagreements)
    row = report.disagreements[len(report.disagreements) // 2]
    search(tab, f"COMPANY {row.row} says")
    wanted = [
        one.row
        for one in report.disagreements
        if str(row.row) in f"{one.prompt} {one.row}" and "company" in one.prompt.lower()
    ]
    assert tab.value(f"{SHOWN}.length") == len(wanted) >= 1
    assert f"Company {row.row} says" in tab.text("#rows")
    assert f"{len(wanted)} of {total} rows" in tab.text("#count")
    assert tab.value("CSS.highlights.get('found').size") >= 3 * len(wanted)
    search(tab, "no such words")
    assert tab.value(f"{SHOWN}.length") == 0 and f"0 of {total} rows" in tab.text("#count")
    tab.value("(() => { words.value = ''; words.dispatchEvent(new Event('input')); })()")
    assert tab.value(f"{SHOWN}.length") == min(total, 50)
    assert tab.value("CSS.highlights.get('found').size") == 0


def test_filters_agree_with_the_report(
    browser: chromium.Chromium, address: str, report: BenchmarkReport
) -> None:
    tab = opened(browser, address)
    lost = [row for row in report.disagreements if not row.correct[report.reference]]
    choose(tab, "kind", "lost")
    assert tab.value(f"{SHOWN}.length") == min(50, len(lost)) > 3
    assert f"{len(lost)} of {len(report.disagreements)} rows" in tab.text("#count")
    choose(tab, "right", "positive")
    both = [row for row in lost if row.expected == ("positive",)]
    assert tab.value(f"{SHOWN}.length") == len(both)
    assert f"{len(both)} of {len(report.disagreements)} rows" in tab.text("#count")
    choose(tab, "kind", "won")
    rest = [row for row in report.disagreements if row.expected == ("positive",) and row not in lost]
    assert tab.value(f"{SHOWN}.length") == min(50, len(rest))


def test_more_rows_by_keyboard_alone(
    browser: chromium.Chromium, address: str, report: BenchmarkReport
) -> None:
    tab = opened(browser, address)
    total = len(report.disagreements)
    assert total > 50 and tab.value(f"{SHOWN}.length") == 50
    tab.value("document.getElementById('more').focus()")
    tab.press("Enter")
    assert tab.value(f"{SHOWN}.length") == min(total, 100)
    assert tab.value("[...document.getElementById('rows').children].indexOf(document.activeElement)") == 50


def test_without_its_script_everything_is_there(
    browser: chromium.Chromium, address: str, report: BenchmarkReport
) -> None:
    tab = browser.tab()
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    tab.open(address)
    assert tab.value(f"{SHOWN}.length") == len(report.disagreements)
    assert not tab.value("document.getElementById('tools').checkVisibility()")
    assert not tab.value("document.getElementById('more').checkVisibility()")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
def test_it_can_be_read(browser: chromium.Chromium, address: str, scheme: str, width: int) -> None:
    tab = opened(browser, address, width, prefers_color_scheme=scheme)
    assert tab.value("document.documentElement.scrollWidth") <= width
    ratio, text = tab.value(CONTRAST)
    assert ratio >= 4.5, text
    ends = "[...document.querySelectorAll('svg.chart')].map((one) => one.getBoundingClientRect().right)"
    assert tab.value(f"Math.max(...{ends}) <= innerWidth")


def test_dark_is_dark_and_paper_is_white(browser: chromium.Chromium, address: str) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    bars = "getComputedStyle(document.querySelector('svg.chart text')).fill"
    dark = opened(browser, address, prefers_color_scheme="dark")
    light = opened(browser, address, prefers_color_scheme="light")
    assert dark.value(ground) == "rgb(20, 23, 26)" and light.value(ground) == "rgb(251, 251, 250)"
    assert dark.value(bars) != light.value(bars)
    dark.call("Emulation.setEmulatedMedia", media="print", features=[])
    assert dark.value(ground) == "rgb(255, 255, 255)"
    for hidden in ("nav", "#tools", "#more"):
        assert not dark.value(f"document.querySelector('{hidden}').checkVisibility()")
    pages = dark.call("Page.printToPDF", preferCSSPageSize=True)["data"]
    assert len(pages) > 50_000


def test_a_screen_reader_finds_its_way(browser: chromium.Chromium, address: str) -> None:
    tab = opened(browser, address)
    headings = tab.named("heading")
    for words in ("Accuracy on 400", "Cost and speed", "What judges say", "By label", "come from"):
        assert any(words in one for one in headings), words
    said = tab.named("image")
    assert all(any(f"Confusion matrix of {name}," in one for one in said) for name in SHARES)
    assert all(tab.named("region")) and all(tab.named("image")) and all(tab.named("link"))
    assert tab.named("searchbox") == ["Search the texts"]
    assert set(tab.named("combobox")) == {"Rows", "Right answer"}
    assert tab.value("[...document.querySelectorAll('th')].every((cell) => cell.scope)")
    ids = "[...document.querySelectorAll('[id]')].map((one) => one.id)"
    assert tab.value(f"new Set({ids}).size === {ids}.length")
    targets = "[...document.querySelectorAll('nav a')].map((one) => one.getAttribute('href'))"
    assert tab.value(f"{targets}.every((one) => document.querySelector(one))")

"""The report as a page: what it says, that others' texts stay texts, and how it looks in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import chromium
import pytest
from houses import TODAY, compared, exported, list_models, recorded, retrained, tuned, whole_house

from ftkit.lifecycle import migration
from ftkit.lifecycle.migration.page import intervals

EVIL = "ft:<img src=x onerror=alert(1)><script>globalThis.bad=1</script>"
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
  return [...document.querySelectorAll('body *:not(svg *):not(script)')]
    .filter((one) => one.checkVisibility()
      && [...one.childNodes].some((child) => child.nodeType === 3 && child.data.trim()))
    .map((one) => {
      const [a, b] = [light(getComputedStyle(one).color), ground(one)];
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), one.textContent.slice(0, 80)];
    }).sort((a, b) => a[0] - b[0])[0];
})()"""
"""The least contrast of any text with what lies behind it, by WCAG's formula, and that text."""
in_a_browser = pytest.mark.skipif(chromium.find() is None, reason="no Chromium here: the page was not tried")


class Tree(HTMLParser):
    """The elements of a page by their names, and its text."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.found: dict[str, list[dict[str, str | None]]] = {}
        self.text = ""
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.setdefault(tag, []).append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> migration.MigrationReport:
    """The report of a migration with models at every stage."""
    folder = whole_house(tmp_path_factory.mktemp("pages") / "house")
    return migration.report(folder, today=TODAY)


def test_the_page_says_what_is_done_and_what_is_pressing(house: migration.MigrationReport) -> None:
    page = Tree(house.page.read_text("utf-8"))
    assert "1 of 4 models are shown to have a successor that is as good." in page.text
    assert "ft:gpt-3.5-turbo-1106:acme::old ended on 2026-10-23." in page.text
    assert "ft:gpt-4.1-2025-04-14:acme:tone:c3: training.jsonl has changed" in page.text
    assert "result file-9 is missing: the platform has no such file" in page.text
    assert "On 2,000 rows acme/new:1 is within 1.1 points" in page.text
    assert "2 over 8,192 tokens: 0 dropped, 2 truncated, 0 divided into 0" in page.text
    assert "batch_size 1" in page.text
    assert "at most $1.50" in page.text
    assert "2026-11-20 (batch b2)" in page.text


def test_the_page_and_the_markdown_tell_the_same_steps(house: migration.MigrationReport) -> None:
    text, page = house.markdown.read_text(), Tree(house.page.read_text())
    steps = [model.next_step for model in house.models if model.next_step]
    assert len(steps) == 1  # the damaged one: all others are done, lost, or for a person to decide
    assert all(step in text and step in page.text for step in steps)
    assert house.summary in text


@pytest.mark.parametrize(
    ("days", "words"),
    [(54, "ends in 54 days, on"), (1, "ends tomorrow, on"), (0, "ends today, on"), (-3, "ended on")],
)
def test_the_first_to_end_is_named_at_the_top(folder: Path, days: int, words: str) -> None:
    from datetime import timedelta

    end = TODAY + timedelta(days=days)
    list_models(folder, tuned("ft:late", shutdown=None), tuned("ft:soon", shutdown=end))
    page = migration.report(folder, today=TODAY).page.read_text()
    assert f"ft:soon {words} {end}" in page


def test_links_lead_to_the_rows_of_the_comparison(house: migration.MigrationReport) -> None:
    links = [str(one["href"]) for one in Tree(house.page.read_text()).found["a"]]
    reports = [link for link in links if not link.startswith("#")]
    assert reports
    for link in reports:
        assert re.fullmatch(r"models/[\w.-]+/compared/[\w.-]+/report\.html", link.replace("%3A", "-")), link
    ids = {one.get("id") for one in Tree(house.page.read_text()).found["h2"]}
    assert {link[1:] for link in links if link.startswith("#")} <= ids


def test_others_texts_are_texts(folder: Path) -> None:
    model = tuned(EVIL, base=EVIL, job=EVIL, hyperparameters={EVIL: EVIL}, last_used_by=EVIL, notes=(EVIL,))
    list_models(folder, model)
    exported(folder, model)
    recorded(folder, model, parameters={EVIL: EVIL})
    retrained(folder, model, EVIL, base=EVIL, left_behind={EVIL: 1})
    compared(folder, model, "x", statement=EVIL, notes=(EVIL,))
    page = Tree(migration.report(folder, today=TODAY).page.read_text())
    assert "img" not in page.found
    assert len(page.found["script"]) == 1  # the page's own
    assert page.text.count("<script>globalThis.bad=1</script>") >= 8
    assert EVIL.replace("<", "\\<") in migration.report(folder).markdown.read_text().replace("\\*", "*")


def test_the_same_records_give_the_same_page(house: migration.MigrationReport) -> None:
    before = house.page.read_bytes()
    migration.report(house.folder, today=TODAY)
    assert house.page.read_bytes() == before


def test_intervals_stand_on_one_scale_with_their_margin(house: migration.MigrationReport) -> None:
    drawn = Tree(str(intervals([one for model in house.models for one in model.compared])))
    rectangles = drawn.found["rect"]
    assert len(rectangles) == len(drawn.found["circle"]) == 3
    left, width = (float(str(rectangles[0][name])) for name in ("x", "width"))
    assert left + width / 2 == pytest.approx(240, abs=0.2)  # 0 is in the middle
    for circle, model in zip(drawn.found["circle"], [m for m in house.models if m.compared], strict=True):
        [one] = model.compared
        share = (float(str(circle["cx"])) - 240) / (width / 2)  # in margins
        assert share == pytest.approx(one.difference / one.margin, abs=0.05)
    [svg] = drawn.found["svg"]
    assert "not shown" in str(svg["aria-label"])
    assert all(0 <= float(str(one[end])) <= 480 for one in drawn.found["line"] for end in ("x1", "x2"))


def test_a_page_without_comparisons_draws_none(folder: Path) -> None:
    list_models(folder, tuned("ft:a"))
    page = Tree(migration.report(folder, today=TODAY).page.read_text())
    assert "svg" not in page.found
    assert "The one model is not yet shown to have a successor" in page.text


def test_answers_like_the_old_ones_have_no_interval_of_points(folder: Path) -> None:
    model = tuned("ft:a")
    list_models(folder, model)
    exported(folder, model)
    compared(folder, model, against="old answers")
    page = Tree(migration.report(folder, today=TODAY).page.read_text())
    assert "svg" not in page.found
    assert "Both say the same on 96.4" in page.text


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Chromium]:
    """One browser for all tests."""
    running = chromium.Chromium(tmp_path_factory.mktemp("chromium"))
    yield running
    running.close()


def opened(browser: chromium.Chromium, path: Path, width: int = 1200, **media: str) -> Any:
    tab = browser.tab(**media)
    tab.size(width, 900)
    tab.open(path.as_uri())
    return tab


@in_a_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_stands_alone_and_is_easy_to_read(
    browser: chromium.Chromium, house: migration.MigrationReport, scheme: str
) -> None:
    tab = opened(browser, house.page, prefers_color_scheme=scheme)
    assert tab.complaints() == []
    assert tab.requested() == [house.page.as_uri()]
    least, text = tab.value(CONTRAST)
    assert least >= 4.5, text
    ground = tab.value("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground)[:3])) < 200) == (scheme == "dark")


@in_a_browser
@pytest.mark.parametrize("width", [320, 390, 800])
def test_it_fits_a_phone(browser: chromium.Chromium, house: migration.MigrationReport, width: int) -> None:
    tab = opened(browser, house.page, width)
    assert tab.value("document.documentElement.scrollWidth") <= width
    assert "ft:gpt-4o-2024-08-06:acme:tickets:zz99" in tab.text("main")


@in_a_browser
def test_on_paper_nothing_is_cut_off_and_nothing_dark(
    browser: chromium.Chromium, house: migration.MigrationReport
) -> None:
    tab = opened(browser, house.page, 700, prefers_color_scheme="dark")
    tab.call("Emulation.setEmulatedMedia", media="print")
    assert tab.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.value("getComputedStyle(document.querySelector('nav')).display") == "none"
    cut = "(one) => one.scrollWidth > one.clientWidth + 1"
    assert tab.value(f"[...document.querySelectorAll('.wide')].filter({cut}).length") == 0


@in_a_browser
def test_evil_names_do_nothing_in_a_browser(browser: chromium.Chromium, folder: Path) -> None:
    model = tuned(EVIL, notes=(EVIL,))
    list_models(folder, model)
    exported(folder, model)
    compared(folder, model, "x", statement=EVIL)
    tab = opened(browser, migration.report(folder, today=TODAY).page)
    assert tab.value("globalThis.bad ?? 'kept out'") == "kept out"
    assert tab.value("document.querySelectorAll('img').length") == 0
    assert EVIL in tab.text("main")
    assert tab.complaints() == []

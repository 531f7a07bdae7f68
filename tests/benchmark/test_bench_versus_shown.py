"""Two runs against each other, shown: in the terminal, as Markdown, as a page, by the command."""

from __future__ import annotations

import io
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import chromium
import pytest
from bench_parts import chat_row
from report_parts import table_widths
from rich.console import Console
from test_report import EVIL, Page
from versus_parts import record, right_on, truth

from ftkit.benchmarking import RunComparison, compare_runs, print_runs, runs_to_markdown, write_runs_page
from ftkit.benchmarking.versus.page import render_runs
from ftkit.errors import StorageError

Command = Callable[..., "subprocess.CompletedProcess[str]"]
ROWS = set(range(30))


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two benchmarks: the second is better with one model, and has a model more."""
    folder = tmp_path_factory.mktemp("two")
    said = {"parameters": {"temperature": 0, "max_tokens": 8}}
    before = record(folder / "monday", {"base": right_on(ROWS), "ft:one": right_on(set(range(9)))}, **said)
    said = {"parameters": {"temperature": 0, "max_tokens": 16}}
    after = record(
        folder / "friday",
        {"base": right_on(ROWS), "ft:one": right_on(set(range(3, 30))), "new": right_on(ROWS)},
        **said,
    )
    return before, after


@pytest.fixture(scope="module")
def found(places: tuple[Path, Path]) -> RunComparison:
    return compare_runs(*places)


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> RunComparison:
    """Two benchmarks in which every text from outside tries to break out."""
    folder = tmp_path_factory.mktemp("evil")
    rows = [chat_row(f"{EVIL} {row}", EVIL if row % 2 else "plain") for row in range(6)]
    before = record(folder / "a", {EVIL: lambda row: "plain"}, rows, platform=EVIL)
    return compare_runs(before, record(folder / "b", {EVIL: lambda row: EVIL}, rows))


def printed(comparison: RunComparison, width: int) -> str:
    out = io.StringIO()
    print_runs(Console(file=out, width=width), comparison)
    return out.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_terminal_says_what_came_of_it_first(found: RunComparison, width: int) -> None:
    text = printed(found, width)
    assert max(map(len, text.splitlines())) <= width
    words = re.sub(r"\s+", " ", text)
    assert words.startswith("ft:one in friday/out: better than monday/out by 60.0 points")
    assert "+60.0" in words and "30.0 %" in words and "90.0 %" in words
    assert "Only in friday/out: new." in words
    assert "Changed: max_tokens: 8 → 16" in words
    assert ("95 % interval" in words) == (width >= 100)


def test_markdown_has_the_figures_the_settings_and_some_rows(found: RunComparison) -> None:
    text = runs_to_markdown(found)
    assert text.startswith("ft:one in friday/out: better than monday/out by 60.0 points")
    assert "| ft:one | 30.0 % | 90.0 % | +60.0 |" in text
    assert "| max\\_tokens | 8 | 16 |" in text
    assert "Rows that flipped: 10 of 24" in text
    assert table_widths(text) == [{9}, {3}, {4}]
    assert text.count("<details>") == text.count("</details>") == 2


def test_the_page_is_whole_and_stands_alone(found: RunComparison) -> None:
    page = render_runs(found)
    read = Page(page)
    assert page == render_runs(RunComparison.model_validate_json(found.model_dump_json()))
    assert len(read.ids) == len(set(read.ids))
    for name, value in ((n, v) for _, n, v in read.attributes if n.endswith("href") or n == "src"):
        assert value.startswith("#"), (name, value)
    for words in ("max_tokens", "better than monday/out by 60.0 points", "Only in friday/out: new"):
        assert words in read.text
    assert found.a.data_sha256 in read.text
    assert read.tags.count("li") > 24


def test_nothing_from_outside_becomes_markup(evil: RunComparison) -> None:
    read = Page(render_runs(evil))
    assert not {"img", "b"} & set(read.tags) and read.tags.count("script") == 1
    assert read.text.count(EVIL) >= 5
    text = runs_to_markdown(evil)
    assert "<script" not in text.replace("\\<", "")
    assert all(len(widths) == 1 for widths in table_widths(text))
    assert EVIL[:20] in printed(evil, 300)


@pytest.mark.skipif(chromium.find() is None, reason="no Chromium here: the page was not tried")
def test_the_page_in_a_browser(found: RunComparison, tmp_path: Path) -> None:
    write_runs_page(found, tmp_path / "page.html")
    browser = chromium.Chromium(tmp_path / "profile")
    try:
        tab = browser.tab()
        tab.size(390, 900)
        tab.open((tmp_path / "page.html").as_uri())
        assert tab.complaints() == []
        assert tab.value("document.documentElement.scrollWidth") <= 390
        shown = "[...document.querySelectorAll('#rows > li')].filter((row) => row.checkVisibility()).length"
        assert tab.value(shown) == 24
        tab.value(
            "(() => { const one = document.getElementById('kind'); one.value = 'lost';"
            " one.dispatchEvent(new Event('change')); })()"
        )
        assert tab.value(shown) == 3
    finally:
        browser.close()


def test_a_place_that_cannot_be_written_to(found: RunComparison, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        write_runs_page(found, tmp_path / "file" / "page.html")


def test_scores_are_shown_with_their_values(tmp_path: Path) -> None:
    rows = [chat_row(f"list {row}", "apple, pear") for row in range(12)]
    before = record(tmp_path / "a", {"m": lambda row: "apple"}, rows, metric="keywords")
    after = record(tmp_path / "b", {"m": lambda row: "apple, pear"}, rows, metric="keywords")
    page = Page(render_runs(compare_runs(before, after))).text
    assert "(66.7 %)" in page and "(100.0 %)" in page


def test_the_command(places: tuple[Path, Path], here: Command, tmp_path: Path) -> None:
    before, after = map(str, places)
    page, note = tmp_path / "new" / "page.html", tmp_path / "new" / "note.md"
    done = here("compare", before, after, "--out", str(page), "--markdown", str(note))
    assert done.returncode == 0, done.stderr
    assert "better than monday/out by 60.0 points" in re.sub(r"\s+", " ", done.stdout)
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>") and "| ft:one |" in note.read_text("utf-8")
    assert str(page) in done.stdout and str(note) in done.stdout
    as_json = json.loads(here("compare", before, after, "--json", "-m", "base", "-m", "ft:one=new").stdout)
    assert [(c["model_a"], c["model_b"]) for c in as_json["changes"]] == [("base", "base"), ("ft:one", "new")]


def test_the_command_in_a_pipeline(places: tuple[Path, Path], here: Command) -> None:
    before, after = map(str, places)
    assert here("compare", before, after, "--fail-if-worse").returncode == 0
    assert here("compare", after, before, "--fail-if-worse").returncode == 1
    assert here("compare", after, before).returncode == 0
    assert here("compare", before, before, "--fail-if-worse").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere", "nowhere"], 2, "no run and no benchmark here"),
        (["{a}"], 2, "RUN_B"),
        (["{a}", "{b}", "-m", "nobody"], 2, "no model 'nobody'"),
        (["{a}", "{b}", "--out", "{a}/report.json/page.html"], 4, "report.json"),
    ],
)
def test_wrong_calls(
    places: tuple[Path, Path], here: Command, arguments: list[str], code: int, words: str
) -> None:
    done = here("compare", *(text.format(a=places[0], b=places[1]) for text in arguments))
    assert done.returncode == code, done.stderr
    assert words in done.stderr and "Traceback" not in done.stderr and done.stdout == ""


def test_a_program_does_what_the_command_does(places: tuple[Path, Path], here: Command) -> None:
    found = compare_runs(*places)
    shown = json.loads(here("compare", *map(str, places), "--json").stdout)
    ours = json.loads(found.model_dump_json())
    assert {**shown, "created_at": ""} == {**ours, "created_at": ""}
    assert truth(0) in {flip["expected"] for flip in shown["flips"]}

"""The report as a page, as Markdown and in the terminal: whole, escaped, the same each time."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest
from bench_parts import Bench, answer, chat_row
from report_parts import table_widths
from rich.console import Console

from ftkit.benchmarking import print_report, to_markdown, write_report
from ftkit.benchmarking.charts import score_chart
from ftkit.benchmarking.confusions import MAX_LABELS, confusion_chart
from ftkit.benchmarking.report import render_report
from ftkit.benchmarking.results import BenchmarkReport, Confusion
from ftkit.errors import StorageError

EVIL = '<script>alert("x")</script>{{ 7 * 7 }}<img src=x onerror=alert(1)>$a_b$'
VOID = {"meta", "link", "br", "img", "hr", "input", "wbr"}


class Page(HTMLParser):
    """Reads a page, insisting that every element is closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        """All words outside of markup."""
        return "".join(self.words)


def svgs(page: str) -> list[str]:
    return re.findall(r"<svg.*?</svg>", page, re.DOTALL)


@pytest.fixture
def evil(tmp_path: Path) -> BenchmarkReport:
    """A report in which every text from outside tries to break out of the page."""
    rows = [chat_row(f"{EVIL} {i}", EVIL if i % 2 else "plain") for i in range(6)]
    bench = Bench(tmp_path, rows, "label", ())
    name = bench.task.ids.id_of
    return bench.report(
        {
            f"ft:{EVIL}": lambda row: answer(name(row), EVIL if row % 2 else "plain"),
            f"base {EVIL}": lambda row: answer(name(row), None, ok=False, error=EVIL),
        },
        platform=EVIL,
    )


@pytest.fixture(scope="module")
def page(sample: BenchmarkReport) -> str:
    """The sample's page, made once."""
    return render_report(sample)


def test_the_page_is_whole_and_has_its_charts(sample: BenchmarkReport, tmp_path: Path) -> None:
    write_report(sample, tmp_path / "new" / "report.html", title="A & B", lineage={"Job": "ftjob-1"})
    page = (tmp_path / "new" / "report.html").read_text("utf-8")
    read = Page(page)
    assert page.startswith("<!DOCTYPE html>\n<html lang")
    assert len(read.ids) == len(set(read.ids))
    assert read.tags.count("svg") == 1 + len(sample.models)
    for svg in svgs(page):
        root = ET.fromstring(re.sub(r"xlink:href", "href", svg))
        assert root.get("role") == "img"
        assert len(root.get("aria-label") or "") > 20
        assert "viewBox" in root.attrib and "width" not in root.attrib
    assert "A & B" in read.text and "ftjob-1" in read.text
    for score in sample.models:
        assert score.model in read.text
        assert f"{score.accuracy * 100:.1f} %" in read.text
    assert sample.data_sha256 in read.text


def test_the_page_stands_alone(page: str) -> None:
    read = Page(page)
    assert not {"link", "iframe", "img", "image", "object", "embed"} & set(read.tags)
    assert read.tags.count("script") == 1 and "style" not in {name for _, name, _ in read.attributes}
    for tag, name, value in read.attributes:
        if name.endswith("href") or name == "src":
            assert value.startswith("#"), (tag, name, value)
    assert "@import" not in page and not re.search(r"url\((?!#)", page)
    assert "prefers-color-scheme: dark" in page and "@media print" in page and 'name="viewport"' in page


def test_every_reference_in_a_chart_has_its_target(page: str) -> None:
    ids = set(Page(page).ids)
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', page))
    assert used <= ids
    assert used


def test_charts_take_the_colours_of_the_page(page: str) -> None:
    rules = page[page.index("<style>") : page.index("</style>")]
    assert {"var(--ink)", "var(--tuned)", "var(--heat)"} <= set(re.findall(r"var\([^)]+\)", rules))
    for svg in svgs(page):
        assert set(re.findall(r'class="(c\d+)"', svg)) <= set(re.findall(r"\.chart \.(c\d+) ", rules))
        assert not re.findall(r"#[0-9a-fA-F]{6}\b", svg)
        assert "<style" not in svg and "<metadata" not in svg
    for variable in set(re.findall(r"var\((--[a-z-]+)\)", page)):
        assert page.count(f"{variable}:") == 3, f"{variable} is wanted for light, dark and print"


def test_the_same_report_gives_the_same_bytes(sample: BenchmarkReport, page: str) -> None:
    again = BenchmarkReport.model_validate_json(sample.model_dump_json())
    assert render_report(again) == page


def test_nothing_from_outside_becomes_markup(evil: BenchmarkReport) -> None:
    page = render_report(evil, title=EVIL, lineage={EVIL: EVIL})
    read = Page(page)
    assert not {"img", "b"} & set(read.tags) and read.tags.count("script") == 1
    assert not [name for _, name, _ in read.attributes if name.startswith("on")]
    assert page.count("<script>") == 1 and ">49<" not in page
    assert read.text.count('<script>alert("x")</script>{{ 7 * 7 }}') >= 10
    assert any(EVIL in value for _, name, value in read.attributes if name == "aria-label")


def test_nothing_from_outside_becomes_markdown_or_terminal_markup(evil: BenchmarkReport) -> None:
    text = to_markdown(evil)
    assert "<script" not in text.replace("\\<", "")
    assert table_widths(text) == [{8}, {7}]
    out = io.StringIO()
    noisy = evil.model_copy(update={"notes": ("[bold]not markup[/bold]",)})
    print_report(Console(file=out, width=200), noisy)
    assert "[bold]not markup[/bold]" in out.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_terminal_table_fits_and_says_all(sample: BenchmarkReport, width: int) -> None:
    out = io.StringIO()
    print_report(Console(file=out, width=width), sample)
    lines = out.getvalue().splitlines()
    assert max(len(line) for line in lines) <= width
    text = re.sub(r"\s+", " ", out.getvalue())
    assert "85.3 %" in text and "80.9 – 88.9 %" in text
    assert "better than linear by" in text
    assert "Always answering 'neutral' would reach 56.7 %" in text
    assert ("Cost" in lines[1]) == (width >= 100)


def test_best_first_everywhere(sample: BenchmarkReport, page: str) -> None:
    out = io.StringIO()
    print_report(Console(file=out, width=200), sample)
    read = Page(page).text
    for text in (out.getvalue(), to_markdown(sample), read[read.index("Scores") :]):
        places = [text.index(s.model) for s in sorted(sample.models, key=lambda s: -s.correct)[:2]]
        assert places == sorted(places)


def test_stand_ins_are_named_wherever_a_figure_is(sample: BenchmarkReport) -> None:
    said = "a local stand-in for gpt-4.1-mini, not that model"
    changed = {"notes": (said,), "stand_in_for": "gpt-4.1-mini"}
    models = tuple(s.model_copy(update=changed) if s.model == "gpt-4.1-mini" else s for s in sample.models)
    report = sample.model_copy(update={"models": models})
    out = io.StringIO()
    print_report(Console(file=out, width=200), report)
    page = render_report(report)
    for text in (out.getvalue(), to_markdown(report), Page(page).text):
        assert said in text
        assert "base, stand-in" in text
    assert "gpt-4.1-mini (stand-in)" in svgs(page)[0]


def test_one_model_alone_and_a_task_without_labels(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [chat_row("a", "x y z")], "exact", ())
    report = bench.report({"m": lambda row: answer(bench.task.ids.id_of(row), "x y z")})
    read = Page(render_report(report))
    assert read.tags.count("svg") == 1
    assert "disagree" not in read.text and "By label" not in read.text
    assert report.verdict == "m is right on 100.0 % of 1 rows (95 % interval 20.7 – 100.0 %)."
    print_report(Console(file=io.StringIO()), report)


def test_models_that_agree_everywhere(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [chat_row("a", "yes"), chat_row("b", "no")], "label", ())
    same = lambda row: answer(bench.task.ids.id_of(row), "yes")  # noqa: E731
    report = bench.report({"m": same, "n": same})
    assert report.comparisons[0].p_value == 1.0
    assert "On no row" in Page(render_report(report)).text


def test_many_labels_are_no_picture(tmp_path: Path) -> None:
    count = MAX_LABELS + 1
    bench = Bench(tmp_path, [chat_row(f"text {i}", f"label {i}") for i in range(count)], "label", ())
    report = bench.report({"m": lambda row: answer(bench.task.ids.id_of(row), f"label {row}")})
    read = Page(render_report(report))
    assert read.tags.count("svg") == 1
    assert f"{count} labels are too many for a picture" in read.text


def test_labels_of_any_length_and_script_are_drawn_without_a_complaint(
    recwarn: pytest.WarningsRecorder,
) -> None:
    labels = ("正面", "a very long label, longer than any other one", "x & <y>")
    confusion = Confusion(
        labels=labels, columns=(*labels, "other"), counts=((1, 0, 0, 0), (0, 0, 0, 0), (0, 2, 0, 1))
    )
    svg = confusion_chart(confusion, "c", "model")
    assert svg is not None
    words = "".join(ET.fromstring(re.sub(r"xlink:href", "href", svg)).itertext())
    assert "正面" in words and "x & <y>" in words and "…" in words
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]


def test_the_majority_line_stays_in_the_picture(sample: BenchmarkReport) -> None:
    for share in (0.02, 0.5, 0.98):
        svg = score_chart(sample.model_copy(update={"majority_share": share}))
        width = float(re.findall(r'viewBox="0 0 ([\d.]+)', svg)[0])
        assert width == pytest.approx(3.8 * 72)
        assert f"majority {share * 100:.1f} %" in svg
    assert "majority" not in score_chart(sample.model_copy(update={"majority_share": None}))


def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    bench = Bench(tmp_path, [chat_row("a", "yes")], "exact", ())
    report = bench.report({"m": lambda row: answer(bench.task.ids.id_of(row), "yes")})
    with pytest.raises(StorageError):
        write_report(report, tmp_path / "file" / "report.html")


def test_heavy_libraries_are_imported_only_where_they_are_needed() -> None:
    code = (
        "import sys, ftkit.benchmarking.run, ftkit.benchmarking.terminal, ftkit.benchmarking.report;"
        "heavy = {'matplotlib', 'scipy', 'numpy', 'openai', 'jinja2', 'rich'};"
        "print(*(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_function_keeps_its_name_whatever_was_imported_before() -> None:
    code = (
        "import ftkit, ftkit.benchmarking.metrics\n"
        "from ftkit.benchmarking import BenchmarkReport\n"
        "try: ftkit.benchmark([], 'x.jsonl', platform=None, workdir='w')\n"
        "except ftkit.FtkitError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "no model to benchmark" in done.stdout

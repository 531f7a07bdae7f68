"""A page's content policy names what is in it and allows no more; reports of odd sizes are shown whole."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_parts import TUNED, table_widths, whole_report
from rich.console import Console
from test_report import Page
from versus_parts import record, right_on

from ftkit.benchmarking import compare_runs, print_report, print_runs, runs_to_markdown, to_markdown
from ftkit.benchmarking.page import _breakable
from ftkit.benchmarking.report import render_report
from ftkit.benchmarking.results import BenchmarkReport, Confusion, LabelScore
from ftkit.benchmarking.versus.page import render_runs


@pytest.fixture(scope="module")
def report() -> BenchmarkReport:
    return whole_report(rows=60, shown=20)


@pytest.fixture(scope="module")
def pages(report: BenchmarkReport, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A report's page, one without charts of labels, and one of two runs."""
    folder = tmp_path_factory.mktemp("runs")
    runs = [record(folder / name, {"m": right_on(set(range(size)))}) for name, size in (("a", 9), ("b", 20))]
    bare = report.model_copy(update={"labels": (), "judges": (), "comparisons": (), "frontier": ()})
    return {
        "report": render_report(report),
        "bare": render_report(bare),
        "runs": render_runs(compare_runs(*runs)),
    }


def policy_of(page: str) -> dict[str, str]:
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert found is not None
    rules = (rule.split(" ", 1) for rule in html.unescape(found[1]).split("; "))
    return {rule[0]: rule[1] for rule in rules}


def hash_of(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@pytest.mark.parametrize("name", ["report", "bare", "runs"])
def test_the_policy_names_the_page_s_own_style_and_script(pages: dict[str, str], name: str) -> None:
    page = pages[name]
    rules = policy_of(page)
    [style], [script] = (
        re.findall(r"<style>(.*?)</style>", page, re.S),
        re.findall(r"<script>(.*?)</script>", page, re.S),
    )
    assert rules["style-src"] == hash_of(style) and rules["script-src"] == hash_of(script)
    assert {key: rules[key] for key in ("default-src", "base-uri", "form-action")} == {
        "default-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert page.index("Content-Security-Policy") < page.index("<style>") < page.index("<script>")


@pytest.mark.parametrize("name", ["report", "bare", "runs"])
def test_nothing_in_a_page_needs_more_than_the_policy_allows(pages: dict[str, str], name: str) -> None:
    read = Page(pages[name])
    names = {attribute for _, attribute, _ in read.attributes}
    assert "style" not in names and not {one for one in names if one.startswith("on")}
    assert not {"link", "img", "iframe", "object", "embed", "base"} & set(read.tags)
    assert "eval(" not in pages[name] and "innerHTML" not in pages[name]


@pytest.mark.parametrize("name", ["report", "bare", "runs"])
def test_every_link_of_the_navigation_leads_somewhere(pages: dict[str, str], name: str) -> None:
    read = Page(pages[name])
    targets = {value[1:] for tag, attribute, value in read.attributes if tag == "a" and attribute == "href"}
    assert targets and targets <= set(read.ids)
    labelled = {value for _, attribute, value in read.attributes if attribute == "aria-labelledby"}
    assert labelled <= set(read.ids)


@given(st.text(max_size=60))
def test_a_breakable_name_is_the_same_name(text: str) -> None:
    made = str(_breakable(text))
    assert html.unescape(made.replace("<wbr>", "")) == text
    assert not re.search(r"<(?!wbr>)", made)


def many_labels(report: BenchmarkReport, count: int) -> BenchmarkReport:
    """The report with so many labels, of which each was once taken for the next."""
    names = tuple(f"label {number}" for number in range(count))
    counts = tuple(tuple(3 * (c == r) + (c == r + 1) for c in range(count + 1)) for r in range(count))
    confusion = Confusion(labels=names, columns=(*names, "other"), counts=counts)
    per_label = tuple(
        LabelScore(label=name, support=4, predicted=4, correct=3, precision=0.75, recall=0.75, f1=None)
        for name in names
    )
    update = {"confusion": confusion, "per_label": per_label}
    models = tuple(score.model_copy(update=update) for score in report.models)
    return report.model_copy(update={"labels": names, "models": models})


def test_many_labels_have_their_mistakes_in_place_of_a_picture(report: BenchmarkReport) -> None:
    page = render_report(many_labels(report, 60))
    text = " ".join(Page(page).text.split())
    assert page.count('class="chart"') == 2, "the bars and the frontier"
    assert text.count("60 labels are too many for a picture; report.json has the matrix.") == 5
    assert "label 0 answered as label 1: 1 (25.0 %)" in text
    assert page.count('<tr><td class="label">') == 5 * 60


@pytest.mark.parametrize("width", [40, 60, 79, 99, 100, 240])
@pytest.mark.parametrize("continuous", [False, True])
def test_the_terminal_of_any_width(width: int, continuous: bool) -> None:
    out = io.StringIO()
    print_report(Console(file=out, width=width), whole_report(rows=40, shown=3, continuous=continuous))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    text = "".join(out.getvalue().split())
    assert TUNED in text and ("per1,000" in text.split("Always")[0]) == (width >= 100)
    assert ("Bypart," in text) == continuous


def test_parts_beyond_a_dozen_are_counted() -> None:
    one = whole_report(rows=40, shown=1, continuous=True)
    part = one.models[0].parts[0]
    many = tuple(part.model_copy(update={"name": f"field {n}"}) for n in range(20))
    models = tuple(score.model_copy(update={"parts": many}) for score in one.models)
    out = io.StringIO()
    print_report(Console(file=out, width=400), one.model_copy(update={"models": models}))
    assert "field 11 90.0 %, and 8 more." in " ".join(out.getvalue().split())
    assert len(re.findall(r"^\| field", to_markdown(one.model_copy(update={"models": models})), re.M)) == 20


def test_many_changed_settings_are_cut_in_the_terminal_alone(tmp_path: Path) -> None:
    runs = [
        record(tmp_path / str(n), {"m": right_on(set())}, parameters={f"p{k}": n for k in range(30)})
        for n in range(2)
    ]
    found = compare_runs(*runs)
    out = io.StringIO()
    print_runs(Console(file=out, width=100), found)
    assert out.getvalue().count("Changed: p") == 20 and "and 10 more settings" in out.getvalue()
    assert len(re.findall(r"^\| p\d+ ", runs_to_markdown(found), re.M)) == 30
    assert all(len(widths) == 1 for widths in table_widths(runs_to_markdown(found)))
    assert Page(render_runs(found)).text.count("p29") == 1

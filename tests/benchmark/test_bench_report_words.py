"""The report's sentences, charts and lineage: what is known is said alike everywhere, what is not is not."""

from __future__ import annotations

import io
import json
import random
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_parts import PRICES, SHARES, TUNED, disagreement, table_widths, whole_report
from rich.console import Console

from ftkit.benchmarking import print_report, to_markdown, write_report
from ftkit.benchmarking.charts import frontier_chart, score_chart
from ftkit.benchmarking.confusions import mistakes
from ftkit.benchmarking.drawing import Sheet
from ftkit.benchmarking.lineage import lineage_of, origin_of
from ftkit.benchmarking.phrases import (
    break_even,
    cached,
    how_compared,
    lead_of,
    parts_of,
    price_unknown,
)
from ftkit.benchmarking.report import choices_of, fitting, render_report, step_of, widest_first
from ftkit.benchmarking.results import BenchmarkReport, BreakEven, Confusion, FrontierPoint
from ftkit.benchmarking.words import between, measure, p_value, points, points_between, ranked
from ftkit.data import sha256_file
from ftkit.splitting import split


@pytest.fixture(scope="module")
def report() -> BenchmarkReport:
    return whole_report()


@pytest.fixture(scope="module")
def scored() -> BenchmarkReport:
    """A report by a continuous metric with parts."""
    return whole_report(continuous=True)


def printed(report: BenchmarkReport, width: int = 200) -> str:
    out = io.StringIO()
    print_report(Console(file=out, width=width), report)
    return re.sub(r"\s+", " ", out.getvalue())


def test_every_form_says_the_same_of_every_model(report: BenchmarkReport, scored: BenchmarkReport) -> None:
    for one in (report, scored):
        page = re.sub(r"<wbr>", "", render_report(one))
        for text in (printed(one), to_markdown(one), page):
            for score in one.models:
                figure, low, high = score.figure
                assert f"{figure * 100:.1f} %" in text
                assert f"{low * 100:.1f} – {high * 100:.1f} %" in text
            for said in ("19,842", "never: a request costs more", "calls 78.0 % of the answers right"):
                assert said in text, said
            assert "unknown" in text and "the catalog has no price for this model" in text


def test_judges_are_shown_with_what_is_known_of_them(report: BenchmarkReport) -> None:
    page, text = re.sub(r"<wbr>", "", render_report(report)), to_markdown(report)
    for shown in (page, text):
        for said in ("85.0 %", "0.66", "Judges against the right answers", "What it took"):
            assert said in shown, said
    assert 'judge gpt-4.1</dt><dd class="text">right: It says &lt;so&gt;.</dd>' in page
    assert "1 of 45 answers on which" in " ".join(page.split())
    assert "Note of a judge" in printed(report) and "Note of a judge." in page


def test_scores_are_called_scores(report: BenchmarkReport, scored: BenchmarkReport) -> None:
    assert (measure(report), measure(scored)) == ("Accuracy", "Score")
    for text in (printed(scored), to_markdown(scored), render_report(scored)):
        assert "Score" in text and "Accuracy" not in text
        assert "Always answering" not in text, "what a score would be then, nobody knows"
        assert "intent" in text and "amount" in text
    assert parts_of(scored)["intent"][TUNED] == 0.9 and parts_of(report) == {}


def test_models_are_ranked_by_what_they_are_compared_by(scored: BenchmarkReport) -> None:
    figures = [score.figure[0] for score in ranked(scored)]
    assert figures == sorted(figures, reverse=True)
    said = [re.search(r"([\d.]+) %", row) for row in to_markdown(scored).splitlines()[2:7]]
    assert [float(found[1]) for found in said if found] == pytest.approx([f * 100 for f in figures], abs=0.06)


def test_tables_of_markdown_are_whole(report: BenchmarkReport, scored: BenchmarkReport) -> None:
    text = to_markdown(report)
    assert table_widths(text)[:3] == [{8}, {7}, {5}] and table_widths(to_markdown(scored))[3] == {6}
    assert all(len(widths) == 1 for widths in (*table_widths(text), *table_widths(to_markdown(scored))))
    assert text.count("<details>") == text.count("</details>") == 2 + 3
    assert "SHA-256 5e5e5e5e5e5e" in text.splitlines()[-1]


def test_without_prices_statistics_and_judges_markdown_is_short(report: BenchmarkReport) -> None:
    bare = report.models[0].model_copy(
        update={"batch_per_1000": None, "realtime_per_1000": None, "break_even": ()}
    )
    small = report.model_copy(
        update={"models": (bare,), "comparisons": (), "judges": (), "frontier": (), "notes": ()}
    )
    assert "<details>" not in to_markdown(small) and "Judged" not in to_markdown(small)
    assert "Best for their price" not in printed(small)
    page = render_report(small)
    assert "judges-h" not in page and "compare-h" not in page and page.count('class="chart"') == 2


def test_tests_are_named_with_their_correction(report: BenchmarkReport, scored: BenchmarkReport) -> None:
    assert how_compared(report).startswith("Exact McNemar test")
    assert "corrected (Holm) for 4 comparisons" in how_compared(report)
    assert how_compared(scored).startswith("Paired bootstrap of the scores")
    grouped = [c.model_copy(update={"test": "cluster bootstrap"}) for c in report.comparisons]
    assert "groups of rows" in how_compared(report.model_copy(update={"comparisons": tuple(grouped)}))
    assert how_compared(report.model_copy(update={"comparisons": ()})) == ""


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"batch": 12300, "realtime": 9800},
            "from 12,300 requests on by batch, from 9,800 requests on in real time",
        ),
        ({"batch": 0}, "from 0 requests on by batch"),
        ({"realtime": 5, "note": "no batches"}, "from 5 requests on in real time (no batches)"),
        ({"note": "never: dearer"}, "never: dearer"),
        ({}, "never, or not known"),
    ],
)
def test_break_even_in_words(given: dict[str, object], words: str) -> None:
    assert break_even(BreakEven(other="m", **given)) == words  # type: ignore[arg-type]


def test_what_is_not_known_is_said_with_its_reason(report: BenchmarkReport) -> None:
    assert price_unknown(report) == {"the catalog has no price for this model": ["mystery"]}
    known, fresh = report.model("gpt-4.1"), report.model("mystery")
    assert cached(fresh) == ""
    assert cached(known) == "300 of 300 answers are from an earlier call (2026-01-02 03:04 UTC)"
    assert cached(known.model_copy(update={"answered_from": None})).endswith("from an earlier call")


@given(st.floats(-1, 1))
def test_differences_have_a_sign_or_are_nothing(difference: float) -> None:
    said = points(difference)
    assert re.fullmatch(r"0\.0|[+−]\d{1,3}\.\d", said)
    assert said.startswith("−") == (round(difference * 100, 1) < 0)


def test_intervals_that_are_not_there_are_dashes() -> None:
    assert between(None, 0.1) == points_between(0.1, None) == "–"
    assert points_between(-0.012, 0.05) == "−1.2 to +5.0"
    assert (p_value(0.0), p_value(0.0312), p_value(1.0)) == ("< 0.001", "0.031", "1.000")


def words_of(svg: str) -> str:
    return " ".join("".join(ET.fromstring(re.sub(r"xlink:href", "href", svg)).itertext()).split())


def test_the_frontier_shows_who_has_a_price(report: BenchmarkReport) -> None:
    svg = frontier_chart(report)
    assert svg is not None
    shown = words_of(svg)
    assert "gpt-4.1-mini" in shown and "mystery" not in shown
    label = ET.fromstring(re.sub(r"xlink:href", "href", svg)).get("aria-label") or ""
    assert [name for name in SHARES if name in label] == [
        n for n, price in PRICES.items() if price is not None
    ]
    assert "not shown, their prices being unknown: mystery" in " ".join(render_report(report).split())


@pytest.mark.parametrize("prices", [(), (0.0, 0.0), (None, None), (0.2, None), (1.0, 1.0)])
def test_without_two_prices_there_is_no_frontier(
    report: BenchmarkReport, prices: tuple[float | None, ...]
) -> None:
    points_ = tuple(
        FrontierPoint(model=score.model, quality=0.5, per_1000=price)
        for score, price in zip(report.models, prices, strict=False)
    )
    assert frontier_chart(report.model_copy(update={"frontier": points_})) is None


@pytest.mark.parametrize("prices", [(0.0, 0.4), (1e-5, 900.0), (0.3, 0.30001), (2.0, 3.0)])
@pytest.mark.parametrize("qualities", [(0.0, 1.0), (0.5, 0.5), (1.0, 0.9999)])
def test_names_stay_in_the_picture(
    report: BenchmarkReport, prices: tuple[float, float], qualities: tuple[float, float]
) -> None:
    made = tuple(
        FrontierPoint(model=score.model, quality=q, per_1000=p, best=True)
        for score, p, q in zip(report.models, prices, qualities, strict=False)
    )
    svg = frontier_chart(report.model_copy(update={"frontier": made}))
    assert svg is not None
    root = ET.fromstring(re.sub(r"xlink:href", "href", svg))
    width, height = map(float, (root.get("viewBox") or "").split()[2:])
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        x, y = text.get("x"), text.get("y")
        if x is not None and y is not None:
            assert -1 <= float(x) <= width and 0 <= float(y) <= height + 1, "".join(text.itertext())


def test_charts_share_their_rules(report: BenchmarkReport) -> None:
    sheet = Sheet()
    first, second = score_chart(report, sheet), frontier_chart(report, sheet) or ""
    assert " style=" not in first + second
    rules = dict(re.findall(r"\.chart \.(c\d+) { (.*) }", sheet.css))
    assert set(re.findall(r'class="(c\d+)"', first + second)) == set(rules)
    assert len(set(rules.values())) == len(rules)
    alone = score_chart(report)
    assert ' style="' in alone and words_of(alone) == words_of(first)


def test_mistakes_are_the_cells_beside_the_diagonal() -> None:
    found = mistakes(
        Confusion(labels=("a", "b"), columns=("a", "b", "other"), counts=((5, 3, 2), (4, 0, 0))), limit=2
    )
    assert [(m.right, m.answered, m.rows, m.share) for m in found] == [("b", "a", 4, 1.0), ("a", "b", 3, 0.3)]
    assert mistakes(Confusion(labels=("a",), columns=("a", "other"), counts=((5, 0),))) == []


def test_a_page_holds_no_more_texts_than_it_may(report: BenchmarkReport) -> None:
    rows = report.disagreements
    sizes = [len("".join((row.prompt, *row.expected, *row.answers.values()))) for row in rows]
    assert fitting(rows) == list(rows)
    for most in (sum(sizes) // 2, max(sizes), 0):
        kept = fitting(rows, most)
        taken = [size for row, size in zip(rows, sizes, strict=True) if row in kept]
        assert sum(taken) <= most
    half = fitting(rows, sum(sizes) // 2)
    places = [rows.index(row) for row in half]
    assert len(half) > len(rows) // 3 and places[0] < len(rows) // 4 and places[-1] > 3 * len(rows) // 4


def test_rows_of_scores_stand_the_widest_apart_first(
    report: BenchmarkReport, scored: BenchmarkReport
) -> None:
    assert widest_first(report) == list(report.disagreements)
    leads = [abs(lead_of(scored, row)) for row in widest_first(scored)]
    assert leads == sorted(leads, reverse=True) and leads[0] > leads[-1]
    assert lead_of(scored.model_copy(update={"rival": None}), scored.disagreements[0]) == 0


def test_many_right_answers_are_no_list_to_choose_from(report: BenchmarkReport) -> None:
    rows = list(report.disagreements)
    assert choices_of(row.expected for row in rows) == ["negative", "neutral", "positive"]
    assert choices_of([("a",), ("a",)]) == []
    assert choices_of((f"text {row.row}",) for row in rows) == []


def test_of_long_texts_fewer_are_shown_at_a_time() -> None:
    assert step_of([]) == step_of([10] * 200) == 50
    assert step_of([5_000] * 200) == 30
    assert step_of([50_000] * 200) == 10


def test_lineage_has_a_line_for_what_is_known_alone(report: BenchmarkReport) -> None:
    found = lineage_of(report, {"Job": "ftjob-1", "Nothing": None, "Empty": ""})
    assert list(found)[:4] == ["Run", "Data", "Split", "Settings"]
    assert found["Run"] == {"Job": "ftjob-1"}
    assert found["Settings"]["Max tokens"] == "8" and found["Settings"]["Temperature"] == "0"
    assert found["Model gpt-4.1"]["Answered before"].startswith("300 of 300 answers, given 2026-01-02")
    assert "Answered before" not in found["Model mystery"]
    assert found[f"Model {TUNED}"]["Batch"].startswith("batch_")
    assert "Run" not in lineage_of(report)


def test_the_split_is_found_by_its_content(tmp_path: Path) -> None:
    rows = [
        {"messages": [{"role": "user", "content": f"text {n}"}, {"role": "assistant", "content": "yes"}]}
        for n in range(40)
    ]
    source = tmp_path / "all.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    made = split(source, train=30, test=10, seed=3, out=tmp_path / "parts")
    part = made.parts["test"].path
    said = origin_of(part, sha256_file(part))
    assert said["Split"]["Part"] == "test (train 30, test 10 rows)"
    assert said["Split"]["Method"] == f"{made.method}, seed 3"
    assert said["Split"]["SHA-256 of the source"] == sha256_file(source)
    assert {"ftkit", "Python", "numpy"} <= set(said["Versions"])
    assert "Split" not in origin_of(part, "0" * 64), "the file has changed since"
    assert "Split" not in origin_of(source, sha256_file(source))
    (part.parent / "manifest.json").write_text("{}", encoding="utf-8")
    assert "Split" not in origin_of(part, sha256_file(part))


def test_texts_of_any_kind_are_rows(report: BenchmarkReport, tmp_path: Path) -> None:
    odd = disagreement(1, dict.fromkeys(SHARES, True), 3, random.Random(1)).model_copy(
        update={"prompt": "\x00\ud800 line\nbreak \u202e", "expected": ('"quoted" & <b>',)}
    )
    write_report(report.model_copy(update={"disagreements": (odd,), "notes": ()}), tmp_path / "odd.html")
    page = (tmp_path / "odd.html").read_text("utf-8")
    assert "&lt;b&gt;" in page and "line\nbreak" in page

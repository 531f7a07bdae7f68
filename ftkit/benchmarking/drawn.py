"""Draws benchmarks, their judges and comparisons of two runs for a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ftkit.benchmarking.phrases import break_even
from ftkit.benchmarking.words import (
    dollars,
    faults,
    interval,
    kind,
    measure,
    p_value,
    percent,
    points,
    points_between,
    ranked,
    remarks,
    seconds,
    whole,
)
from ftkit.display.html.card import card
from ftkit.display.html.elements import Html, code, element, folded, joined, notes, readable, table

if TYPE_CHECKING:
    from ftkit.benchmarking.judging.results import JudgeReport
    from ftkit.benchmarking.results import BenchmarkReport
    from ftkit.benchmarking.versus.results import ModelChange, RunComparison

_MOST_ROWS = 10
_TEXT = 300


def benchmark_html(report: BenchmarkReport) -> str:
    """The verdict, the models best first with a chart, what judges say, and rows that tell them apart."""
    about = f"{report.rows:,} rows, by {report.scored_by}, on {report.platform}"
    majority = ""
    if report.majority_label is not None and measure(report) == "Accuracy":
        majority = f"Always answering {report.majority_label!r} would reach {percent(report.majority_share)}."
    judged = (joined(_judge_parts(one)) for one in report.judges)
    said = [f"{', '.join(models)}: {note}." for note, models in remarks(report).items()]
    return str(
        card(
            "Benchmark",
            element("p", element("b", report.verdict)),
            _scores(report),
            element("p", majority, cls="quiet") if majority else "",
            _charts(report),
            *_pays(report),
            *judged,
            _disagreements(report),
            notes([*said, *report.notes]),
            about=about,
        )
    )


def _scores(report: BenchmarkReport) -> Html:
    confidence = f"{report.confidence * 100:.0f} % interval"
    headers = ("model", measure(report).lower(), confidence, "unusable", "time",
               "cost", "per 1,000")  # fmt: skip
    rows = []
    for score in ranked(report):
        name = element("span", code(score.model), f" ({kind(score)})")
        figures = (percent(score.figure[0]), interval(score), faults(score), seconds(score.seconds))
        rows.append((element("b", name) if score.model == report.reference else name, *figures,
                     dollars(score.cost), dollars(score.batch_per_1000)))  # fmt: skip
    return table(headers, rows, right=(1, 2, 4, 5, 6))


def _charts(report: BenchmarkReport) -> Html:
    from ftkit.benchmarking.charts import frontier_chart, score_chart

    drawn = (score_chart(report), frontier_chart(report))
    return joined(Html(readable(chart)) for chart in drawn if chart)


def _pays(report: BenchmarkReport) -> Iterator[Html]:
    for score in ranked(report):
        for one in score.break_even:
            yield element("p", f"When {score.model} pays against {one.other}: {break_even(one)}.")


def _disagreements(report: BenchmarkReport) -> Html:
    if not report.disagreements:
        return Html()
    names = list(dict.fromkeys(name for row in report.disagreements for name in row.answers))
    rows = [
        (
            f"{row.row:,}",
            row.prompt[-_TEXT:],
            " | ".join(row.expected),
            *(_answer(row.answers.get(name), row.correct.get(name)) for name in names),
        )
        for row in report.disagreements[:_MOST_ROWS]
    ]
    shown = table(("row", "question", "expected", *map(code, names)), rows, right=(0,))
    return folded(f"{report.disagreements_total:,} rows on which the best two differ", shown)


def _answer(text: str | None, right: bool | None) -> str | None:
    return None if text is None else f"{'✓' if right else '✗'} {text[:_TEXT]}"


def judges_html(report: JudgeReport) -> str:
    """What judges say, and how far they are to be believed."""
    about = f"{report.rows:,} rows of {', '.join(report.models)}"
    return str(card("Judges", *_judge_parts(report), about=about))


def _judge_parts(report: JudgeReport) -> Iterator[Html]:
    from ftkit.benchmarking.judging.show import tables_of

    yield element("p", element("b", report.verdict))
    for title, headers, rows in tables_of(report):
        yield table(headers, rows, right=range(2, len(headers)), caption=title)
    yield folded("The criteria", element("pre", report.criteria))
    yield notes(f"{note}." for note in report.notes)


def _changed(change: ModelChange) -> Html:
    if change.same:
        return code(change.model_b)
    return element("div", code(change.model_b), element("div", "against ", code(change.model_a), cls="quiet"))


def runs_html(comparison: RunComparison) -> str:
    """Two runs: what came of it, what was changed, and rows whose answers are others."""
    a, b = comparison.a.name, comparison.b.name
    rows = [
        (
            _changed(change),
            percent(change.figure_a),
            percent(change.figure_b),
            points(change.test.difference),
            points_between(change.test.low, change.test.high),
            p_value(change.test.p),
            whole(change.gained),
            whole(change.lost),
        )
        for change in comparison.changes
    ]
    headers = ("model", a, b, "points", "95 % interval", "p", "gained", "lost")
    settings = [(s.what, s.a or "–", s.b or "–") for s in comparison.settings]
    flips = [
        (f"{flip.row_b:,}", flip.prompt[-_TEXT:], flip.expected, flip.answer_a[:_TEXT], flip.answer_b[:_TEXT])
        for flip in comparison.flips[:_MOST_ROWS]
    ]
    return str(
        card(
            "Comparison of two runs",
            element("p", element("b", comparison.verdict)),
            table(headers, rows, right=range(1, 8)),
            table(("changed", a, b), settings) if settings else "",
            folded(
                f"{comparison.flips_total:,} rows that flipped",
                table(("row", "question", "expected", a, b), flips),
            )
            if flips
            else "",
            notes(comparison.notes),
            state="worse" if comparison.worse else None,
            tone="bad",
            about=f"{comparison.rows:,} rows in both",
        )
    )

"""Draws the report's charts as inline SVG, in colours that follow the page's light or dark theme.

matplotlib draws with stand-in colours; they are then exchanged for CSS variables of the page, the
fixed size for the width of its place, and ids for ones that are unique in the page. The same
report gives the same bytes.
"""

from __future__ import annotations

import html
import io
import re
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ftkit.benchmarking.results import BenchmarkReport, Confusion, ModelScore
from ftkit.benchmarking.words import interval, percent, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 3.8
"""Inches. Narrow, so that on a phone the words keep nearly their size."""
MAX_LABELS = 20
"""A larger confusion matrix cannot be read as a picture; the tables and the JSON have it."""

# stand-in colours: any that occur nowhere else
_INK, _QUIET, _LINE, _TUNED, _BASE, _HEAT, _ON_HEAT = (
    "#010203",
    "#010204",
    "#010205",
    "#010206",
    "#010207",
    "#010208",
    "#010209",
)
_THEME = {
    _INK: "var(--ink)",
    _QUIET: "var(--quiet)",
    _LINE: "var(--line)",
    _TUNED: "var(--tuned)",
    _BASE: "var(--base)",
    _HEAT: "var(--heat)",
    _ON_HEAT: "var(--on-heat)",
}
_SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ftkit",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.parse_math": False,
    "text.color": _INK,
}


def accuracy_chart(report: BenchmarkReport) -> str:
    """Bars of the models' accuracy, best on top, with interval whiskers and the majority class as a line."""
    from matplotlib import rc_context

    scores = sorted(report.models, key=lambda score: -score.correct)
    with rc_context(_SETTINGS):
        height = 0.46 * len(scores) + (0.7 if report.majority_share is not None else 0.5)
        figure, axes = _canvas(WIDTH, height)
        for place, score in enumerate(scores):
            colour = _TUNED if score.role == "tuned" else _BASE
            axes.barh(place, score.accuracy, height=0.42, color=colour)
            axes.plot([score.low, score.high], [place, place], color=_INK, linewidth=1.4)
            for end in (score.low, score.high):
                axes.plot([end, end], [place - 0.12, place + 0.12], color=_INK, linewidth=1.4)
            axes.text(0, place - 0.29, _named(score), va="bottom", ha="left")
            axes.text(1, place - 0.29, percent(score.accuracy), va="bottom", ha="right", weight="bold")
        _accuracy_axis(axes, len(scores), report.majority_share)
        words = "; ".join(f"{s.model} {percent(s.accuracy)} (interval {interval(s)})" for s in scores)
        return _svg(figure, "accuracy", f"Accuracy of each model: {words}")


def _named(score: ModelScore) -> str:
    """A model's name as far as it fits; a stand-in is not shown under another model's name alone."""
    return f"{shortened(score.model, 26)} (stand-in)" if score.stand_in_for else shortened(score.model, 34)


def _accuracy_axis(axes: Axes, count: int, majority: float | None) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(count - 0.5, -0.75)
    axes.set_yticks([])
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100 %"], color=_QUIET)
    axes.tick_params(length=0, pad=3)
    axes.set_axisbelow(True)
    axes.grid(axis="x", color=_LINE, linewidth=0.6)
    for side in axes.spines.values():
        side.set_visible(False)
    if majority is not None:
        axes.axvline(majority, color=_QUIET, linestyle=(0, (3, 2)), linewidth=1)
        left = majority > 0.5
        axes.annotate(
            f"majority {percent(majority)}",
            (majority, 0),
            xycoords=("data", "axes fraction"),
            xytext=(4 if left else -4, -24),
            textcoords="offset points",
            ha="right" if left else "left",
            color=_QUIET,
            fontsize=8,
        )


def confusion_chart(confusion: Confusion, name: str, model: str) -> str | None:
    """A model's confusion matrix, shaded by each row's share; None where there are too many labels."""
    if len(confusion.labels) > MAX_LABELS:
        return None
    from matplotlib import rc_context

    rows, columns = len(confusion.labels), len(confusion.columns)
    with rc_context(_SETTINGS):
        figure, axes = _canvas(WIDTH, 0.75 + max(0.34 * rows, 0.9))
        for row, counts in enumerate(confusion.counts):
            for column, count in enumerate(counts):
                _cell(axes, row, column, count, sum(counts))
        axes.set_xlim(0, columns)
        axes.set_ylim(rows, 0)
        longest = max(len(label) for label in confusion.columns)
        upright = longest * columns > 36
        names = [shortened(label, 14) for label in confusion.columns]
        middles = [column + 0.5 for column in range(columns)]
        axes.set_xticks(middles, names, rotation=50 if upright else 0, ha="left" if upright else "center")
        axes.xaxis.tick_top()
        axes.set_yticks(middles[:rows], names[:rows])
        axes.tick_params(length=0, pad=4, labelcolor=_INK)
        for side in axes.spines.values():
            side.set_visible(False)
        return _svg(figure, name, _confusion_words(confusion, model))


def _cell(axes: Axes, row: int, column: int, count: int, total: int) -> None:
    from matplotlib.patches import Rectangle

    share = count / total if total else 0.0
    box = Rectangle(
        (column + 0.02, row + 0.03), 0.96, 0.94, facecolor=_HEAT, alpha=round(0.06 + 0.94 * share, 3)
    )
    axes.add_patch(box)
    colour = _ON_HEAT if share > 0.85 else _INK if count else _QUIET
    axes.text(column + 0.5, row + 0.5, f"{count:,}", ha="center", va="center_baseline", color=colour)


def _confusion_words(confusion: Confusion, model: str) -> str:
    rows = []
    for label, counts in zip(confusion.labels, confusion.counts, strict=True):
        said = ", ".join(f"{n} as {c}" for n, c in zip(counts, confusion.columns, strict=True) if n)
        rows.append(f"{label}: {said or 'no rows'}")
    return f"Confusion matrix of {model}, right label first: {'; '.join(rows)}"


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of its own, without pyplot's global state; sizes are inches."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02))
    figure.patch.set_alpha(0)
    axes = figure.add_subplot()
    axes.patch.set_alpha(0)
    return figure, axes


def _svg(figure: Figure, name: str, words: str) -> str:
    out = io.StringIO()
    nothing: dict[str, Any] = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with warnings.catch_warnings():
        # matplotlib's own fonts only measure the words; the browser has the glyphs
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(out, format="svg", metadata=nothing)
    return _inlined(out.getvalue(), name, words)


def _inlined(svg: str, name: str, words: str) -> str:
    """An SVG document as a part of a page; ``name`` goes before its ids, ``words`` is what it says."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r"<[^>]*>", lambda tag: _own(tag[0], name), body)  # the words between stay as they are
    box = re.search(r'viewBox="([^"]+)"', body)
    assert box is not None, "matplotlib writes a viewBox"
    label = html.escape(words, quote=True)
    head = f'<svg class="chart" role="img" aria-label="{label}" viewBox="{box[1]}">'
    body = re.sub(r"<svg[^>]*>", lambda _: head, body, count=1)
    return body.strip()


def _own(tag: str, name: str) -> str:
    """One tag with ids of its own and with the page's colours."""
    tag = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', tag)
    tag = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", tag)
    for stand_in, variable in _THEME.items():
        tag = tag.replace(stand_in, variable)
    return tag


def legend_roles(report: BenchmarkReport) -> Sequence[str]:
    """The roles that occur, for the chart's legend."""
    return sorted({score.role for score in report.models}, reverse=True)

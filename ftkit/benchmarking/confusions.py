"""Shows what is taken for what: a confusion matrix as a picture, and its most frequent mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ftkit.benchmarking.drawing import HEAT, INK, ON_HEAT, QUIET, WIDTH, Sheet, canvas, style, to_svg
from ftkit.benchmarking.results import Confusion
from ftkit.benchmarking.words import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_LABELS = 20
"""A larger confusion matrix cannot be read as a picture; the mistakes and the JSON are there for it."""


class Mistake(NamedTuple):
    """Rows whose right label is ``right`` and that were answered ``answered``; ``share`` of the former."""

    right: str
    answered: str
    rows: int
    share: float


def mistakes(confusion: Confusion, limit: int = 5) -> list[Mistake]:
    """The most frequent mistakes, the most frequent first; of equals the one that stands first."""
    found = [
        Mistake(label, column, count, count / sum(counts))
        for label, counts in zip(confusion.labels, confusion.counts, strict=True)
        for column, count in zip(confusion.columns, counts, strict=True)
        if count and column != label
    ]
    return sorted(found, key=lambda mistake: -mistake.rows)[:limit]


def confusion_chart(confusion: Confusion, name: str, model: str, sheet: Sheet | None = None) -> str | None:
    """A model's confusion matrix, shaded by each row's share; None where there are too many labels."""
    if len(confusion.labels) > MAX_LABELS:
        return None
    rows, columns = len(confusion.labels), len(confusion.columns)
    with style():
        figure, axes = canvas(WIDTH, 0.75 + max(0.34 * rows, 0.9))
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
        axes.tick_params(length=0, pad=4, labelcolor=INK)
        return to_svg(figure, name, _confusion_words(confusion, model), sheet)


def _cell(axes: Axes, row: int, column: int, count: int, total: int) -> None:
    from matplotlib.patches import Rectangle

    share = count / total if total else 0.0
    box = Rectangle(
        (column + 0.02, row + 0.03), 0.96, 0.94, facecolor=HEAT, alpha=round(0.06 + 0.94 * share, 3)
    )
    axes.add_patch(box)
    colour = ON_HEAT if share > 0.85 else INK if count else QUIET
    axes.text(column + 0.5, row + 0.5, f"{count:,}", ha="center", va="center_baseline", color=colour)


def _confusion_words(confusion: Confusion, model: str) -> str:
    rows = []
    for label, counts in zip(confusion.labels, confusion.counts, strict=True):
        said = ", ".join(f"{n} as {c}" for n, c in zip(counts, confusion.columns, strict=True) if n)
        rows.append(f"{label}: {said or 'no rows'}")
    return f"Confusion matrix of {model}, right label first: {'; '.join(rows)}"

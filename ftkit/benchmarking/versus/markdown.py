"""The comparison of two runs as Markdown, for a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from ftkit.benchmarking.markdown import folded, plain, table
from ftkit.benchmarking.versus.page import price_change
from ftkit.benchmarking.versus.results import RunComparison
from ftkit.benchmarking.words import p_value, percent, points, points_between, shortened, whole

MAX_ROWS = 10
_WIDE = 160


def runs_to_markdown(comparison: RunComparison) -> str:
    """The verdict, the figures, what was changed, some rows; every value from outside is escaped."""
    lines = [plain(comparison.verdict), "", *_changes(comparison)]
    if comparison.notes:
        lines += ["", *(f"- {plain(note)}" for note in comparison.notes)]
    if comparison.settings:
        rows = [[plain(s.what), *(_short(v or "–", 80) for v in (s.a, s.b))] for s in comparison.settings]
        headers = ["Setting", plain(comparison.a.name), plain(comparison.b.name)]
        lines += ["", *folded("What was changed", list(table(headers, rows, ())))]
    if comparison.flips:
        shown = comparison.flips[:MAX_ROWS]
        title = f"Rows that flipped: {len(shown)} of {comparison.flips_total:,}"
        lines += ["", *folded(title, list(_flips(comparison)))]
    return "\n".join(lines) + "\n"


def _changes(comparison: RunComparison) -> Iterator[str]:
    names = [plain(comparison.a.name), plain(comparison.b.name)]
    headers = ["Model", *names, "Points", "95 % interval", "p", "Gained", "Lost", "1,000 requests"]
    rows = [
        [
            plain(c.model_b if c.same else f"{c.model_b} against {c.model_a}"),
            percent(c.figure_a),
            percent(c.figure_b),
            points(c.test.difference),
            points_between(c.test.low, c.test.high),
            p_value(c.test.p),
            whole(c.gained),
            whole(c.lost),
            price_change(c),
        ]
        for c in comparison.changes
    ]
    return table(headers, rows, range(1, 9))


def _flips(comparison: RunComparison) -> Iterator[str]:
    rows = [
        [
            _short(flip.prompt),
            _short(flip.expected, 60),
            f"{'✓' if flip.right_a else '✗'} {_short(flip.answer_a, 60)}",
            f"{'✓' if flip.right_b else '✗'} {_short(flip.answer_b, 60)}",
        ]
        for flip in comparison.flips[:MAX_ROWS]
    ]
    headers = ["Text", "Right answer", plain(comparison.a.name), plain(comparison.b.name)]
    return table(headers, rows, ())


def _short(text: str, width: int = _WIDE) -> str:
    return plain(shortened(" ".join(text.split()), width))

"""What the statistics show, in plain words."""

from __future__ import annotations

from math import ceil, floor, log10

from ftkit.benchmarking.statistics.levels import ALPHA


def p_words(p: float) -> str:
    """A p-value as it is written in a sentence: ``p < 0.001``, ``p = 0.003``, ``p = 0.27``."""
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def rows_words(rows: int) -> str:
    """A number of rows to two figures, rounded up: ``12``, ``140``, ``1,900``."""
    step = 10 ** max(floor(log10(max(rows, 1))) - 1, 0)
    return f"{ceil(rows / step) * step:,}"


def verdict_words(
    other: str,
    difference: float,
    p: float,
    low: float | None = None,
    high: float | None = None,
    *,
    detectable: float | None = None,
    needed: int | None = None,
) -> str:
    """What a paired comparison shows. Differences are shares (0.1 is 10 points), ``low`` to ``high`` the
    interval; ``detectable`` is the smallest difference that the rows could have shown, ``needed`` how
    many rows this one takes.

    "better than X by 3.1 points (1.2 to 5.0), p = 0.003"; "no difference from X is shown (0.8 points
    above, -0.4 to +2.0, p = 0.20): these rows show 1.7 points or more, you would need about 1,900 rows".
    """
    if p < ALPHA:
        return f"{_shown(other, difference, low, high)}, {p_words(p)}"
    lead = f"{_points(abs(difference))} points {'above' if difference > 0 else 'below'}"
    parts = [lead if difference else "equal", p_words(p)]
    if low is not None and high is not None:
        parts.insert(1, f"{_signed(low)} to {_signed(high)}")
    hints = [f"these rows show {_points(detectable)} points or more"] if detectable is not None else []
    if needed is not None:
        hints.append(f"you would need about {rows_words(needed)} rows")
    tail = f": {', '.join(hints)}" if hints else ""
    return f"no difference from {other} is shown ({', '.join(parts)}){tail}"


def _shown(other: str, difference: float, low: float | None, high: float | None) -> str:
    better = difference > 0
    text = f"{'better' if better else 'worse'} than {other} by {_points(abs(difference))} points"
    if low is None or high is None:
        return text
    least, most = (low, high) if better else (-high, -low)
    return f"{text} ({_points(least)} to {_points(most)})"


def _points(share: float) -> str:
    return f"{share * 100:.1f}"


def _signed(share: float) -> str:
    """Points with their sign, as a minus is written in a text; nothing before zero."""
    text = f"{share * 100:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")

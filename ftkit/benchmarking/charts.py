"""Draws what models reach and what they cost: bars with intervals, and quality over price."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ftkit.benchmarking.drawing import BASE, INK, LINE, QUIET, TUNED, WIDTH, Sheet, canvas, style, to_svg
from ftkit.benchmarking.results import BenchmarkReport, FrontierPoint, ModelScore
from ftkit.benchmarking.words import dollars, interval, measure, percent, ranked, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOG_FROM = 20
"""Prices this many times apart are shown on a logarithmic axis."""
_TICKS = ([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100 %"])


class Bar(NamedTuple):
    """One bar: its words, its end (0 to 1), its interval, and whether it is of the marked kind."""

    name: str
    value: float
    low: float
    high: float
    marked: bool


def score_chart(report: BenchmarkReport, sheet: Sheet | None = None) -> str:
    """Bars of the models, best on top, with interval whiskers and the majority class as a line."""
    bars = [Bar(_named(score), *score.figure, score.role == "tuned") for score in ranked(report)]
    said = "; ".join(
        f"{score.model} {percent(score.figure[0])} (interval {interval(score)})" for score in ranked(report)
    )
    majority = None if report.models[0].continuous else report.majority_share
    return bar_chart(bars, "score", f"{measure(report)} of each model: {said}", majority, sheet)


def bar_chart(
    bars: Sequence[Bar], name: str, words: str, majority: float | None = None, sheet: Sheet | None = None
) -> str:
    """Bars from 0 to 100 %, the first on top; ``name`` goes before its ids, ``words`` is what it says."""
    with style():
        figure, axes = canvas(WIDTH, 0.46 * len(bars) + (0.7 if majority is not None else 0.5))
        for place, bar in enumerate(bars):
            axes.barh(place, bar.value, height=0.42, color=TUNED if bar.marked else BASE)
            axes.plot([bar.low, bar.high], [place, place], color=INK, linewidth=1.4)
            for end in (bar.low, bar.high):
                axes.plot([end, end], [place - 0.12, place + 0.12], color=INK, linewidth=1.4)
            axes.text(0, place - 0.29, bar.name, va="bottom", ha="left")
            axes.text(1, place - 0.29, percent(bar.value), va="bottom", ha="right", weight="bold")
        _share_axis(axes, len(bars), majority)
        return to_svg(figure, name, words, sheet)


def _named(score: ModelScore) -> str:
    """A model's name as far as it fits; a stand-in is not shown under another model's name alone."""
    return f"{shortened(score.model, 26)} (stand-in)" if score.stand_in_for else shortened(score.model, 34)


def _share_axis(axes: Axes, count: int, majority: float | None) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(count - 0.5, -0.75)
    axes.set_yticks([])
    axes.set_xticks(*_TICKS, color=QUIET)
    axes.tick_params(length=0, pad=3)
    axes.set_axisbelow(True)
    axes.grid(axis="x", color=LINE, linewidth=0.6)
    if majority is not None:
        axes.axvline(majority, color=QUIET, linestyle=(0, (3, 2)), linewidth=1)
        left = majority > 0.5
        axes.annotate(
            f"majority {percent(majority)}",
            (majority, 0),
            xycoords=("data", "axes fraction"),
            xytext=(4 if left else -4, -24),
            textcoords="offset points",
            ha="right" if left else "left",
            color=QUIET,
            fontsize=8,
        )


def frontier_chart(report: BenchmarkReport, sheet: Sheet | None = None) -> str | None:
    """Quality over the price of 1,000 requests, with the frontier; None where no two prices differ."""
    points = sorted(
        (point for point in report.frontier if point.per_1000 is not None),
        key=lambda point: (point.per_1000 or 0.0, -point.quality),
    )
    prices = [point.per_1000 or 0.0 for point in points]
    if len(set(prices)) < 2:
        return None
    with style():
        figure, axes = canvas(WIDTH, 2.7)
        _price_axis(axes, prices)
        _quality_axis(axes, points)
        _frontier_line(axes, points)
        for point in points:
            tuned = report.model(point.model).role == "tuned"
            colour = TUNED if tuned else BASE
            axes.plot([point.per_1000 or 0.0], [point.quality], "o", color=colour, markersize=7, zorder=3)
        _name_points(figure, axes, points)
        said = "; ".join(f"{p.model} {percent(p.quality)} at {dollars(p.per_1000)}" for p in points)
        return to_svg(figure, "frontier", f"Quality and price of 1,000 requests: {said}", sheet)


def _price_axis(axes: Axes, prices: Sequence[float]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    low, high = min(prices), max(prices)
    if low > 0 and high / low >= LOG_FROM:
        axes.set_xscale("log")
        axes.set_xlim(low / 1.6, high * 1.6)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 500 else (1,)))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.set_xlim(low - 0.08 * (high - low), high + 0.12 * (high - low))
        axes.locator_params(axis="x", nbins=4)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"${value:g}" if value >= 0 else ""))
    axes.tick_params(length=0, pad=4, labelcolor=QUIET)
    axes.grid(color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("US dollars for 1,000 requests, by batch", color=QUIET, fontsize=8)


def _quality_axis(axes: Axes, points: Sequence[FrontierPoint]) -> None:
    from matplotlib.ticker import FuncFormatter

    low, high = min(p.quality for p in points), max(p.quality for p in points)
    room = max(0.25 * (high - low), 0.04)  # for the names above and below the outermost points
    axes.set_ylim(max(low - room, -0.02), min(high + room, 1.06))
    axes.locator_params(axis="y", nbins=5)
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value * 100:g} %" if 0 <= value <= 1 else "")
    )


def _frontier_line(axes: Axes, points: Sequence[FrontierPoint]) -> None:
    best = [point for point in points if point.best]
    prices, shares = [p.per_1000 or 0.0 for p in best], [p.quality for p in best]
    axes.step(prices, shares, where="post", color=QUIET, linewidth=1.2, linestyle=(0, (3, 2)))


def _name_points(figure: Figure, axes: Axes, points: Sequence[FrontierPoint]) -> None:
    """Write each model's name where it covers no other name and no point, as far as there is such a place."""
    figure.draw_without_rendering()  # the layout is known after it
    spots = [axes.transData.transform((p.per_1000 or 0.0, p.quality)) * 72 / figure.dpi for p in points]
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in spots]
    right_edge = figure.get_figwidth() * 72
    for point, (x, y) in zip(points, spots, strict=True):
        name = shortened(point.model, 24)
        long = 4.4 * len(name)
        places = [(dx, dy) for dy in (5, -13, 15, -23) for dx in (5 - long / 2, 6, -6 - long)]
        free = [
            (dx, dy)
            for dx, dy in places
            if x + dx > 0 and x + dx + long < right_edge and not _covers(x + dx, y + dy, long, taken)
        ]
        dx, dy = free[0] if free else (max(4 - x, min(5 - long / 2, right_edge - long - 4 - x)), 5)
        taken.append((x + dx, y + dy, x + dx + long, y + dy + 8))
        where = (point.per_1000 or 0.0, point.quality)
        label = axes.annotate(name, where, xytext=(dx, dy), textcoords="offset points", fontsize=8)
        label.set_in_layout(False)  # the points stay where they were measured


def _covers(x: float, y: float, long: float, taken: Sequence[tuple[float, float, float, float]]) -> bool:
    return any(x < right and left < x + long and y < top and low < y + 8 for left, low, right, top in taken)


def legend_roles(report: BenchmarkReport) -> Sequence[str]:
    """The roles that occur, for the chart's legend."""
    return sorted({score.role for score in report.models}, reverse=True)

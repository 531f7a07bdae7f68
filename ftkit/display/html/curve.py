"""Draws curves as SVG quickly enough to be drawn anew with every step of a job."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from ftkit.display.html.elements import Html, element, joined

Points = Sequence[tuple[float, float]]
MOST_POINTS = 240
_WIDTH, _HEIGHT = 480, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 8, 20, 20
_COLOURS = ("var(--busy,#0969da)", "var(--warn,#9a6700)", "var(--good,#1a7f37)")


def curves(lines: Mapping[str, Points], across: str = "step", until: float | None = None) -> Html | None:
    """Curves by name over ``across``, as wide as what there will be; None where none of them has two points.

    ``until`` is where they will end: a curve that grows then grows to the right, and keeps its form.
    What is not finite (a loss that has run away) is left out; long curves are thinned to means.
    """
    drawn = {name: thinned([p for p in points if _finite(p)]) for name, points in lines.items()}
    drawn = {name: points for name, points in drawn.items() if points}
    if all(len(points) < 2 for points in drawn.values()):
        return None
    every = [point for points in drawn.values() for point in points]
    box = _Box(every, until)
    body = [*box.axes(across)]
    for number, (name, points) in enumerate(drawn.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        body += _line(points, box, colour)
        body.append(_text(_LEFT + 4 + 120 * number, _TOP - 7, name, fill=colour))
    label = "; ".join(f"{name} {points[0][1]:.4g} to {points[-1][1]:.4g}" for name, points in drawn.items())
    return element(
        "svg", joined(body), cls="chart", role="img", aria_label=label, viewBox=f"0 0 {_WIDTH} {_HEIGHT}"
    )


def thinned(points: Points, most: int = MOST_POINTS) -> list[tuple[float, float]]:
    """At most ``most`` points, each the mean of those in its place."""
    if len(points) <= most:
        return list(points)
    edges = [len(points) * n // most for n in range(most + 1)]
    parts = (points[a:b] for a, b in pairwise(edges))
    return [(sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)) for part in parts]


class _Box:
    """Where a point stands in the picture."""

    def __init__(self, points: Points, until: float | None) -> None:
        xs, ys = [x for x, _ in points], [y for _, y in points]
        self.x0, self.x1, self.y0, self.y1 = min(xs), max(*xs, until or xs[0]), min(ys), max(ys)

    def place(self, point: tuple[float, float]) -> tuple[float, float]:
        """Of a point in the units of its curve."""
        x = (point[0] - self.x0) / ((self.x1 - self.x0) or 1.0)
        y = (point[1] - self.y0) / ((self.y1 - self.y0) or 1.0)
        return _LEFT + x * (_WIDTH - _LEFT - _RIGHT), _HEIGHT - _BOTTOM - y * (_HEIGHT - _TOP - _BOTTOM)

    def axes(self, across: str) -> list[Html]:
        """The frame, with the least and the greatest value either way."""
        bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
        frame = [(_LEFT, _TOP, _LEFT, bottom), (_LEFT, bottom, right, bottom)]
        made = [
            element("line", x1=a, y1=b, x2=c, y2=d, stroke="var(--quiet,#888)", stroke_width=1)
            for a, b, c, d in frame
        ]
        made.append(_text(_LEFT - 4, _TOP + 8, f"{self.y1:.3g}", end=True))
        if self.y1 > self.y0:
            made.append(_text(_LEFT - 4, bottom, f"{self.y0:.3g}", end=True))
        made.append(_text(_LEFT, _HEIGHT - 5, f"{across} {self.x0:g}"))
        made.append(_text(right, _HEIGHT - 5, f"{self.x1:g}", end=True))
        return made


def _line(points: Points, box: _Box, colour: str) -> list[Html]:
    places = [box.place(point) for point in points]
    if len(places) == 1:
        return [element("circle", cx=f"{places[0][0]:.1f}", cy=f"{places[0][1]:.1f}", r=2.5, fill=colour)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return [element("polyline", points=path, fill="none", stroke=colour, stroke_width=1.6)]


def _text(x: float, y: float, text: str, *, end: bool = False, fill: str | None = None) -> Html:
    anchor = "end" if end else None
    style = f"fill:{fill}" if fill else None
    return element("text", text, x=x, y=y, font_size=10, text_anchor=anchor, style=style)


def _finite(point: tuple[float, float]) -> bool:
    return math.isfinite(point[0]) and math.isfinite(point[1])

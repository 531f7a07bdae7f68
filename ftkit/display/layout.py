"""Lays out a board's lines in columns for a terminal of any width: what matters least is left out first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from ftkit.display.board import Line, shorten

BARS = "▁▂▃▄▅▆▇█"
FULL, EMPTY = "━", "─"
MARKS = {"running": "•", "good": "✓", "bad": "✗"}
_SHORTEST_ID = 10
_HOUR, _DAY = 3600, 86_400

_SHORT = {"validation loss": "val", "accuracy": "acc", "loss": "loss", "reward": "reward"}
_KEPT_FIRST = ("step", "loss", "left", "bar", "series", "validation loss", "elapsed", "accuracy", "reward")
_ORDER = (
    "bar", "step", "loss", "validation loss", "accuracy", "reward", "series", "elapsed", "left"
)  # fmt: skip
_FLEXIBLE = {"bar": (5, 20), "series": (5, 24)}  # narrowest and widest


class Cell(NamedTuple):
    """A piece of a line; ``kind`` says what it is, for its colour."""

    kind: str
    text: str


def lay_out(lines: Sequence[Line], width: int, now: float) -> list[list[Cell]]:
    """The lines' cells, in columns, none wider than ``width``; ``now`` is of :func:`time.monotonic`."""
    cells = [_cells(line, now) for line in lines]
    ids, states = _widest(line.id for line in lines), _widest(line.state for line in lines)
    states = min(states, max(width // 4, 7))
    chosen, widths, room = _choose(cells, width - 2 - min(ids, _SHORTEST_ID) - 1 - states)
    id_width = min(ids, _SHORTEST_ID + max(0, room))
    widths = _stretch(widths, room - (id_width - min(ids, _SHORTEST_ID)))
    made = []
    for line, found in zip(lines, cells, strict=True):
        head = [Cell("mark", MARKS[_mark(line)]), Cell("id", shorten(line.id, id_width).ljust(id_width))]
        head.append(Cell(_mark(line), shorten(line.state, states).ljust(states)))
        rest = [Cell(kind, _drawn(kind, line, found, widths[kind])) for kind in chosen]
        made.append([*head, *rest])
    return made


def _mark(line: Line) -> str:
    return "running" if not line.ended else "good" if line.ok else "bad"


def _cells(line: Line, now: float) -> dict[str, str]:
    """The texts of a line's columns; those that are drawn to a width are only named here."""
    found = {}
    if line.done is not None:
        found["step"] = f"{line.done:.0f}" + (f"/{line.total:.0f}" if line.total else "")
        if line.total:
            found["bar"] = ""
    for name, value in line.figures.items():
        number = f"{value:.0%}" if name.endswith("accuracy") else f"{value:.3g}"
        found[name] = f"{_SHORT.get(name, name)} {number}"
    if len(line.series) > 1:
        found["series"] = ""
    since = 0.0 if line.ended else max(0.0, now - line.at)
    if line.elapsed or since:
        found["elapsed"] = clock(line.elapsed + since)
    if line.left is not None and not line.ended:
        found["left"] = left_text(max(0.0, line.left - since), line.finish)
    return found


def _choose(cells: Sequence[dict[str, str]], room: int) -> tuple[list[str], dict[str, int], int]:
    """The columns that fit, in their order, their widths, and the room that is left."""
    widths: dict[str, int] = {}
    for kind in _KEPT_FIRST:
        texts = [found[kind] for found in cells if kind in found]
        if not texts:
            continue
        width = _FLEXIBLE[kind][0] if kind in _FLEXIBLE else _widest(texts)
        if width + 1 <= room:
            widths[kind] = width
            room -= width + 1
    return [kind for kind in _ORDER if kind in widths], widths, room


def _stretch(widths: dict[str, int], room: int) -> dict[str, int]:
    """Give the room that is left to the columns that are drawn."""
    stretched = dict(widths)
    for share, kind in enumerate(reversed([k for k in _FLEXIBLE if k in widths])):
        parts = sum(k in widths for k in _FLEXIBLE) - share
        more = min(_FLEXIBLE[kind][1] - widths[kind], max(0, room) // parts)
        stretched[kind] += more
        room -= more
    return stretched


def _drawn(kind: str, line: Line, found: dict[str, str], width: int) -> str:
    if kind == "bar" and kind in found:
        return bar(line.done or 0.0, line.total or 1.0, width)
    if kind == "series" and kind in found:
        return sparkline(line.series, width).ljust(width)
    text = found.get(kind, "")
    return text.rjust(width) if kind in ("step", "elapsed", "left") else text.ljust(width)


def bar(done: float, total: float, width: int) -> str:
    """``━━━──``."""
    full = round(width * min(max(done / total, 0.0), 1.0))
    return FULL * full + EMPTY * (width - full)


def sparkline(values: Sequence[float], width: int) -> str:
    """A curve of block characters, at most ``width`` wide: the mean of what falls on each."""
    count = min(width, len(values))
    edges = [len(values) * i // count for i in range(count + 1)] if count else []
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    if not means:
        return ""
    low, high = min(means), max(means)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(BARS[round((mean - low) * scale)] for mean in means)


def clock(seconds: float) -> str:
    """``0:45``, ``12:31``, ``3:04:05``, ``2d 03:04``."""
    whole = int(seconds)
    if whole >= _DAY:
        return f"{whole // _DAY}d {whole % _DAY // _HOUR:02}:{whole % _HOUR // 60:02}"
    if whole >= _HOUR:
        return f"{whole // _HOUR}:{whole % _HOUR // 60:02}:{whole % 60:02}"
    return f"{whole // 60}:{whole % 60:02}"


def left_text(seconds: float, finish: datetime | None) -> str:
    """``-5:00``, as a player counts down; the time of day (of this machine) where it is over an hour."""
    if seconds < _HOUR or finish is None:
        return f"-{clock(seconds)}"
    return f"ends {finish.astimezone():{'%H:%M' if seconds < _DAY else '%a %H:%M'}}"


def _widest(texts: Iterable[str]) -> int:
    return max(map(len, texts), default=0)

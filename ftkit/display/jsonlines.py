"""Progress as one JSON object per line, for programs that call the command."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

from ftkit.display.base import Progress
from ftkit.display.board import Board, Line
from ftkit.display.rate import Rate


class _JsonProgress:
    def __init__(self, display: JsonDisplay, title: str, total: float | None, unit: str) -> None:
        self.display, self.title, self.total, self.unit = display, title, total, unit
        self._last = 0.0
        self._rate = Rate() if unit == "B" else None

    def update(self, done: float, total: float | None = None, text: str | None = None) -> None:
        if self._rate is not None:
            self._rate.update(done)
        self.total = total if total is not None else self.total
        if time.monotonic() - self._last >= 1.0:
            self._last = time.monotonic()
            fields = {"work": self.title, "done": done, "total": self.total, "unit": self.unit, "text": text}
            self.display.write("progress", **fields, **self._speed())

    def _speed(self) -> dict[str, float | None]:
        """Of bytes: ``rate`` a second and ``seconds_left``, where they are known."""
        if self._rate is None:
            return {}
        found = {"rate": self._rate.per_second(), "seconds_left": self._rate.seconds_left(self.total)}
        return {name: None if value is None else round(value, 1) for name, value in found.items()}


class _JsonBoard:
    """``state`` whenever a thing's state changes, ``event`` for each line of its log, never thinned."""

    def __init__(self, display: JsonDisplay) -> None:
        self._display = display
        self._lines: dict[str, Line] = {}

    def show(self, line: Line) -> None:
        before = self._lines.get(line.id)
        self._lines[line.id] = line
        if before is None or (before.state, before.finish) != (line.state, line.finish):
            self._display.write("state", **_as_record(line))

    def event(
        self,
        line_id: str,
        text: str,
        *,
        level: str = "info",
        metrics: bool = False,
        record: Mapping[str, Any],
    ) -> None:
        own = {"event_type" if name == "type" else name: value for name, value in record.items()}
        figures = _figures(self._lines[line_id]) if metrics else None
        fields = {"job": line_id, "text": text, "level": level, **own, "figures": figures}
        self._display.write("event", **fields)


def _as_record(line: Line) -> dict[str, Any]:
    ends = {"ok": line.ok, "result": line.result} if line.ended else {}
    left = None if line.left is None else round(line.left, 1)
    finish = None if line.finish is None else line.finish.isoformat(timespec="seconds")
    times = {"elapsed_seconds": round(line.elapsed, 1), "seconds_left": left, "estimated_finish": finish}
    figures = _figures(line)
    return {
        "job": line.id,
        "state": line.state,
        "ended": line.ended,
        **ends,
        **times,
        "figures": figures or None,
    }


def _figures(line: Line) -> dict[str, float]:
    named = {"step": line.done, "total_steps": line.total, **line.figures}
    finite = {name: v for name, v in named.items() if v is not None and math.isfinite(v)}
    return {name.replace(" ", "_"): value for name, value in finite.items()}


class JsonDisplay:
    """``{"type": "note", "text": ...}`` and so on, at most one progress object per second."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, kind: str, **fields: Any) -> None:
        """One object on one line; empty fields are left out. ASCII, for any stream can say that."""
        record = {"type": kind, **{k: v for k, v in fields.items() if v not in (None, "")}}
        print(json.dumps(record), file=self.stream, flush=True)

    def note(self, text: str) -> None:
        """``type`` is ``note``."""
        self.write("note", text=text)

    def warn(self, text: str) -> None:
        """``type`` is ``warning``."""
        self.write("warning", text=text)

    def event(self, text: str) -> None:
        """``type`` is ``event``."""
        self.write("event", text=text)

    @contextmanager
    def board(self, title: str, count: int) -> Iterator[Board]:
        """``type`` is ``state`` where a thing's state changes, and ``event`` with all that its log says."""
        yield _JsonBoard(self)

    @contextmanager
    def work(self, title: str, total: float | None = None, unit: str = "") -> Iterator[Progress]:
        """``type`` is ``start``, ``progress`` and ``end``; the last has ``ok`` and ``seconds``."""
        started = time.monotonic()
        self.write("start", work=title, total=total, unit=unit)
        ok = False
        try:
            yield _JsonProgress(self, title, total, unit)
            ok = True
        finally:
            self.write("end", work=title, ok=ok, seconds=round(time.monotonic() - started, 3))

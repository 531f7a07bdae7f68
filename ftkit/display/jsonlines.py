"""Progress as one JSON object per line, for programs that call the command."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from ftkit.display.base import Progress
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

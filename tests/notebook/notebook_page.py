"""What a browser sees of a piece of HTML; and how a local platform is ended."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from html.parser import HTMLParser
from pathlib import Path

VOID = {"br", "circle", "line", "polyline", "rect", "use", "path"}
PROJECT = Path(__file__).resolve().parents[2]


def kill_local(state: Path) -> None:
    """End the local platform of a state directory, if one runs."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, json.JSONDecodeError):
        os.kill(json.loads((state / "local" / "server.json").read_text())["pid"], signal.SIGKILL)


class Page(HTMLParser):
    """What a browser sees of a piece of HTML: tags, attributes, text; it must be well formed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == [], f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self._open and self._open[-1] == tag, f"</{tag}> within {self._open}"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.words += data

    def harmless(self) -> bool:
        """Whether nothing in it can run or load anything."""
        active = {"script", "iframe", "object", "embed", "img", "link", "form", "base", "meta", "a"}
        return not active & set(self.tags) and not any(name.startswith("on") for name, _ in self.attributes)

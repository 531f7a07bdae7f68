"""Escaped pieces of HTML: whatever is put in becomes text, unless it was made here."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any, Literal

Tone = Literal["good", "bad", "warn", "busy", "plain"]
"""What a mark says by its colour; the words beside it say the same."""

_LONG = 32
"""A text in a cell that has more characters is given some width."""
_VOID = frozenset({"br", "circle", "line", "polyline", "rect"})


class Html(str):
    """HTML that was made here and is put into a page as it is; any other text is escaped."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        """Itself: what a notebook draws."""
        return str(self)


def safe(value: Any) -> Html:
    """``value`` as HTML: its text, escaped; nothing for None."""
    if isinstance(value, Html):
        return value
    return Html("" if value is None else html.escape(readable(str(value)), quote=True))


def readable(text: str) -> str:
    """``text`` with a mark for each character that no page may hold, and for what turns writing around."""
    return "".join(c if c in "\n\t" or c.isprintable() else "\ufffd" for c in text)


def element(tag: str, *content: Any, **attributes: Any) -> Html:
    """``<tag ...>content</tag>``; ``cls`` is the class, ``_`` in a name becomes ``-``, None is left out."""
    named = (("class" if name == "cls" else name.replace("_", "-"), value)
             for name, value in attributes.items() if value is not None)  # fmt: skip
    head = tag + "".join(f' {name}="{safe(str(value))}"' for name, value in named)
    return Html(f"<{head}/>" if tag in _VOID else f"<{head}>{joined(content)}</{tag}>")


def joined(pieces: Iterable[Any], between: str = "") -> Html:
    """Several pieces as one."""
    return Html(str(safe(between)).join(str(safe(piece)) for piece in pieces))


def pill(text: str, tone: Tone = "plain") -> Html:
    """A short word in a frame, such as a state."""
    return element("span", text, cls=f"pill {tone}")


def code(text: Any) -> Html:
    """An id, a path, or another name as a machine has it."""
    return element("code", text)


def bar(share: float, tone: Tone = "busy") -> Html:
    """A bar that is filled to ``share`` (0 to 1)."""
    width = f"width:{100 * min(max(share, 0.0), 1.0):.1f}%"
    return element("span", element("span", "", cls=f"fill {tone}", style=width), cls="bar")


def table(
    headers: Sequence[Any], rows: Iterable[Sequence[Any]], *, right: Iterable[int] = (), caption: Any = None
) -> Html:
    """Rows under headers; columns whose numbers (from 0) are in ``right`` hold figures."""
    figures = frozenset(right)

    def line(cells: Sequence[Any], tag: str) -> Html:
        made = (
            element(tag, cell, cls="n" if n in figures else "long" if _is_long(cell) else None)
            for n, cell in enumerate(cells)
        )
        return element("tr", joined(made))

    head = element("thead", line(headers, "th"))
    body = element("tbody", joined(line(cells, "td") for cells in rows))
    title = () if caption is None else (element("caption", caption),)
    return element("div", element("table", *title, head, body), cls="wide")


def _is_long(cell: Any) -> bool:
    return isinstance(cell, str) and not isinstance(cell, Html) and len(cell) > _LONG


def fields(pairs: Iterable[tuple[Any, Any]]) -> Html:
    """Names with their values; those without a value are left out."""
    kept = ((name, value) for name, value in pairs if value not in (None, "", (), [], {}))
    lines = (element("tr", element("th", name, scope="row"), element("td", value)) for name, value in kept)
    return element("table", element("tbody", joined(lines)), cls="fields")


def notes(lines: Iterable[Any]) -> Html:
    """Sentences that must be read with the figures."""
    made = [element("p", line, cls="note") for line in lines]
    return joined(made)


def folded(title: Any, *content: Any, opened: bool = False) -> Html:
    """Something to open where a person wants it; it may be open from the beginning."""
    return element("details", element("summary", title), *content, open="" if opened else None)


def shortly(value: Any, most: int = 200) -> str:
    """A value in words, its end left out where it is long."""
    if isinstance(value, dict):
        text = ", ".join(f"{name} {inner}" for name, inner in value.items())
    elif isinstance(value, list | tuple):
        text = ", ".join(map(str, value))
    elif isinstance(value, int) and not isinstance(value, bool):
        text = f"{value:,}"
    elif isinstance(value, float):
        text = f"{value:,.6g}"
    else:
        text = str(value)
    return text if len(text) <= most else f"{text[:most]}…"

"""Turns matplotlib's figures into inline SVG that follows the page: its theme, its width, its policy.

matplotlib draws with stand-in colours; they are then exchanged for CSS variables of the page, the
fixed size for the width of its place, and ids for ones that are unique in the page. A page with a
strict content policy has no style attributes: a :class:`Sheet` makes classes of them. The same
figure gives the same bytes.
"""

from __future__ import annotations

import html
import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 3.8
"""Inches. Narrow, so that on a phone the words keep nearly their size."""

# stand-in colours: any that occur nowhere else
INK, QUIET, LINE, TUNED, BASE, HEAT, ON_HEAT = (
    "#010203",
    "#010204",
    "#010205",
    "#010206",
    "#010207",
    "#010208",
    "#010209",
)
_THEME = {
    INK: "var(--ink)",
    QUIET: "var(--quiet)",
    LINE: "var(--line)",
    TUNED: "var(--tuned)",
    BASE: "var(--base)",
    HEAT: "var(--heat)",
    ON_HEAT: "var(--on-heat)",
}
_SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ftkit",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.parse_math": False,
    "text.color": INK,
}


class Sheet:
    """The style rules of all charts of one page."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def name(self, declarations: str) -> str:
        """The class that stands for these declarations."""
        return self._names.setdefault(declarations, f"c{len(self._names)}")

    @property
    def css(self) -> str:
        """All rules, in the order in which they were first needed."""
        return "".join(f".chart .{name} {{ {rule} }}\n" for rule, name in self._names.items())


@contextmanager
def style() -> Iterator[None]:
    """matplotlib's settings while a chart is drawn."""
    from matplotlib import rc_context

    with rc_context(_SETTINGS):
        yield


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of its own, without pyplot's global state; sizes are inches."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02))
    figure.patch.set_alpha(0)
    axes = figure.add_subplot()
    axes.patch.set_alpha(0)
    for side in axes.spines.values():
        side.set_visible(False)
    return figure, axes


def to_svg(figure: Figure, name: str, words: str, sheet: Sheet | None = None) -> str:
    """The figure as a part of a page; ``name`` goes before its ids, ``words`` is what it says.

    Without a ``sheet`` the styles stay attributes, and the picture can stand alone.
    """
    out = io.StringIO()
    nothing: dict[str, Any] = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with warnings.catch_warnings():
        # matplotlib's own fonts only measure the words; the browser has the glyphs
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(out, format="svg", metadata=nothing)
    return _inlined(out.getvalue(), name, words, sheet)


def _inlined(svg: str, name: str, words: str, sheet: Sheet | None) -> str:
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r"<[^>]*>", lambda tag: _own(tag[0], name, sheet), body)  # the words between stay
    box = re.search(r'viewBox="([^"]+)"', body)
    assert box is not None, "matplotlib writes a viewBox"
    label = html.escape(words, quote=True)
    head = f'<svg class="chart" role="img" aria-label="{label}" viewBox="{box[1]}">'
    body = re.sub(r"<svg[^>]*>", lambda _: head, body, count=1)
    return body.strip()


def _own(tag: str, name: str, sheet: Sheet | None) -> str:
    """One tag with ids of its own and with the page's colours."""
    tag = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', tag)
    tag = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", tag)
    for stand_in, variable in _THEME.items():
        tag = tag.replace(stand_in, variable)
    if sheet is None:
        return tag
    return re.sub(r' style="([^"]*)"', lambda found: f' class="{sheet.name(found[1])}"', tag)

"""Makes self-contained pages: one file with its style and script in it, and a policy that allows no more.

Every value is escaped. The page loads nothing from anywhere and sends nothing anywhere: its content
security policy names the hashes of its own style and script (CSP Level 3, section 6.7.3), so that
nothing else would be run even if it got in.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from importlib import resources
from typing import TYPE_CHECKING, Any

from ftkit.benchmarking import phrases, words
from ftkit.benchmarking.statistics import ALPHA, rows_words
from ftkit.display.html.elements import Html

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from ftkit.benchmarking.drawing import Sheet

FOLDER = "templates"
MOST_DISPUTES = 20
"""Of judges, shown on a page; the judges' own record has more."""


def render_page(template: str, sheet: Sheet, **values: Any) -> str:
    """The page that ``template`` makes of ``values``; the same arguments give the same text.

    ``sheet`` holds the rules of the charts, which are drawn before.
    """
    from markupsafe import Markup

    style = f"{_read('report.css')}{sheet.css}"
    script = _read("report.js")
    page: str = (
        _environment()
        .get_template(template)
        .render(
            style=Markup(style),
            script=Markup(script),
            policy=_policy(style, script),
            **{name: _trusted(value) for name, value in values.items()},
        )
    )
    return page.encode("utf-8", "replace").decode()  # half a surrogate pair is no character


class Svg(str):
    """A chart of ours: markup, not a text to be escaped."""

    __slots__ = ()


def _trusted(value: Any) -> Any:
    from markupsafe import Markup

    if isinstance(value, Svg | Html):
        return Markup(str(value))
    if isinstance(value, dict):
        return {name: _trusted(one) for name, one in value.items()}
    if type(value) in (list, tuple):
        return [_trusted(one) for one in value]
    return value


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("ftkit.benchmarking", FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        percent=words.percent,
        figure=words.figure,
        whole=words.whole,
        seconds=words.seconds,
        dollars=words.dollars,
        points=words.points,
        p=words.p_value,
        breakable=_breakable,
    )
    from ftkit.benchmarking.judging.show import tables_of

    said: list[Callable[..., object]] = [
        *(words.between, words.cost_unknown, words.faults, words.interval, words.kind, words.measure),
        *(words.points_between, words.remarks, phrases.break_even, phrases.cached, tables_of),
        *(phrases.lead_of, phrases.price_unknown, phrases.how_compared, rows_words),
    ]
    made.globals.update({one.__name__: one for one in said}, alpha=ALPHA, most_disputes=MOST_DISPUTES)
    return made


def _breakable(text: str) -> Markup:
    """An id or a path with places where a narrow table may break it."""
    from markupsafe import Markup, escape

    broken = str(escape(text))
    for sign in ("/", "-", ":", "_"):
        broken = broken.replace(sign, f"{sign}<wbr>")
    return Markup(broken)


def _policy(style: str, script: str) -> str:
    rules = {
        "default-src": "'none'",
        "style-src": _hash(style),
        "script-src": _hash(script),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _read(name: str) -> str:
    return (resources.files("ftkit.benchmarking") / FOLDER / name).read_text("utf-8")

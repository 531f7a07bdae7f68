"""Our docstrings as Markdown, for the reference: their roles and blocks are those of reStructuredText."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import griffe

_ROLE = re.compile(r":(?:py:)?\w+:`(~?)([\w.]+)`")
_BLOCK = re.compile(r"^(.*?)\s?::$", re.M)


def as_markdown(text: str) -> str:
    """Roles become code (``:meth:`~a.b``` is ``b``), and ``::`` before an indented block a colon."""
    named = _ROLE.sub(lambda role: f"`{role[2].rpartition('.')[2] if role[1] else role[2]}`", text)
    return _BLOCK.sub(lambda line: f"{line[1].rstrip(':')}:" if line[1] else "", named)


class Docstrings(griffe.Extension):
    """Rewrites every docstring of a package when it was read."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Called once for each package."""
        for thing in _inside(pkg):
            if thing.docstring is not None:
                thing.docstring.value = as_markdown(thing.docstring.value)


def _inside(thing: Any) -> Iterator[Any]:
    yield thing
    for member in thing.members.values():
        if not member.is_alias:
            yield from _inside(member)

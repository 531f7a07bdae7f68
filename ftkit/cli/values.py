"""Kinds of values that commands take: counts or shares, numbers or ``auto``, renamed columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click


class Amount(click.ParamType):  # type: ignore[type-arg] # generic only since click 8.3
    """A count (``400``) or a share (``0.1``)."""

    name = "N|SHARE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | float:
        """An int of at least 1, or a float between 0 and 1."""
        if isinstance(value, (int, float)):
            return value
        try:
            number = float(value)
        except ValueError:
            self.fail(f"{value!r} is neither a count nor a share", param, ctx)
        if number >= 1 and number.is_integer() and "." not in value:
            return int(number)
        if 0 < number < 1:
            return number
        return self.fail(f"{value!r} is neither a count (1, 2, ...) nor a share between 0 and 1", param, ctx)


class OrAuto(click.ParamType):  # type: ignore[type-arg]
    """A number, or the word ``auto``."""

    def __init__(self, kind: Callable[[str], int | float], name: str) -> None:
        self.kind, self.name = kind, name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """``"auto"`` or a number above zero."""
        if value == "auto":
            return value
        try:
            number = self.kind(value)
        except ValueError:
            number = 0
        if 0 < number < float("inf"):
            return number
        return self.fail(f"{value!r} is neither a number above zero nor 'auto'", param, ctx)


AMOUNT = Amount()
AUTO_INT = OrAuto(int, "N|auto")
AUTO_FLOAT = OrAuto(float, "X|auto")


def column_names(pairs: Iterable[str]) -> dict[str, str]:
    """``["text=Headline"]`` as ``{"text": "Headline"}``; a usage error for anything else."""
    names = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not (ours.strip() and equals and theirs.strip()):
            raise click.BadParameter(f"{pair!r} is not OURS=THEIRS", param_hint="--column")
        if ours.strip() in names:
            raise click.BadParameter(f"{ours.strip()!r} is given twice", param_hint="--column")
        names[ours.strip()] = theirs.strip()
    return names


def pairs(given: Iterable[str], option: str) -> dict[str, str]:
    """``["team=search"]`` as ``{"team": "search"}``; a usage error for anything else."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name.strip() and equals):
            raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint=option)
        if name.strip() in found:
            raise click.BadParameter(f"{name.strip()!r} is given twice", param_hint=option)
        found[name.strip()] = value
    return found


def json_values(given: Iterable[str], option: str) -> dict[str, Any]:
    """``["top_p=0.9"]`` as ``{"top_p": 0.9}``: a value is JSON, or else the text as it stands."""
    import json

    found: dict[str, Any] = {}
    for name, text in pairs(given, option).items():
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


def name_list(text: str | None) -> tuple[str, ...] | None:
    """``"label, text"`` as ``("label", "text")``; a usage error where a name is missing or stands twice."""
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(","))
    if not all(names) or len(set(names)) < len(names):
        raise click.BadParameter(f"{text!r}: every column needs a name of its own", param_hint="--columns")
    return names

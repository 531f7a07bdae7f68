"""The options that say how to read data, shared by every command that takes a source of rows."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ftkit.cli.values import name_list

if TYPE_CHECKING:
    from ftkit.data import ExampleTemplate, SourceOptions

_OPTIONS = [
    click.option(
        "--system", "data_system", metavar="TEXT", help="System message; {column} takes a column's value."
    ),
    click.option("--user", "data_user", metavar="TEXT", help="User message, for example '{text}'."),
    click.option(
        "--assistant", "data_assistant", metavar="TEXT", help="The right answer, for example '{label}'."
    ),
    click.option(
        "--columns",
        "data_columns",
        metavar="NAME,NAME",
        help="Names of the columns of a file without header.",
    ),
    click.option(
        "--encoding", "data_encoding", metavar="NAME", help="Encoding of a text table, if not detected."
    ),
    click.option(
        "--limit", "data_limit", type=click.IntRange(min=1), metavar="N", help="Use the first N rows only."
    ),
]


@dataclass(frozen=True)
class DataOptions:
    """What the options of :func:`data_options` were given."""

    system: str | None = None
    user: str | None = None
    assistant: str | None = None
    columns: str | None = None
    encoding: str | None = None
    limit: int | None = None

    def template(self, default: ExampleTemplate | None = None) -> ExampleTemplate | None:
        """The template of the options, over ``default`` (a recipe's) text by text; None where neither is."""
        texts = {"system": self.system, "user": self.user, "assistant": self.assistant}
        given = {name: text for name, text in texts.items() if text is not None}
        if not given:
            return default
        from pydantic import ValidationError

        from ftkit.data import ExampleTemplate

        base = default.model_dump() if default is not None else {}
        if "user" not in {**base, **given}:
            raise click.UsageError("--user is missing: a template has at least a user message.")
        try:
            return ExampleTemplate(**{**base, **given})
        except ValidationError as error:
            raise click.UsageError(_words(error)) from error

    def source_options(self, default: SourceOptions | None = None) -> SourceOptions:
        """How to open the source, over ``default`` (a recipe's)."""
        from ftkit.data import SourceOptions

        names = name_list(self.columns)
        given = {"columns": names, "encoding": self.encoding, "limit": self.limit}
        base = default or SourceOptions()
        return base.model_copy(update={name: value for name, value in given.items() if value is not None})


def _words(error: Any) -> str:
    first = error.errors()[0]
    place = f"--{first['loc'][0]}: " if first["loc"] else ""
    return f"{place}{first['msg'].removeprefix('Value error, ')}"


def data_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command's function, which gets them as ``data``, a :class:`DataOptions`."""

    @functools.wraps(function)
    def call(*args: Any, **given: Any) -> Any:
        mine = {key[5:]: given.pop(key) for key in list(given) if key.startswith("data_")}
        return function(*args, data=DataOptions(**mine), **given)

    for option in reversed(_OPTIONS):
        call = option(call)
    return call

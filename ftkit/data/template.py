"""Prompt templates: from a row's columns to a chat example."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from datetime import date, time
from numbers import Number
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from ftkit.errors import DataError, UsageError, Where

if TYPE_CHECKING:
    from ftkit.data.rows import RowSource

_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def check_text(text: str) -> None:
    """Raise ValueError, with the place, for a brace that stands alone or a placeholder without a name."""
    for part in _PART.finditer(text):
        at = f"at character {part.start() + 1}"
        if part.group() in ("{", "}"):
            raise ValueError(f"a lone {part.group()!r} {at}; write {part.group() * 2!r} for the character")
        if part.group(1) is not None and not part.group(1).strip():
            raise ValueError(f"an empty placeholder {at}; write {{column}}")


class ExampleTemplate(BaseModel):
    """Texts with ``{column}`` placeholders for the turns of an example.

    A placeholder is a column's name and nothing more: no attributes, no indexes, no format
    specifications, so a template can do nothing but copy. ``{{`` and ``}}`` stand for braces.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    system: str | None = None
    user: str
    assistant: str | None = None

    @field_validator("system", "user", "assistant")
    @classmethod
    def _well_formed(cls, text: str | None) -> str | None:
        check_text(text or "")
        return text

    @model_validator(mode="after")
    def _uses_a_column(self) -> ExampleTemplate:
        if not self.columns:
            raise ValueError(
                "no text names a column, so that every example would be the same; write {column}"
            )
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the template names, in order of their first use."""
        texts = (self.system, self.user, self.assistant)
        names = (part.group(1) for text in texts for part in _PART.finditer(text or ""))
        return tuple(dict.fromkeys(name.strip() for name in names if name is not None))

    def render(self, row: Mapping[str, Any], where: Where | None = None) -> dict[str, Any]:
        """Return the row as ``{"messages": [...]}``.

        Raises `UsageError` for a column that the row does not have, and `DataError` with ``where``
        for a cell that is missing or blank.
        """
        if not isinstance(row, Mapping):
            raise DataError(f"a row of named columns is wanted, and this is {_kind(row)}", where=where)
        turns = (("system", self.system), ("user", self.user), ("assistant", self.assistant))
        return {
            "messages": [
                {"role": role, "content": fill_text(text, row, where)}
                for role, text in turns
                if text is not None
            ]
        }


PROMPT_RESPONSE = ExampleTemplate(user="{prompt}", assistant="{response}")
"""LLM Engine's plain two-column file: ``prompt,response``."""


def usual_template(rows: RowSource) -> ExampleTemplate | None:
    """The template of a source that was opened without one.

    None for rows that are chat examples already; ``prompt`` and ``response`` columns need no words.
    Raises `UsageError` for other columns, which nobody can guess.
    """
    columns = rows.columns
    if columns is None or "messages" in columns:
        return None
    if {"prompt", "response"} <= set(columns):
        return PROMPT_RESPONSE
    raise UsageError(
        f"no template says how the columns ({', '.join(map(_short, columns))}) become messages",
        where=rows.name,
        hint="Give one, for example: --user '{text}' --assistant '{label}'.",
    )


def missing_column(
    name: str, columns: tuple[str, ...], where: Where | str | None, hint: str = ""
) -> UsageError:
    """Say that a column is not there, which ones are, and which was probably meant."""
    close = difflib.get_close_matches(name.casefold(), [column.casefold() for column in columns], n=1)
    meant = next((column for column in columns if close and column.casefold() == close[0]), None)
    have = ", ".join(repr(_short(column)) for column in columns) or "none"
    guess = f"Did you mean {meant!r}? " if meant else ""
    return UsageError(
        f"there is no column {name!r}; the columns are: {have}",
        where=where,
        hint=f"{guess}{hint}".strip() or "Name one of these columns in the template.",
    )


def _short(name: str, most: int = 40) -> str:
    """A name cut to be shown: a file without a header gives whole texts for names."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def fill_text(text: str, row: Mapping[str, Any], where: Where | None = None) -> str:
    """A text with the row's cells in its placeholders; raises what :meth:`ExampleTemplate.render` does."""

    def replace(part: re.Match[str]) -> str:
        if part.group(1) is None:
            return part.group()[0]
        return _cell(part.group(1).strip(), row, where)

    return _PART.sub(replace, text)


def _cell(name: str, row: Mapping[str, Any], where: Where | None) -> str:
    if name not in row:
        raise missing_column(name, tuple(str(key) for key in row), where)
    value = row[name]
    if isinstance(value, str):
        text = value
    elif _is_missing(value):
        text = ""
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, Number):
        text = str(value)
    elif isinstance(value, (date, time)):
        text = value.isoformat()
    else:
        raise DataError(f"the cell {name!r} is {_kind(value)}; a text or a number is wanted", where=where)
    if not text.strip():
        raise DataError(f"the cell {name!r} is empty", where=where, hint="Fill it, or take the row out.")
    return text


def _is_missing(value: Any) -> bool:
    """None, pandas' NA, and NaN and NaT, which alone of numbers and dates differ from themselves."""
    if isinstance(value, (Number, date)):
        return bool(value != value)
    return value is None or type(value).__name__ == "NAType"


def _kind(value: object) -> str:
    names = {"list": "a list", "dict": "an object", "str": "a text", "NoneType": "null"}
    name = type(value).__name__
    return names.get(name, f"of type {name}")

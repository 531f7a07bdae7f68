"""The mixin that lets a notebook draw a result: its fields, where its class has no drawing of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from ftkit.display.html.elements import Html, code, element, fields, folded, shortly, table

if TYPE_CHECKING:
    from ftkit.display.html.elements import Tone

_STATES: dict[str, Tone] = {
    "succeeded": "good", "completed": "good", "ok": "good", "failed": "bad", "cancelled": "bad",
    "expired": "bad", "incomplete": "bad", "lost": "bad",
}  # fmt: skip
_NOTHING: tuple[Any, ...] = (None, "", (), [], {})
_MOST_INNER = 50
_MOST_WORDS, _MOST_TEXT = 200, 10_000
_CODES = ("_id", "_file", "model", "sha256", "champion", "challenger")


class Shown:
    """A result that notebooks draw as HTML; whatever text is in it is escaped.

    ``in_tables`` are the fields or properties that a table of several shows; empty means all fields.
    """

    in_tables: ClassVar[tuple[str, ...]] = ()

    def _repr_html_(self) -> str:
        """The result as HTML that stands for itself: IPython calls this."""
        return str(html_of(self))


def html_of(result: Any) -> Html:
    """Any pydantic object as its fields; a status stands in a frame, an id beside the title."""
    from ftkit.display.html.card import card

    found = facts(result)
    state = found.pop("status", None)
    about = code(found.pop("id")) if isinstance(found.get("id"), str) else None
    pairs = [(words(name), worded(name, value)) for name, value in found.items()]
    return card(title_of(result), fields(pairs), state=state, tone=tone_of(state), about=about)


def facts(result: Any) -> dict[str, Any]:
    """The fields of a pydantic result that are printed as JSON too, by name."""
    kept = type(result).model_fields.items()
    return {name: getattr(result, name) for name, field in kept if not field.exclude}


def title_of(result: Any) -> str:
    """The name of the class in words: ``Validation report``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(result).__name__).capitalize()


def words(name: str) -> str:
    """The name of a field in words."""
    return name.replace("_", " ").strip()


def tone_of(state: str | None) -> Tone:
    """The colour of a state; one that is no end is under way."""
    return "plain" if state is None else _STATES.get(state, "busy")


def worded(name: str, value: Any) -> Any:
    """A field's value for a person; ids and paths as a machine has them, results within it to be unfolded."""
    if is_result(value):
        return worded_fields(value)
    if isinstance(value, list | tuple) and value and all(map(is_result, value)):
        return folded(f"{len(value):,}", table_of(value[:_MOST_INNER]), _more(len(value)))
    if isinstance(value, Mapping) and value and all(map(is_result, value.values())):
        first = dict(list(value.items())[:_MOST_INNER])
        return folded(shortly(list(value)), table_of(list(first.values()), list(first)), _more(len(value)))
    if isinstance(value, Mapping) and len(shortly(value, _MOST_WORDS + 1)) > _MOST_WORDS:
        inner = list(value.items())[:_MOST_INNER]
        return folded(f"{len(value):,}", fields((key, in_a_cell(str(key), one)) for key, one in inner))
    if isinstance(value, str) and (len(value) > _MOST_WORDS or "\n" in value):
        return element("pre", shortly(value, _MOST_TEXT))
    return in_a_cell(name, value)


def in_a_cell(name: str, value: Any) -> Any:
    """A field's value where there is place for a few words: results within it are counted or named."""
    if value is None or value in _NOTHING:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return element("span", moment(value))
    if name == "seed":
        return str(value)
    if isinstance(value, PurePath) or (isinstance(value, str) and (name == "id" or name.endswith(_CODES))):
        return code(value)
    if is_result(value):
        return shortly(facts(value))
    if isinstance(value, Mapping) and any(map(is_result, value.values())):
        return ", ".join(map(str, value))
    if isinstance(value, list | tuple) and all(map(is_result, value)):
        return f"{len(value):,}"
    return shortly(value)


def table_of(results: Sequence[Any], names: Sequence[Any] = ()) -> Html:
    """Results of one kind, a line for each: those of their fields that any of them has a value of.

    ``names`` stand before the lines, where each result has one.
    """
    wanted = getattr(type(results[0]), "in_tables", ()) if results else ()
    found = [{n: getattr(one, n, None) for n in wanted} if wanted else facts(one) for one in results]
    columns = [name for name in dict.fromkeys(name for row in found for name in row)
               if any(row.get(name) not in _NOTHING for row in found)]  # fmt: skip
    figures = [n for n, name in enumerate(columns, 1 if names else 0) if _all_figures(found, name)]
    rows = [[in_a_cell(name, row.get(name)) for name in columns] for row in found]
    headers = [words(name) for name in columns]
    if names:
        headers, rows = ["", *headers], [[name, *row] for name, row in zip(names, rows, strict=True)]
    return table(headers, rows, right=figures)


def moment(time: datetime | None) -> str | None:
    """``2026-05-01 12:00:03 UTC``, of a time in UTC."""
    return None if time is None else f"{time:%Y-%m-%d %H:%M:%S} UTC"


def is_result(value: Any) -> bool:
    """Whether it is a pydantic object."""
    return hasattr(type(value), "model_fields")


def worded_fields(result: Any) -> Html:
    """A result within a result."""
    return fields((words(name), worded(name, value)) for name, value in facts(result).items())


def _more(count: int) -> str:
    return f"and {count - _MOST_INNER:,} more" if count > _MOST_INNER else ""


def _all_figures(rows: Iterable[Mapping[str, Any]], name: str) -> bool:
    values = [row.get(name) for row in rows]
    return all(
        isinstance(one, int | float) and not isinstance(one, bool) for one in values if one is not None
    )

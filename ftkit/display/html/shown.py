"""The mixin that lets a notebook draw a result: its fields, where its class has no drawing of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ftkit.display.html.elements import code, fields, shortly

if TYPE_CHECKING:
    from ftkit.display.html.elements import Html

_STATES = {
    "succeeded": "good", "completed": "good", "ok": "good", "failed": "bad", "cancelled": "bad",
    "expired": "bad", "incomplete": "bad", "lost": "bad",
}  # fmt: skip


class Shown:
    """A result that notebooks draw as HTML; whatever text is in it is escaped."""

    def _repr_html_(self) -> str:
        """The result as HTML that stands for itself: IPython calls this."""
        from ftkit.display.html.card import card

        found = facts(self)
        state = found.pop("status", None)
        about = code(found.pop("id")) if isinstance(found.get("id"), str) else None
        pairs = [(words(name), worded(name, value)) for name, value in found.items()]
        return str(card(title_of(self), fields(pairs), state=state, tone=tone_of(state), about=about))


def facts(result: Any) -> dict[str, Any]:
    """The fields of a pydantic result that are printed as JSON too, by name."""
    kept = type(result).model_fields.items()
    return {name: getattr(result, name) for name, field in kept if not field.exclude}


def title_of(result: Any) -> str:
    """The name of the class in words: ``Validation report``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(result).__name__).capitalize()


def words(name: str) -> str:
    """The name of a field in words."""
    return name.replace("_", " ")


def tone_of(state: str | None) -> Any:
    """The colour of a state; one that is no end is under way."""
    return "plain" if state is None else _STATES.get(state, "busy")


def worded(name: str, value: Any) -> Any:
    """A field's value for a person; ids and paths as a machine has them."""
    if _is_result(value):
        return worded_fields(value)
    if isinstance(value, datetime):
        return moment(value)
    if name == "seed" and value is not None:
        return str(value)
    if isinstance(value, str) and (name == "id" or name.endswith(("_id", "_file", "model", "sha256"))):
        return code(value)
    if isinstance(value, list | tuple) and value and all(map(_is_result, value)):
        return several(value)
    if isinstance(value, Mapping) and any(map(_is_result, value.values())):
        return ", ".join(map(str, value))
    return value if value in (None, "", (), [], {}) else shortly(value)


def moment(time: datetime | None) -> str | None:
    """``2026-05-01 12:00:03 UTC``, of a time in UTC."""
    return None if time is None else f"{time:%Y-%m-%d %H:%M:%S} UTC"


def _is_result(value: Any) -> bool:
    return hasattr(type(value), "model_fields")


def worded_fields(result: Any) -> Html:
    """A result within a result."""
    return fields((words(name), worded(name, value)) for name, value in facts(result).items())


def several(results: Iterable[Any]) -> str:
    """Results within a result: how many there are."""
    return f"{sum(1 for _ in results):,}"

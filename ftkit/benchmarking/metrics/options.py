"""The options of a metric: they are the fields of its class, set from text, a table or Python values."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from ftkit.errors import UsageError


class Option(NamedTuple):
    """One option of a metric: its name, its default, what it does, and its values where they are few."""

    name: str
    default: Any
    help: str
    choices: tuple[str, ...] = ()


def option(default: Any, help: str) -> Any:
    """A field that is an option; ``help`` is one sentence for the documentation."""
    return dataclasses.field(default=default, metadata={"help": help})


def options_of(metric: object) -> tuple[Option, ...]:
    """The options that a metric or its class takes; none where it is no dataclass."""
    if not dataclasses.is_dataclass(metric):
        return ()
    return tuple(
        Option(field.name, _default(field), field.metadata.get("help", ""), _choices(metric, field.name))
        for field in dataclasses.fields(metric)
        if field.init
    )


def _choices(metric: object, name: str) -> tuple[str, ...]:
    hint = _hint(metric if isinstance(metric, type) else type(metric), name)
    return get_args(hint) if get_origin(hint) is Literal else ()


def values_of(metric: object) -> dict[str, Any]:
    """The options of a metric that differ from their defaults: what a report says of it."""
    if not dataclasses.is_dataclass(metric):
        return dict(getattr(metric, "options", {}))
    return {
        option.name: value
        for option in options_of(metric)
        if (value := getattr(metric, option.name)) != option.default
    }


def with_options(found: Any, name: str, given: Mapping[str, Any]) -> Any:
    """A metric with these options set: made from its class, or from a metric that has others.

    A text is read as the option's type wants it ("0.5", "true", "a,b" for a list). Raises UsageError
    for an option that there is not, or a value that it cannot have.
    """
    kind = found if isinstance(found, type) else type(found)
    if not given:
        return found() if isinstance(found, type) else found
    known = [option.name for option in options_of(kind)] or _parameters(found)
    for key in given:
        if key not in known:
            raise UsageError(f"the metric {name!r} has no option {key!r}", hint=_choice(key, known, name))
    values = _converted(kind, name, given)
    try:
        return kind(**values) if isinstance(found, type) else dataclasses.replace(found, **values)
    except (TypeError, ValueError) as error:
        raise UsageError(f"the metric {name!r} cannot have these options: {error}") from error


def _parameters(found: Any) -> list[str]:
    """The options of a class that is no dataclass: what can be called by name. An object has none."""
    if not isinstance(found, type):
        return []
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [name for name, one in inspect.signature(found).parameters.items() if one.kind in kinds]


def _choice(key: str, known: list[str], name: str) -> str:
    if not known:
        return f"{name} has no options."
    close = difflib.get_close_matches(key, known, n=1)
    return f"Did you mean {close[0]}?" if close else f"It has: {', '.join(known)}."


def _default(field: dataclasses.Field[Any]) -> Any:
    return None if field.default is dataclasses.MISSING else field.default


def _converted(kind: type, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: read_value(name, key, value, _hint(kind, key)) for key, value in given.items()}


def _hint(kind: type, key: str) -> Any:
    """The type of one field; the others' may name what is imported for type checkers only."""
    for base in kind.__mro__:
        said = vars(base).get("__annotations__", {})
        if key in said:
            alone = {"__annotations__": {key: said[key]}, "__module__": base.__module__}
            return get_type_hints(type(base.__name__, (), alone))[key]
    return Any


def read_value(metric: str, key: str, value: Any, kind: Any) -> Any:
    """One option's value as its type. Raises UsageError where it cannot be that."""
    import msgspec

    if isinstance(value, str) and get_origin(kind) is tuple:
        value = [part.strip() for part in value.split(",") if part.strip()]
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"the option {key!r} of the metric {metric!r} cannot be {value!r}: {error}"
        ) from error

"""Compiles the JSON Schemas of tools, once per schema: thousands of rows define the same tools."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError, Validator

_MOST_SCHEMAS = 1024
_MOST_TROUBLES = 5
_LONGEST = 1 << 20
"""Characters of JSON: a longer schema is compiled each time, so that the memory stays bounded."""


class Trouble(NamedTuple):
    """What is wrong with a schema, or with a value by its schema, and the keys that lead there."""

    message: str
    at: tuple[str | int, ...]


class Schema(NamedTuple):
    """A compiled schema; ``trouble`` says why there is none."""

    validator: Validator | None
    trouble: Trouble | None

    def troubles(self, value: Any) -> Iterator[Trouble]:
        """What this schema says against a value, at most a few."""
        if self.validator is None:
            return
        try:
            for count, error in enumerate(self.validator.iter_errors(value)):
                if count == _MOST_TROUBLES:
                    return
                yield _trouble(error)
        except ValueError as error:  # a value that JSON has not, in rows that are no JSON text
            yield Trouble(str(error), ())


def schema_of(parameters: dict[str, Any]) -> Schema:
    """The compiled schema, remembered by its content."""
    try:
        text = json.dumps(parameters)
    except (TypeError, ValueError, RecursionError) as error:
        return Schema(None, Trouble(f"it is no JSON: {error}", ()))
    return _compile(text) if len(text) > _LONGEST else _remembered(text)


def _compile(text: str) -> Schema:
    """Compile a schema. Nothing is ever fetched: training data must not make this machine ask others."""
    import jsonschema_rs

    try:
        return Schema(jsonschema_rs.validator_for(text, retriever=_nothing), None)
    except jsonschema_rs.ValidationError as error:
        return Schema(None, _trouble(error))
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        return Schema(None, Trouble(_first_line(str(error)), ()))


_remembered = lru_cache(_MOST_SCHEMAS)(_compile)


def _nothing(address: str) -> Any:
    raise LookupError("other documents are not fetched")


def _trouble(error: ValidationError) -> Trouble:
    return Trouble(_first_line(error.message), tuple(error.instance_path))


def _first_line(text: str) -> str:
    return (text.splitlines() or [""])[0][:200]

"""The form that answers shall have, and answers read into it: a model, typed fields, a JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from ftkit.data.files import canonical_json
from ftkit.errors import UsageError
from ftkit.inference.llm.texts import found_json

if TYPE_CHECKING:
    from jsonschema_rs import Validator

_KINDS: dict[Any, type] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    str: str,
    int: int,
    float: float,
    bool: bool,
}
_MOST_FAULTS = 5
_LONGEST = 500


class FormError(ValueError):
    """An answer does not have the form; the text says where and why."""


class Form(Protocol):
    """What an answer must be. ``schema`` is its JSON Schema, ``name`` what platforms call it."""

    @property
    def name(self) -> str: ...
    @property
    def schema(self) -> dict[str, Any]: ...

    def read(self, text: str) -> Any:
        """The value of an answer's text. Raises FormError."""
        ...


@dataclass(frozen=True)
class ModelForm:
    """A pydantic model: answers are instances of it, or mappings of its fields where it is ``plain``."""

    model: type[BaseModel]
    plain: bool = False

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.__name__

    @property
    def schema(self) -> dict[str, Any]:
        """As pydantic says it."""
        return self.model.model_json_schema()

    def read(self, text: str) -> Any:
        """The instance, validated as its class says."""
        try:
            value = self.model.model_validate_json(found_json(text))
        except ValidationError as error:
            raise FormError(_said(error)) from None
        return value.model_dump(by_alias=True) if self.plain else value


class SchemaForm:
    """A JSON Schema: answers are what JSON holds. UsageError where the schema is none."""

    def __init__(self, schema: Mapping[str, Any], name: str = "answer") -> None:
        self.name = name
        self.schema = dict(schema)
        self._validator = _compiled(self.schema)

    def read(self, text: str) -> Any:
        """The decoded value, as far as the schema allows it."""
        import msgspec

        try:
            value = msgspec.json.decode(found_json(text))
        except (msgspec.DecodeError, RecursionError) as error:
            raise FormError(f"this is not JSON: {error}") from None
        faults = [
            f"{_pointer(error.instance_path)}{error.message}"
            for _, error in zip(range(_MOST_FAULTS), self._validator.iter_errors(value), strict=False)
        ]
        if faults:
            raise FormError("; ".join(faults)[:_LONGEST])
        return value


def form_of(response_format: Any) -> Form | None:
    """The form of ``response_format``: a pydantic model, a JSON Schema, or OpenAI's own parameter.

    None for plain text. Raises UsageError for anything else.
    """
    if response_format is None or isinstance(response_format, ModelForm | SchemaForm):
        return response_format
    if isinstance(response_format, type) and issubclass(response_format, BaseModel):
        return ModelForm(response_format)
    if isinstance(response_format, Mapping):
        return _mapped(response_format)
    raise UsageError(
        f"response_format is of type {type(response_format).__name__}",
        hint="Give a pydantic model (the class), or a JSON Schema as a dict; typed fields are output_type.",
    )


def _mapped(given: Mapping[str, Any]) -> Form | None:
    kind = given.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return SchemaForm({"type": "object"})
    if kind == "json_schema" and isinstance(inner := given.get("json_schema"), Mapping):
        return SchemaForm(inner.get("schema") or {"type": "object"}, str(inner.get("name") or "answer"))
    return SchemaForm(given, str(given.get("title") or "answer"))


def typed_form(output_type: Mapping[str, Any]) -> ModelForm:
    """The form of Lamini's ``output_type``: ``{"age": "int", "units": "str"}``.

    A field is ``str``, ``int``, ``float`` or ``bool`` (the word or the type), a list of values it may have,
    ``list[KIND]``, or fields in their turn. Types are strict: ``"25"`` and ``25.0`` are no ``int``;
    every field is there, and no other. Raises UsageError for a type that there is not.
    """
    return ModelForm(_typed_model(output_type, ""), plain=True)


def _typed_model(fields: Mapping[str, Any], path: str) -> type[BaseModel]:
    if not isinstance(fields, Mapping) or not fields:
        raise UsageError(f"output_type{path and f' of {path!r}'} names no fields", hint=_EXAMPLE)
    made: dict[str, Any] = {
        # under names of our own: any text is a field's name, "copy" and "first name" too
        f"field_{number}": (_kind(kind, f"{path}{name}"), Field(alias=str(name)))
        for number, (name, kind) in enumerate(fields.items())
    }
    config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
    model: type[BaseModel] = create_model("answer", __config__=config, **made)
    return model


_EXAMPLE = 'For example: {"age": "int", "units": ["years", "months"], "reasons": "list[str]"}.'


def _kind(kind: Any, path: str) -> Any:
    if isinstance(kind, Mapping):
        return _typed_model(kind, f"{path}.")
    if isinstance(kind, Sequence) and not isinstance(kind, str):
        if not kind or not all(isinstance(value, str | int) for value in kind):
            raise UsageError(f"{path!r} may have the values {list(kind)!r}: give texts or whole numbers")
        return Literal[tuple(kind)]
    if isinstance(kind, str) and kind.startswith("list[") and kind.endswith("]"):
        return list[_kind(kind[5:-1].strip(), path)]  # type: ignore[misc] # a type that is made here
    found = _KINDS.get(kind) if isinstance(kind, str | type) else None
    if found is None:
        raise UsageError(
            f"{path!r} cannot be of type {kind!r}", hint=f"Types are str, int, float, bool. {_EXAMPLE}"
        )
    return found


def _said(error: ValidationError) -> str:
    """pydantic's findings in one line."""
    found = []
    for item in error.errors(include_url=False, include_input=False)[:_MOST_FAULTS]:
        place = ".".join(str(key) for key in item["loc"])
        found.append(f"{place}: {item['msg']}" if place else item["msg"])
    return "; ".join(found)[:_LONGEST]


def _pointer(path: Sequence[Any]) -> str:
    return f"{'.'.join(str(key) for key in path)}: " if path else ""


def _compiled(schema: dict[str, Any]) -> Validator:
    import jsonschema_rs

    try:
        return jsonschema_rs.validator_for(
            canonical_json(schema).decode(), retriever=_nowhere, pattern_options=jsonschema_rs.RegexOptions()
        )
    except ValueError as error:  # jsonschema_rs' own errors are these, too
        first = str(error).splitlines()[0][:300]
        raise UsageError(f"this is no valid JSON Schema: {first}") from error


def _nowhere(uri: str) -> Any:
    """Nothing outside the schema is fetched: a file of somebody's leads to no network."""
    raise ValueError(f"{uri[:200]!r} is outside the schema")

"""The metric of JSON answers: valid, of the wanted form, and right field by field."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ftkit.benchmarking.metrics.base import Metric, MetricBase, Score
from ftkit.benchmarking.metrics.options import option
from ftkit.benchmarking.metrics.sameness import Sameness, fields_of
from ftkit.data import canonical_json, reply_of
from ftkit.errors import UsageError

if TYPE_CHECKING:
    from jsonschema_rs import Validator

_FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL | re.IGNORECASE)
_NOTHING: Any = object()


def read_json(text: str, *, fenced: bool = True) -> Any:
    """The JSON value that a text is, or (``fenced``) that its one fenced block is.

    Raises ValueError where there is none. NaN and Infinity are no JSON (RFC 8259).
    """
    import msgspec

    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        blocks = _FENCE.findall(text) if fenced else []
        if len(blocks) != 1:
            raise ValueError(f"no JSON: {error}") from error
        return read_json(blocks[0], fenced=False)


@lru_cache(maxsize=4096)
def _right(text: str) -> dict[str, Any]:
    """The fields of a right answer by their paths."""
    return dict(fields_of(read_json(text, fenced=False)))


@lru_cache(maxsize=64)
def _validator(schema: bytes) -> Validator:
    import jsonschema_rs

    try:
        return jsonschema_rs.validator_for(
            schema.decode(), retriever=_nowhere, pattern_options=jsonschema_rs.RegexOptions()
        )
    except ValueError as error:  # jsonschema_rs' own errors are these, too
        raise UsageError(f"this is no JSON Schema: {str(error).splitlines()[0][:300]}") from error


def _nowhere(uri: str) -> Any:
    """Nothing outside the schema is fetched."""
    raise ValueError(f"{uri[:200]!r} is outside the schema")


@dataclass(frozen=True)
class Json(MetricBase):
    """The reply is JSON, satisfies a schema, and its fields are those of the right answer.

    The value is the mean over the fields that the right answer has or the reply has beyond it: 1 for
    the same, for a list the share of it (F1 as a set), else 0. A reply is right when all are the same. Its
    parts are `valid`, `schema` (where there is one) and every field by its path (`$.address.city`). A
    reply that is no JSON, or breaks the schema, is invalid and its value 0; its parts are kept.

    The right answer is the reply in the row as JSON, or the row's field `expected`: any JSON value, or
    a text that is JSON.
    """

    name = "json"
    continuous = True
    has_parts = True

    schema: str | dict[str, Any] = option("", "A JSON Schema: a file of one, or a table.")  # noqa: RUF009 - a field
    form_only: bool = option(False, "Only valid and of the schema's form; rows need no right answer.")
    fields: tuple[str, ...] = option((), "Compare only these fields of the right answer: `city,address.zip`.")
    extra: bool = option(False, "Fields that the right answer has not are forgiven.")
    absolute: float = option(0.0, "Largest difference of numbers that is forgiven.")
    relative: float = option(0.0, "The same as a share of the right number.")
    lists: Literal["ordered", "set"] = option("ordered", "Lists are compared place by place, or as sets.")
    texts: Literal["exact", "loose"] = option(
        "exact", "`loose` texts differ not by case or outer punctuation."
    )
    fenced: bool = option(True, "A reply with one fenced block of JSON is that JSON.")
    _schema: bytes | None = field(init=False, default=None, repr=False, compare=False)
    _same: Sameness = field(init=False, default=Sameness(), repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.schema:
            schema = _read_schema(self.schema) if isinstance(self.schema, str) else self.schema
            object.__setattr__(self, "_schema", canonical_json(schema))
        same = Sameness(self.absolute, self.relative, self.lists == "ordered", self.texts == "loose")
        object.__setattr__(self, "_same", same)
        object.__setattr__(self, "needs_truth", not self.form_only)
        object.__setattr__(self, "continuous", not self.form_only)

    def check(self) -> None:
        """Raise UsageError where the schema is none."""
        if self._schema is not None:
            _validator(self._schema)

    def right_of(self, data: Mapping[str, Any]) -> tuple[str, ...]:
        """The right answer of a row as one canonical JSON text. Raises ValueError where it is no JSON."""
        if self.form_only:
            return ()
        given = data.get("expected", _NOTHING)
        if given is _NOTHING or given is None:
            reply = reply_of(data)
            return self.right_answers(reply) if reply and reply.strip() else ()
        return self.right_answers(given) if isinstance(given, str) else self._taken(given)

    def right_answers(self, reply: str) -> tuple[str, ...]:
        """The reply as canonical JSON. Raises ValueError where it is none."""
        try:
            return self._taken(read_json(reply))
        except ValueError as error:
            raise ValueError(f"the expected answer cannot be used: {error}") from error

    def _taken(self, right: Any) -> tuple[str, ...]:
        if not self._wanted(dict(fields_of(right))):
            raise ValueError(f"there is none of the fields {', '.join(self.fields)} in it")
        return (canonical_json(right).decode(),)

    def score(self, answer: str, expected: Sequence[str], labels: Sequence[str]) -> Score:
        """Read the reply, check it against the schema, compare it with each right answer."""
        rights = [_right(text) for text in expected]
        try:
            found = read_json(answer, fenced=self.fenced)
        except ValueError:
            return Score(False, 0.0, None, True, self._none(rights))
        fits = self._schema is None or _validator(self._schema).is_valid(found)
        form = {"valid": 1.0} if self._schema is None else {"valid": 1.0, "schema": float(fits)}
        if self.form_only:
            return Score(fits, float(fits), None, not fits, form)
        value, parts = max((self._compared(found, right) for right in rights), key=lambda one: one[0])
        whole = fits and value == 1.0
        return Score(whole, value if fits else 0.0, None, not fits, {**form, **parts})

    def _none(self, rights: Sequence[dict[str, Any]]) -> dict[str, float]:
        form = ["valid"] if self._schema is None else ["valid", "schema"]
        wanted = self._wanted(rights[0]) if rights else {}
        return dict.fromkeys((*form, *wanted), 0.0)

    def _wanted(self, found: dict[str, Any]) -> dict[str, Any]:
        """Those of a right answer's fields that are to be compared."""
        if not self.fields:
            return found
        paths = tuple(f"$.{name.removeprefix('$.')}" for name in self.fields)
        inner = tuple(f"{path}." for path in paths)
        return {path: value for path, value in found.items() if path in paths or path.startswith(inner)}

    def _compared(self, found: Any, right: dict[str, Any]) -> tuple[float, dict[str, float]]:
        """The value of a reply that is JSON, and the share of each field."""
        there = dict(fields_of(found))
        share = self._same.share
        parts = {path: share(there.get(path, _NOTHING), value) for path, value in self._wanted(right).items()}
        beyond = 0 if self.extra or self.fields else len(there.keys() - right.keys())
        return sum(parts.values()) / max(len(parts) + beyond, 1), parts


def _read_schema(path: str) -> Any:
    try:
        text = Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the schema cannot be read: {error}", where=path) from error
    try:
        return read_json(text, fenced=False)
    except ValueError as error:
        raise UsageError(f"the schema is {error}", where=path) from error


json: Metric = Json()

"""The form of a verdict: as a JSON Schema, in words, and read from what a judge really replied.

Where a platform keeps replies to a schema, reading is a formality. Elsewhere judges put their JSON into
sentences, fences and thoughts, or say one word; all of that is read, and nothing is guessed: a reply with
two different verdicts, or one that is not allowed, has none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ftkit.benchmarking.judging.rubric import Rubric

_WORDS: dict[str, dict[str, int]] = {
    "correct": {"correct": 1, "incorrect": 0},
    "pair": {"first": 1, "second": 2, "tie": 0},
}
_ALSO: dict[str, dict[str, int]] = {
    "correct": {"true": 1, "false": 0, "yes": 1, "no": 0, "right": 1, "wrong": 0, "1": 1, "0": 0},
    "pair": {"1": 1, "2": 2, "0": 0, "equal": 0, "answer 1": 1, "answer 2": 2},
}
_KEYS = {"correct": "verdict", "score": "score", "pair": "better"}
_THOUGHT = re.compile(r"<(think|thinking|thought)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_SCORE = re.compile(r"(\d{1,3})(?:\.0+)?(?:\s*(?:/|out of|of)\s*(\d{1,3}))?")
_EDGES = " \t\r\n\"'`*_.,:;!()[]"
_MOST_OBJECTS = 50
_DECODER = json.JSONDecoder(strict=False)  # a line break within a reason is no reason to ask again


class Verdict(NamedTuple):
    """What a judge says: 1 or 0 (right or not), a score, or for a pair 1, 2 or 0 (first, second, a tie)."""

    value: int
    reason: str = ""


def key_of(rubric: Rubric) -> str:
    """The field that holds the verdict: ``verdict``, ``score`` or ``better``."""
    return _KEYS[rubric.kind]


def word_of(rubric: Rubric, value: int) -> str:
    """A verdict as it is written: ``correct``, ``7``, ``second``."""
    if rubric.kind == "score":
        return str(value)
    return next(word for word, number in _WORDS[rubric.kind].items() if number == value)


def schema_of(rubric: Rubric) -> dict[str, Any]:
    """The JSON Schema of a verdict; the reason stands before it, so that it is given first."""
    if rubric.kind == "score":
        wanted: dict[str, Any] = {"type": "integer", "enum": list(range((rubric.scale or 0) + 1))}
    else:
        wanted = {"type": "string", "enum": list(_WORDS[rubric.kind])}
    fields = {"reason": {"type": "string"}} if rubric.reasons else {}
    properties = {**fields, key_of(rubric): wanted}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def response_format(rubric: Rubric) -> dict[str, Any]:
    """The parameter ``response_format`` that makes a platform keep replies to the form."""
    form = {"name": "verdict", "strict": True, "schema": schema_of(rubric)}
    return {"type": "json_schema", "json_schema": form}


def form_words(rubric: Rubric) -> str:
    """The form as an instruction."""
    if rubric.kind == "score":
        value = f"a whole number from 0 to {rubric.scale}"
    else:
        value = " or ".join(json.dumps(word) for word in _WORDS[rubric.kind])
    reason = '"reason": one or two sentences, ' if rubric.reasons else ""
    return f'Reply with one JSON object and nothing else: {{{reason}"{key_of(rubric)}": {value}}}.'


def written(rubric: Rubric, value: int, reason: str = "") -> str:
    """A verdict in its form, as a judge should reply."""
    shown = value if rubric.kind == "score" else word_of(rubric, value)
    fields = {"reason": reason} if rubric.reasons else {}
    return json.dumps({**fields, key_of(rubric): shown}, ensure_ascii=False)


def read_verdict(reply: str, rubric: Rubric) -> Verdict | str:
    """The verdict of a reply, or why there is none: words that the judge can be told."""
    text = _THOUGHT.sub("", reply).strip()
    if not text:
        return "the reply is empty"
    key = key_of(rubric)
    found = [one for one in _objects(text) if key in one]
    if not found:
        bare = _value(text.strip(_EDGES), rubric)
        return Verdict(bare) if bare is not None else f'there is no JSON object with "{key}" in it'
    values = {_value(one[key], rubric) for one in found}
    if None in values:
        return f'"{key}" is {json.dumps(found[0][key])[:60]}, which is not allowed'
    if len(values) > 1:
        return "there are several objects with different verdicts"
    reason = found[-1].get("reason")
    return Verdict(values.pop() or 0, reason.strip() if isinstance(reason, str) else "")


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects that stand in a text, the outermost ones."""
    at = text.find("{")
    for _ in range(_MOST_OBJECTS):
        if at < 0:
            return
        try:
            found, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            at = text.find("{", at + 1)
            continue
        if isinstance(found, dict):
            yield found
        at = text.find("{", end)


def _value(given: Any, rubric: Rubric) -> int | None:
    if rubric.kind == "score":
        return _score(given, rubric.scale or 0)
    words = {**_WORDS[rubric.kind], **_ALSO[rubric.kind]}
    if isinstance(given, bool | int):
        given = str(given)
    return words.get(given.casefold().strip(_EDGES)) if isinstance(given, str) else None


def _score(given: Any, scale: int) -> int | None:
    """A whole number of the scale: 7, 7.0, "7", "7/10" where the scale is 10."""
    if isinstance(given, bool):
        return None
    if isinstance(given, int | float):
        given = str(given)
    match = _SCORE.fullmatch(given.casefold().strip(_EDGES)) if isinstance(given, str) else None
    if match is None or (match[2] is not None and int(match[2]) != scale):
        return None
    return int(match[1]) if int(match[1]) <= scale else None

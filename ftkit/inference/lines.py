"""The lines of an answers file: reads them whatever is in them, and writes what ``ask`` adds to them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ftkit.data.files import encode_json
from ftkit.data.stream import read_lines as read_raw
from ftkit.errors import DataError, Where
from ftkit.gateway.bulk.answer_lines import why
from ftkit.gateway.values import as_plain
from ftkit.inference.cache import Kept

NO_ANSWER = "no_answer"
"""The code of a request to which no answer came."""
_decode = msgspec.json.Decoder().decode


class _Response(msgspec.Struct):
    body: msgspec.Raw
    status_code: int = 200


class _Good(msgspec.Struct):
    custom_id: str
    response: _Response
    error: None
    answered_at: int
    cached: bool


def read_line(line: bytes, path: Path, number: int) -> dict[str, Any]:
    """One line as an object. Half a character in a text, which JSON can say and no file hold, is replaced.

    Raises DataError with the place of a line that is no JSON object.
    """
    try:
        found = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            found = as_plain(json.loads(line.decode("utf-8", "replace")))
        except (ValueError, RecursionError) as error:
            raise DataError("this is no line of answers", where=Where(path, number)) from error
    if not isinstance(found, dict):
        raise DataError("this is no line of answers", where=Where(path, number))
    return found


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a file; blank ones are passed over."""
    for number, line in enumerate(read_raw(path), 1):
        if line and not line.isspace():
            yield read_line(line, path, number)


def good_line(custom_id: str, kept: Kept, *, cached: bool) -> bytes:
    """The line of a kept answer, as a batch's output has it; ``cached`` says that it is an old one."""
    response = _Response(msgspec.Raw(kept.raw))
    return encode_json(_Good(custom_id, response, None, kept.answered_at, cached))


def tokens_of_good(line: Mapping[str, Any]) -> tuple[int | None, int | None] | None:
    """Tokens of prompt and reply of an answer in the usual form; None for any other line.

    What is left out here gets the longer look of ``read_answer``, which costs ten times as much.
    """
    response = line.get("response")
    if line.get("error") is not None or not isinstance(response, dict) or response.get("status_code") != 200:
        return None
    body = response.get("body")
    if not isinstance(body, dict) or not body or body.get("error") is not None:
        return None
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return None
    prompt, reply = usage.get("prompt_tokens"), usage.get("completion_tokens")
    return (prompt, reply) if type(prompt) is int and type(reply) is int else None


def no_answer(custom_id: str) -> dict[str, Any]:
    """The line of a request to which no answer came."""
    error = {"code": NO_ANSWER, "message": "there is no answer to this request"}
    return {"custom_id": custom_id, "response": None, "error": error}


def failure_code(line: dict[str, Any]) -> str:
    """The reason of a failure in one word: the platform's code, or the status of its response."""
    return why(line)[0]

"""Reads a model's answers row by row, in the order of the rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from ftkit.benchmarking.heldout import RowIds
from ftkit.errors import DataError, Where, storage_error
from ftkit.gateway.reading import read_answer
from ftkit.gateway.values import as_map, whole_text
from ftkit.inference.lines import NO_ANSWER, read_line

_NOTHING: Mapping[str, Any] = {}


class AnswerLine(msgspec.Struct, frozen=True):
    """What came back for one request. ``message`` is the assistant's, as the platform sent it.

    ``missing`` says that no answer came at all, ``cached`` that it was given to an earlier call;
    ``answered_at`` is when it came (seconds since 1970).
    """

    custom_id: str
    ok: bool
    text: str | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    error: str | None = None
    refused: bool = False
    missing: bool = False
    message: Mapping[str, Any] = _NOTHING
    cached: bool = False
    answered_at: int | None = None


class _Choice(msgspec.Struct):
    message: dict[str, Any]
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Body(msgspec.Struct):
    choices: list[_Choice]
    usage: _Usage | None = None
    error: None = None


class _Response(msgspec.Struct):
    status_code: int
    body: _Body


class _Good(msgspec.Struct):
    """A line as nearly all are; one of any other form gets a longer look."""

    custom_id: str
    response: _Response
    error: None = None
    cached: bool = False
    answered_at: int | None = None


_decode_good = msgspec.json.Decoder(_Good).decode


def parse_answer(line: bytes, path: Path, number: int) -> AnswerLine:
    """One line of an answers file. Raises DataError with its place where it is none."""
    try:
        good = _decode_good(line)
        choice = good.response.body.choices[0]
        text = choice.message.get("content")
        if isinstance(text, str) and good.response.status_code == 200:
            usage = good.response.body.usage
            return AnswerLine(
                good.custom_id,
                True,
                whole_text(text),
                choice.finish_reason,
                usage.prompt_tokens if usage else None,
                usage.completion_tokens if usage else None,
                None,
                choice.finish_reason == "content_filter" or bool(choice.message.get("refusal")),
                False,
                choice.message,
                good.cached,
                good.answered_at,
            )
    except (msgspec.DecodeError, UnicodeDecodeError, IndexError):
        pass
    return _looked_into(read_line(line, path, number))


def _looked_into(data: dict[str, Any]) -> AnswerLine:
    """A line of any form."""
    answer = read_answer(data)
    message = _message(data)
    declined = answer.finish_reason == "content_filter" or bool(message.get("refusal"))
    at = data.get("answered_at")
    return AnswerLine(
        answer.custom_id,
        answer.ok,
        answer.text,
        answer.finish_reason,
        answer.prompt_tokens,
        answer.completion_tokens,
        answer.error,
        answer.ok and declined,
        as_map(data.get("error")).get("code") == NO_ANSWER,
        message,
        bool(data.get("cached")),
        at if isinstance(at, int) else None,
    )


def _message(data: dict[str, Any]) -> Mapping[str, Any]:
    try:
        message = data["response"]["body"]["choices"][0]["message"]
    except (KeyError, IndexError, TypeError):
        return _NOTHING
    return message if isinstance(message, Mapping) else _NOTHING


class AnswerFile:
    """A model's answers file: a line for each row, in the order of the rows (``ids``)."""

    def __init__(self, path: Path, ids: RowIds) -> None:
        self._path, self._ids, self._row = path, ids, 0
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise storage_error(error, path) from error

    def skip(self) -> None:
        """Pass over the answer to the next row."""
        self._file.readline()
        self._row += 1

    def next_answer(self, custom_id: str | None = None) -> AnswerLine:
        """The answer to the next row, whose id is ``custom_id`` where the caller knows it.

        Raises DataError for what is no answer, or one to something else.
        """
        line, row = self._file.readline(), self._row
        self._row += 1
        answer = parse_answer(line, self._path, row + 1) if line else None
        if answer is None or answer.custom_id != (custom_id or self._ids.id_of(row)):
            raise DataError(
                "there is no answer to this row",
                where=Where(self._path, row + 1),
                hint="The file is not what a benchmark wrote. Delete it: the answers are in the cache, too.",
            )
        return answer

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> AnswerFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

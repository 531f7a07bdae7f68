"""Keeps a model's answers on disk and finds each by its row, joined by ``custom_id`` alone."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import msgspec

from ftkit.benchmarking.heldout import RowIds
from ftkit.data import open_jsonl_writer
from ftkit.errors import DataError, Where, storage_error


class AnswerLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of an answers file: what came back for one request."""

    custom_id: str
    ok: bool
    text: str | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    error: str | None = None
    refused: bool = False


class AnswerLike(Protocol):
    """The fields of ``ftkit.gateway.Answer`` that are kept."""

    @property
    def custom_id(self) -> str: ...
    @property
    def ok(self) -> bool: ...
    @property
    def text(self) -> str | None: ...
    @property
    def finish_reason(self) -> str | None: ...
    @property
    def prompt_tokens(self) -> int | None: ...
    @property
    def completion_tokens(self) -> int | None: ...
    @property
    def error(self) -> str | None: ...
    @property
    def raw(self) -> Mapping[str, Any]: ...


def write_answers(path: Path, answers: Iterable[AnswerLike]) -> tuple[int, str]:
    """Write answers in the order they come; returns their number and the file's SHA-256."""
    with open_jsonl_writer(path) as writer:
        for a in answers:
            line = AnswerLine(
                a.custom_id,
                a.ok,
                a.text,
                a.finish_reason,
                a.prompt_tokens,
                a.completion_tokens,
                a.error,
                _refused(a),
            )
            writer.write_line(msgspec.json.encode(line))
        rows, sha256 = writer.rows, writer.sha256
    return rows, sha256


def _refused(answer: AnswerLike) -> bool:
    """Whether the model or a filter declined: OpenAI's ``message.refusal`` or ``content_filter``."""
    if answer.finish_reason == "content_filter":
        return True
    try:
        return bool(answer.raw["response"]["body"]["choices"][0]["message"].get("refusal"))
    except (KeyError, IndexError, TypeError, AttributeError):
        return False


class AnswerFile:
    """An answers file, opened for look-ups by row. Eight bytes a row are in memory, the texts are not.

    Of several answers to one request the first counts. ``duplicates`` are the others, ``strangers``
    the answers to requests that were never made.
    """

    def __init__(self, path: Path, ids: RowIds) -> None:
        self.duplicates = 0
        self.strangers = 0
        self._path = path
        self._decode = msgspec.json.Decoder(AnswerLine).decode
        self._offsets = array("q", [-1]) * len(ids)
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise storage_error(error, path) from error
        self._index(ids)

    def _index(self, ids: RowIds) -> None:
        offset = 0
        for number, line in enumerate(self._file, 1):
            row = ids.index_of(self._parse(line, number).custom_id)
            if row is None:
                self.strangers += 1
            elif self._offsets[row] >= 0:
                self.duplicates += 1
            else:
                self._offsets[row] = offset
            offset += len(line)

    def _parse(self, line: bytes, number: int | None = None) -> AnswerLine:
        try:
            return self._decode(line)
        except msgspec.DecodeError as error:
            raise DataError(
                f"this is no answer: {error}",
                where=Where(self._path, number),
                hint="Delete the file; the answers are fetched again.",
            ) from error

    def get(self, row: int) -> AnswerLine | None:
        """The answer to the request of ``row``; None where none came."""
        if self._offsets[row] < 0:
            return None
        self._file.seek(self._offsets[row])
        return self._parse(self._file.readline())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> AnswerFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

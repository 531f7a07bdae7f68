"""Writes one line for each request, in the order of the requests: its answer, or why there is none."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ftkit.data.jsonl import open_jsonl_writer
from ftkit.errors import storage_error
from ftkit.gateway.bulk.answer_lines import NONE, OK, why
from ftkit.gateway.bulk.answers import AnswerTable
from ftkit.gateway.bulk.ids import read_ids

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK = 512
_encode = msgspec.json.Encoder().encode


class _NoHash:
    """Nobody asks for the hash of the answers, and it would cost as much as the rest."""

    def update(self, data: bytes, /) -> None:
        """Nothing is kept."""

    def hexdigest(self) -> str:
        """No hash."""
        return ""


def write_answers(table: AnswerTable, ids: Path, out: Path, unasked: tuple[str, str]) -> Counter[str]:
    """Write ``out``, all or none; returns how many failures there are of each code.

    ``unasked`` are the code and the words for requests of which nothing came.
    """
    codes: Counter[str] = Counter()
    with ExitStack() as stack:
        files = _Files(table.files)
        stack.callback(files.close)
        writer = stack.enter_context(open_jsonl_writer(out, _NoHash()))
        for block in _blocks(table, ids):
            lines = []
            for custom_id, state, file, offset, length in block:
                if state == NONE:
                    lines.append(failure(custom_id, *unasked))
                    codes[unasked[0]] += 1
                    continue
                line = files.read(file, offset, length)
                if state != OK:
                    codes[why(msgspec.json.decode(line))[0]] += 1
                lines.append(line)
            writer.write_lines(lines)
    return codes


def failure(custom_id: str, code: str, message: str) -> bytes:
    """The line of a request that has no answer, in the form of a batch's own."""
    error = {"code": code, "message": message}
    return _encode({"id": None, "custom_id": custom_id, "response": None, "error": error})


def _blocks(table: AnswerTable, ids: Path) -> Iterator[list[tuple[str, int, int, int, int]]]:
    start, names = 0, read_ids(ids)
    while block := list(islice(names, _BLOCK)):
        yield _rows(table, block, start)
        start += len(block)


def _rows(table: AnswerTable, ids: list[str], start: int) -> list[tuple[str, int, int, int, int]]:
    part = slice(start, start + len(ids))
    columns: list[Any] = [c[part].tolist() for c in (table.state, table.file, table.offset, table.length)]
    return list(zip(ids, *columns, strict=True))


class _Files:
    """The answer files, opened when they are first read and never more than a few at once."""

    _MOST = 64

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths
        self._open: dict[int, int] = {}

    def read(self, file: int, offset: int, length: int) -> bytes:
        """A line, without its end."""
        descriptor = self._open.get(file)
        if descriptor is None:
            descriptor = self._opened(file)
        return os.pread(descriptor, length, offset).strip()

    def close(self) -> None:
        """Let all files go."""
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def _opened(self, file: int) -> int:
        if len(self._open) >= self._MOST:
            self.close()
        try:
            self._open[file] = os.open(self._paths[file], os.O_RDONLY)
        except OSError as error:
            raise storage_error(error, self._paths[file]) from error
        return self._open[file]

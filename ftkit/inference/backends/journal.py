"""Keeps the answers to a file of requests as they come, so that a killed process asks none twice.

``answers.jsonl`` in the folder has a line for each answer, in the order in which they came, that begins
with the request's number. All of them on the disk but those of the last second.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ftkit.data import atomic_write, open_jsonl_writer, read_jsonl, sha256_file
from ftkit.data.files import encode_json
from ftkit.errors import DataError, storage_error
from ftkit.gateway.bulk.live import Keeper, whole_lines
from ftkit.gateway.values import as_plain

_NONE = -1


class _Numbered(msgspec.Struct):
    n: int


class Journal:
    """The answers to one file of requests. Raises StorageError where the folder cannot be used."""

    def __init__(self, folder: Path, requests: Path) -> None:
        self._requests = requests
        self._path = folder / "answers.jsonl"
        self._places = array("q", (_NONE for _ in read_jsonl(requests)))
        self._open(folder)
        self.known = len(self._places) - self._places.count(_NONE)

    @property
    def requests(self) -> int:
        """How many requests there are."""
        return len(self._places)

    def unanswered(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """The requests without an answer, with their numbers."""
        for number, row in enumerate(read_jsonl(self._requests)):
            if self._places[number] == _NONE:
                yield number, row.data

    def keep(self, number: int, line: Mapping[str, Any]) -> None:
        """Write an answer down. For one thread at a time."""
        try:
            data = encode_json({"n": number, **line})
        except DataError:  # half a surrogate pair in a text: the rest of it is an answer all the same
            data = encode_json(as_plain({"n": number, **line}))
        self._keeper.keep(data)
        self._places[number] = self._end
        self._end += len(data) + 1

    def close(self) -> None:
        """Put everything on the disk."""
        self._keeper.close()

    def write(self, out: Path) -> None:
        """Write ``out``: the answers in the order of the requests, which must all have one."""
        with self._path.open("rb") as kept, open_jsonl_writer(out) as writer:
            for place in self._places:
                kept.seek(place)
                line = kept.readline().rstrip(b"\n")
                writer.write_line(b"{" + line[line.index(b",") + 1 :])  # without its number

    def _open(self, folder: Path) -> None:
        """Take up what is there, unless it is about other requests."""
        asked, known = sha256_file(self._requests), folder / "requests.sha256"
        try:
            if not known.is_file() or known.read_text() != asked:
                self._path.unlink(missing_ok=True)
                atomic_write(known, asked)
            whole_lines(self._path)
            self._end = 0
            with self._path.open("rb") as file:
                for line in file:
                    self._places[msgspec.json.decode(line, type=_Numbered).n] = self._end
                    self._end += len(line)
        except OSError as error:
            raise storage_error(error, folder) from error
        self._keeper = Keeper(self._path)

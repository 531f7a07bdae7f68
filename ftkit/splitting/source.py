"""Any source as chat examples, read twice: once to look at them, once to copy them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ftkit.data import open_rows
from ftkit.data.files import encode_json
from ftkit.data.stream import PACKED_SUFFIXES, read_lines
from ftkit.data.template import usual_template
from ftkit.errors import DataError, Where
from ftkit.splitting.ranges import BOM, FileRange, ranges_of
from ftkit.splitting.result import SplitOptions

_decode = msgspec.json.Decoder().decode
_LINES = 1000


class SourceRow(NamedTuple):
    """A row of the source, the example that it is or becomes, and the line that this is written as.

    ``number`` is its line in the source, or its record number.
    """

    number: int
    data: Any
    example: Mapping[str, Any]
    line: bytes


class ExampleSource:
    """Examples with the lines they are written as. A chat file's own lines are kept as they are.

    ``ranges`` are the file's, where it can be read in pieces and by several processes; else None.
    """

    def __init__(self, source: Any, options: SplitOptions) -> None:
        template = options.template
        wanted = template.columns if template else ()
        self.rows = open_rows(
            source, options.source.model_copy(update={"wanted": options.source.wanted or wanted})
        )
        self.name = self.rows.name
        self.path = Path(self.name) if Path(self.name).is_file() else None
        self._limit = options.source.limit
        self._template = template or usual_template(self.rows)
        self._verbatim = self.rows.kind == "jsonl" and self._template is None and self.path is not None

    @cached_property
    def ranges(self) -> list[FileRange] | None:
        """The file in byte ranges. None for a packed one, a limit, or rows that a template makes."""
        whole = self._verbatim and self._limit is None
        if self.path is None or not whole or self.path.suffix.lower() in PACKED_SUFFIXES:
            return None
        return ranges_of(self.path)

    def __iter__(self) -> Iterator[SourceRow]:
        """Each row, checked to be an example. Raises DataError where one is none."""
        for number, data, line in self._read():
            yield checked_row(line, self.name, number) if line is not None else self._made(data, number)

    def line_blocks(self) -> Iterator[Sequence[bytes]]:
        """The lines of the examples, in the same order, many at a time."""
        lines = (
            line if line is not None else self._made(data, number).line for number, data, line in self._read()
        )
        while block := list(islice(lines, _LINES)):
            yield block

    def _read(self) -> Iterator[tuple[int, Any, bytes | None]]:
        """Line number, and the row or its text."""
        if self._verbatim:
            assert self.path is not None
            yield from islice(_file_lines(self.path), self._limit)
        else:
            for row in self.rows:
                yield row.line, row.data, None

    def _made(self, data: Any, line: int) -> SourceRow:
        where = Where(self.name, line)
        example = self._template.render(data, where) if self._template else data
        _check(example, where)
        # a column that is empty here is no field of this example
        example = {name: value for name, value in example.items() if value is not None}
        return SourceRow(line, data, example, encode_json(example))


def _file_lines(path: Path) -> Iterator[tuple[int, None, bytes]]:
    for number, raw in enumerate(read_lines(path), 1):
        line = (raw.removeprefix(BOM) if number == 1 else raw).strip()
        if line:
            yield number, None, line


def checked_row(line: bytes, file: str, number: int) -> SourceRow:
    """A line of a chat file as a row. Raises DataError, with its place, where it is none."""
    try:
        data = _decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        where = Where(file, number)
        raise DataError("this line is not JSON", where=where, hint=_hint(where)) from error
    messages = data.get("messages") if type(data) is dict else None
    if type(messages) is not list or set(map(type, messages)) != {dict}:
        _check(data, Where(file, number))
    return SourceRow(number, data, data, line)


def _check(example: Any, where: Where) -> None:
    messages = example.get("messages") if isinstance(example, Mapping) else None
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise DataError("this row is not a chat example", where=where, hint=_hint(where))


def _hint(where: Where) -> str:
    return f"`ftkit validate {where.file}` shows everything that is wrong with it."

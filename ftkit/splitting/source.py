"""Any source as chat examples, read twice: once to look at them, once to copy them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from ftkit.data import open_rows
from ftkit.data.files import encode_json
from ftkit.data.stream import PACKED_SUFFIXES, read_lines
from ftkit.data.template import usual_template
from ftkit.errors import Where, storage_error
from ftkit.splitting.ranges import BOM, FileRange, ranges_of
from ftkit.splitting.result import SplitOptions
from ftkit.splitting.rows import Batch, check_example, checked_batch

_ROWS = 1000


class FileState(NamedTuple):
    """A file's size in bytes and its time of change in nanoseconds."""

    size: int
    changed: int


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

    def state(self) -> FileState | None:
        """What the file looks like from outside. Raises StorageError where it is gone."""
        if self.path is None:
            return None
        try:
            state = self.path.stat()
        except OSError as error:
            raise storage_error(error, self.path) from error
        return FileState(state.st_size, state.st_mtime_ns)

    def batches(self) -> Iterator[Batch]:
        """All rows, checked to be examples. Raises DataError where one is none."""
        if self._verbatim:
            assert self.path is not None
            found = islice(_file_lines(self.path), self._limit)
            while pairs := list(islice(found, _ROWS)):
                numbers, lines = zip(*pairs, strict=True)
                yield checked_batch(numbers, lines, self.name)
            return
        rows = iter(self.rows)
        while some := list(islice(rows, _ROWS)):
            examples = [self._example(row.data, row.line) for row in some]
            yield Batch(
                [row.line for row in some],
                [row.data for row in some],
                examples,
                [encode_json(example) for example in examples],
            )

    def line_blocks(self) -> Iterator[Sequence[bytes]]:
        """The lines of the examples, in the same order, many at a time."""
        if not self._verbatim:
            yield from (batch.lines for batch in self.batches())
            return
        assert self.path is not None
        found = (line for _, line in islice(_file_lines(self.path), self._limit))
        while block := list(islice(found, _ROWS)):
            yield block

    def numbers_of(self, rows: Sequence[int]) -> list[int]:
        """The numbers in the source (of lines or records) of rows counted from 0, which ascend."""
        wanted, found, done = list(rows), list[int](), 0
        for numbers in self._numbers() if wanted else ():
            found += [numbers[row - done] for row in wanted[len(found) :] if row < done + len(numbers)]
            done += len(numbers)
            if len(found) == len(wanted):
                break
        return found

    def _numbers(self) -> Iterator[Sequence[int]]:
        if self.ranges is None:
            yield from (batch.numbers for batch in self.batches())
            return
        before = 0
        for piece in self.ranges:
            block = piece.read()
            yield [before + number for number in block.numbers]
            before += block.total

    def _example(self, data: Any, line: int) -> dict[str, Any]:
        where = Where(self.name, line)
        example = self._template.render(data, where) if self._template else data
        check_example(example, where)
        # a column that is empty here is no field of this example
        return {name: value for name, value in example.items() if value is not None}


def _file_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    for number, raw in enumerate(read_lines(path), 1):
        line = (raw.removeprefix(BOM) if number == 1 else raw).strip()
        if line:
            yield number, line

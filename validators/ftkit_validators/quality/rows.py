"""Which line each row stood on, and reading a few rows again, once it is known which ones matter."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ftkit.errors import FtkitError
from ftkit.validation import Context, FileFacts, Found, RowView
from ftkit.validation.kinds import kind_of_row, messages_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TEXT_SUFFIXES = (".jsonl", ".ndjson", ".json")
_UNREADABLE = (FtkitError, OSError, ImportError, ValueError)


class LineMap:
    """The line of each row seen, in order; only the first row after a gap is written down."""

    def __init__(self) -> None:
        self.rows = 0
        self._starts = array("Q")
        self._lines = array("Q")

    def add(self, line: int) -> None:
        """The next row stands on this line."""
        if not self._starts or line != self._lines[-1] + self.rows - self._starts[-1]:
            self._starts.append(self.rows)
            self._lines.append(line)
        self.rows += 1

    def merge(self, later: Self, lines: int) -> None:
        """Take in the rows that follow; before them there are ``lines`` lines."""
        for start, line in zip(later._starts, later._lines, strict=True):
            if self._starts and line + lines == self._lines[-1] + self.rows + start - self._starts[-1]:
                continue
            self._starts.append(self.rows + start)
            self._lines.append(line + lines)
        self.rows += later.rows

    def lines(self, rows: Any) -> NDArray[np.int64]:
        """The lines of the rows with these numbers, which count from 0."""
        import numpy as np

        starts = np.frombuffer(self._starts, np.uint64).astype(np.int64)
        firsts = np.frombuffer(self._lines, np.uint64).astype(np.int64)
        rows = np.asarray(rows, np.int64)
        run = np.searchsorted(starts, rows, "right") - 1
        found: NDArray[np.int64] = firsts[run] + rows - starts[run]
        return found


class Source:
    """A source that has been read, or is to be compared with, and can be read again where it is a file."""

    def __init__(self, name: str, context: Context) -> None:
        self.name = name
        self._context = context

    @property
    def show(self) -> int:
        """How many findings of a rule are kept."""
        return self._context.options.max_findings

    def rows(self) -> Iterator[RowView]:
        """Each row that can be read and whose form is right. Raises `FtkitError` where nothing can be."""
        for line, value in self._values(None):
            if (view := self._view(value, line)) is not None:
                yield view

    def again(self, lines: Collection[int]) -> Iterator[RowView]:
        """The rows on these lines, once more, in order; none where the source cannot be read twice."""
        if not lines or not _is_file(self.name):
            return
        try:
            for line, value in self._values(frozenset(lines)):
                if (view := self._view(value, line)) is not None:
                    yield view
        except _UNREADABLE:  # it has gone or changed since: what was seen of it still holds
            return

    def _view(self, value: Any, line: int) -> RowView | None:
        if not isinstance(value, dict):
            return None
        kind = kind_of_row(value, self._context.options.method)
        messages, at = messages_of(value, kind)
        if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
            return None
        return RowView(value, line, None, self._context, list(enumerate(messages)), kind=kind, messages_at=at)

    def _values(self, wanted: frozenset[int] | None) -> Iterator[tuple[int, Any]]:
        from ftkit.validation.rendering import renderer

        packed = self.name.lower().removesuffix(".gz").removesuffix(".zst")
        template, options = self._context.options.template, self._context.options
        if packed.endswith(_TEXT_SUFFIXES):
            values = _lines(self.name, wanted, options.max_line_bytes)
        else:
            from ftkit.data import open_rows
            from ftkit.data.template import usual_template

            columns = template.columns if template else ()
            source = options.source.model_copy(
                update={"wanted": options.source.wanted or columns, "limit": None}
            )
            opened = open_rows(self.name, source)
            template = template or usual_template(opened)
            values = ((row.line, row.data) for row in opened if wanted is None or row.line in wanted)
        render = renderer(template, self.name) if template else None
        for line, value in values:
            yield line, render(value, line) if render else value


def _is_file(name: str) -> bool:
    try:
        return "://" in name or Path(name).expanduser().is_file()
    except (OSError, ValueError, RuntimeError):  # the name of something that is no file at all
        return False


def _lines(name: str, wanted: frozenset[int] | None, longest: int) -> Iterator[tuple[int, Any]]:
    """Each JSON value of a text file with its line; with ``wanted``, of those lines alone."""
    from ftkit.validation.decode import decode_line
    from ftkit.validation.lines import LineReader
    from ftkit.validation.rules import FileFacts

    last = max(wanted) if wanted else None
    for block in LineReader(_chunks(name), FileFacts(), longest):
        if last is not None and block.first > last:
            return
        for line, raw in enumerate(block.lines, block.first):
            if raw and (wanted is None or line in wanted):
                yield line, decode_line(raw.removeprefix(b"\xef\xbb\xbf") if line == 1 else raw)


def _chunks(name: str) -> Iterator[bytes]:
    """The bytes of a file here or, as ``s3://...`` and the like, elsewhere."""
    from ftkit.data.stream import CHUNK, read_chunks
    from ftkit.validation.shards import open_bytes

    if "://" not in name:
        yield from read_chunks(Path(name).expanduser())
        return
    with open_bytes(name) as file:
        while chunk := file.read(CHUNK):
            yield chunk


class EachRow:
    """The part of a dataset check that says all it has to say row by row, and keeps nothing."""

    def merge(self, later: Self, lines: int) -> None:
        """Nothing was kept."""

    def end(self, facts: FileFacts) -> Iterator[Found]:
        """Nothing is left to say."""
        return iter(())

"""Any source as chat examples, read twice: once to look at them, once to copy them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from ftkit.data import open_rows
from ftkit.data.files import encode_json
from ftkit.data.stream import read_lines
from ftkit.data.template import usual_template
from ftkit.errors import DataError, Where
from ftkit.splitting.result import SplitOptions

_BOM = b"\xef\xbb\xbf"
_decode = msgspec.json.Decoder().decode


class ExampleSource:
    """Examples with the lines they are written as. A chat file's own lines are kept as they are."""

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

    def __iter__(self) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Each example, checked to be one, and its line. Raises DataError where one is none."""
        for line, (data, raw) in self._read():
            yield self._example(data, raw, line)

    def lines(self) -> Iterator[bytes]:
        """The lines of the examples, in the same order."""
        for line, (data, raw) in self._read():
            yield raw if raw is not None else self._example(data, raw, line)[1]

    def _read(self) -> Iterator[tuple[int, tuple[Any, bytes | None]]]:
        """Line number, and the row or its raw text."""
        if self._verbatim:
            assert self.path is not None
            yield from islice(_raw_lines(self.path), self._limit)
        else:
            for row in self.rows:
                yield row.line, (row.data, None)

    def _example(self, data: Any, raw: bytes | None, line: int) -> tuple[dict[str, Any], bytes]:
        where = Where(self.name, line)
        if raw is not None:
            data = _decoded(raw, where)
        example = self._template.render(data, where) if self._template else data
        _check(example, where)
        if raw is None:  # a column that is empty here is no field of this example
            example = {name: value for name, value in example.items() if value is not None}
        return example, raw if raw is not None else encode_json(example)


def _raw_lines(path: Path) -> Iterator[tuple[int, tuple[None, bytes]]]:
    for number, raw in enumerate(read_lines(path), 1):
        line = (raw.removeprefix(_BOM) if number == 1 else raw).strip()
        if line:
            yield number, (None, line)


def _decoded(raw: bytes, where: Where) -> Any:
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DataError("this line is not JSON", where=where, hint=_hint(where)) from error


def _check(example: Any, where: Where) -> None:
    messages = example.get("messages") if isinstance(example, Mapping) else None
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise DataError("this row is not a chat example", where=where, hint=_hint(where))


def _hint(where: Where) -> str:
    return f"`ftkit validate {where.file}` shows everything that is wrong with it."

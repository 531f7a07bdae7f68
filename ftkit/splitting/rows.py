"""Rows of a source in batches, checked to be chat examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from ftkit.errors import DataError, Where

_decode = msgspec.json.Decoder().decode


class Batch(NamedTuple):
    """Rows: their numbers in the source (a line's or a record's), what the source has there, the examples
    that they are or become, and the lines that these are written as.
    """

    numbers: Sequence[int]
    data: Sequence[Any]
    examples: Sequence[Mapping[str, Any]]
    lines: Sequence[bytes]


def checked_batch(numbers: Sequence[int], lines: Sequence[bytes], file: str) -> Batch:
    """Lines of a chat file as rows. Raises DataError, with its place, for the first that is none."""
    try:
        data = [_decode(line) for line in lines]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        data = []
    if len(data) != len(lines) or not _are_examples(data):
        data = [_checked_line(line, Where(file, number)) for number, line in zip(numbers, lines, strict=True)]
    return Batch(numbers, data, data, lines)


def _are_examples(data: Sequence[Any]) -> bool:
    """What ``check_example`` says of each, in few calls."""
    if set(map(type, data)) - {dict}:
        return False
    conversations = [row.get("messages") for row in data]
    if set(map(type, conversations)) - {list} or not all(conversations):
        return False
    return not set(map(type, chain.from_iterable(conversations))) - {dict}


def _checked_line(line: bytes, where: Where) -> Any:
    try:
        data = _decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DataError("this line is not JSON", where=where, hint=_hint(where)) from error
    check_example(data, where)
    return data


def check_example(example: Any, where: Where) -> None:
    """Raise DataError for what is no chat example."""
    messages = example.get("messages") if isinstance(example, Mapping) else None
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise DataError("this row is not a chat example", where=where, hint=_hint(where))


def _hint(where: Where) -> str:
    return f"`ftkit validate {where.file}` shows everything that is wrong with it."

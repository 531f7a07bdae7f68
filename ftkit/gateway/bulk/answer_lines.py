"""Lines of an answer file: whose each is, and whether it is an answer, or a failure that may pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from ftkit.gateway.bulk.ids import line_ends
from ftkit.gateway.reading import read_answer
from ftkit.gateway.values import as_map, as_text

NONE, RETRY, FINAL, OK = 0, 1, 2, 3
"""What is known of a request: no answer, a failure that may pass, one that stays, an answer."""

_MAY_PASS = (408, 409, 425, 429)


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Body(msgspec.Struct):
    usage: _Usage
    error: Any = None


class _Response(msgspec.Struct):
    status_code: int
    body: _Body


class _Good(msgspec.Struct):
    """An answer as nearly all are; a line of any other form gets a longer look."""

    custom_id: str
    response: _Response
    error: Any = None


_good_lines = msgspec.json.Decoder(_Good).decode_lines
_decode = msgspec.json.Decoder().decode


@dataclass
class AnswerLines:
    """The lines of a block that could be read, as columns; ``broken`` counts the others."""

    ids: list[str]
    states: Any
    prompt_tokens: Any
    completion_tokens: Any
    begins: Any
    ends: Any
    broken: int


def read_lines(block: bytes) -> AnswerLines:
    """The answers of a block of whole lines."""
    import numpy as np

    ends = line_ends(block)
    begins = np.concatenate((np.zeros(1, np.int64), ends[:-1]))
    rows, kept, broken = _rows(block, begins, ends)
    if kept is not None:
        begins, ends = begins[kept], ends[kept]
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    return AnswerLines(
        ids=list(columns[0]),
        states=np.array(columns[1], np.uint8),
        prompt_tokens=np.array(columns[2], np.int64),
        completion_tokens=np.array(columns[3], np.int64),
        begins=begins,
        ends=ends,
        broken=broken,
    )


_Row = tuple[str, int, int, int]


def _rows(block: bytes, begins: Any, ends: Any) -> tuple[list[_Row], list[int] | None, int]:
    """(id, state, prompt tokens, completion tokens) of each line; which lines those are, where not all."""
    try:
        good = _good_lines(block)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        good = []
    if len(good) == len(ends) and all(_is_good(one) for one in good):
        return [_good_row(one) for one in good], None, 0
    rows: list[_Row] = []
    kept: list[int] = []
    broken = 0
    for at, (begin, end) in enumerate(zip(begins.tolist(), ends.tolist(), strict=True)):
        line = block[begin:end].strip()
        row = _row(line)
        if row is not None:
            rows.append(row)
            kept.append(at)
        elif line:
            broken += 1
    return rows, kept, broken


def _is_good(one: _Good) -> bool:
    response = one.response
    return one.error is None and response.body.error is None and 200 <= response.status_code < 300


def _good_row(one: _Good) -> _Row:
    usage = one.response.body.usage
    return one.custom_id, OK, usage.prompt_tokens or 0, usage.completion_tokens or 0


def _row(line: bytes) -> _Row | None:
    """One line of any form; None where it is no JSON object, or says not whose answer it is."""
    try:
        data = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(data, dict) or data.get("custom_id") in (None, ""):
        return None
    answer = read_answer(data)
    state = OK if answer.ok else RETRY if _may_pass(answer.status_code) else FINAL
    return answer.custom_id, state, answer.prompt_tokens or 0, answer.completion_tokens or 0


def _may_pass(status: int | None) -> bool:
    """Whether a failure may pass: the platform was busy or in trouble, or the time was over (no status)."""
    return status is None or status in _MAY_PASS or status >= 500 or status < 400


def why(data: Any) -> tuple[str, str]:
    """The code and the words of a failure's line."""
    line = as_map(data)
    body = as_map(as_map(line.get("response")).get("body"))
    problem = as_map(line.get("error")) or as_map(body.get("error"))
    answer = read_answer(line)
    code = as_text(problem.get("code")) or (str(answer.status_code) if answer.status_code else "no_answer")
    return code, answer.error or "no answer"

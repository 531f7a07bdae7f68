"""Reads requests one by one: checks each, and says it in the platform's words where they differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any

from ftkit.data.files import encode_json
from ftkit.data.jsonl import escape_breaks, parse_line
from ftkit.errors import DataError, UsageError, Where
from ftkit.gateway.bulk.unchanged import Request, all_as_they_are, as_it_is, whole_lines
from ftkit.gateway.dialect import Translator

CHAT_ENDPOINT = "/v1/chat/completions"
_FORM = 'A request: {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {...}}'
_BLOCK = 256

Source = str | Path | Iterable[Mapping[str, Any]]


def place(source: Source, number: int) -> Where:
    """The place of a request in its source."""
    return Where(Path(source) if isinstance(source, str | Path) else "requests", number)


def repeated(source: Source, custom_id: str, earlier: int, later: int) -> DataError:
    """The error for a custom_id that comes twice; both are lines of the source."""
    return DataError(
        f"custom_id {custom_id!r} was used before, on line {earlier}",
        where=place(source, later),
        hint="Answers are joined by custom_id: give each request its own.",
    )


def read_requests(source: Source, translator: Translator) -> Iterator[Request]:
    """The requests of :func:`request_blocks`, one by one."""
    return chain.from_iterable(request_blocks(source, translator))


def request_blocks(source: Source, translator: Translator) -> Iterator[list[Request]]:
    """Yield the requests of a JSON lines file (plain, .gz, .zst) or of an iterable, in order, some at a time.

    Raises UsageError where the file is missing; with the place of the first fault, DataError for a
    request without custom_id or body or for another endpoint than the ones before, NotOnPlatform for a
    field that the platform refuses.
    """
    endpoint: str | None = None
    blocks = (
        _in_file(Path(source), translator) if isinstance(source, str | Path) else _given(source, translator)
    )
    for block in blocks:
        endpoint = endpoint or block[0].url
        other = next((request for request in block if request.url != endpoint), None)
        if other is not None:
            raise DataError(
                f"this request is for {other.url}, the ones before are for {endpoint}",
                where=place(source, other.number),
                hint="A batch has one endpoint: make a batch of each.",
            )
        yield block


def _given(source: Iterable[Mapping[str, Any]], translator: Translator) -> Iterator[list[Request]]:
    said = (_said(given, number, source, translator) for number, given in enumerate(source, 1))
    while block := list(islice(said, _BLOCK)):
        yield block


def _in_file(path: Path, translator: Translator) -> Iterator[list[Request]]:
    if not path.is_file():
        raise UsageError("the file of requests is not there", where=str(path))
    plain, number = translator.changes_nothing, 1
    for text in whole_lines(path):
        block = all_as_they_are(text, number) if plain else None
        if block is None:
            lines = text.splitlines()
            block = [r for at, line in enumerate(lines, number) if (r := _one(line, at, path, translator))]
            number += len(lines)
        else:
            number += len(block)
        if block:
            yield block


def _one(line: bytes, number: int, path: Path, translator: Translator) -> Request | None:
    """The request of a line; None for an empty one."""
    if translator.changes_nothing and (request := as_it_is(line, number)) is not None:
        return request
    if not line or line.isspace():
        return None
    return _said(parse_line(line, path, number), number, path, translator)


def _said(given: Any, number: int, source: Source, translator: Translator) -> Request:
    """A request said in the platform's words, with all of its fields."""
    where = place(source, number)
    custom_id, body = _parts(given, where)
    said = translator.request(body, where)
    url = str(given.get("url") or CHAT_ENDPOINT)
    whole = {
        **given,
        "custom_id": custom_id,
        "method": given.get("method") or "POST",
        "url": url,
        "body": said,
    }
    most = said.get("max_completion_tokens") or said.get("max_tokens")
    return Request(
        custom_id=custom_id,
        url=url,
        line=_encoded(whole, where),
        number=number,
        model=str(said.get("model") or ""),
        most=most if isinstance(most, int) else None,
        same=whole == given,
    )


def _encoded(request: Mapping[str, Any], where: Where) -> bytes:
    try:
        return escape_breaks(encode_json(request))
    except DataError as error:
        raise DataError(error.message, where=where, hint=error.hint) from error


def _parts(given: Any, where: Where) -> tuple[str, Mapping[str, Any]]:
    if not isinstance(given, Mapping):
        raise DataError("this is not an object", where=where, hint=_FORM)
    custom_id, body = given.get("custom_id"), given.get("body")
    if not isinstance(custom_id, str) or not custom_id:
        raise DataError("this request has no custom_id", where=where, hint=_FORM)
    if not isinstance(body, Mapping):
        raise DataError("this request has no body", where=where, hint=_FORM)
    return custom_id, body

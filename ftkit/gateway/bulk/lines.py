"""Reads requests one by one: checks each, and says it in the platform's words where they differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ftkit.data.files import encode_json
from ftkit.data.jsonl import escape_breaks, parse_line
from ftkit.data.stream import read_lines
from ftkit.errors import DataError, UsageError, Where
from ftkit.gateway.dialect import Translator

CHAT_ENDPOINT = "/v1/chat/completions"
_FORM = 'A request: {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {...}}'
_BOM = b"\xef\xbb\xbf"

Source = str | Path | Iterable[Mapping[str, Any]]


class Request(NamedTuple):
    """One checked request: ``line`` is its JSON as the platform takes it, ``number`` its line (or its
    count) in the source, ``most`` the most tokens that its answer may have where it says so, ``same``
    True where the line is the source's own.
    """

    custom_id: str
    url: str
    line: bytes
    number: int
    model: str
    most: int | None
    same: bool


class _Body(msgspec.Struct):
    model: str = ""
    max_tokens: int | None = None
    max_completion_tokens: int | None = None


class _Line(msgspec.Struct):
    """The parts of a request that matter here; the decoder passes over the rest, several times as fast."""

    custom_id: str
    body: _Body
    url: str
    method: str


_glance = msgspec.json.Decoder(_Line).decode


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
    """Yield the requests of a JSON lines file (plain, .gz, .zst) or of an iterable, in order.

    Raises UsageError where the file is missing; with the place of the first fault, DataError for a
    request without custom_id or body or for another endpoint than the ones before, NotOnPlatform for a
    field that the platform refuses.
    """
    endpoint: str | None = None
    for request in _requests(source, translator):
        if request.url != endpoint:
            if endpoint is not None:
                raise DataError(
                    f"this request is for {request.url}, the ones before are for {endpoint}",
                    where=place(source, request.number),
                    hint="A batch has one endpoint: make a batch of each.",
                )
            endpoint = request.url
        yield request


def _requests(source: Source, translator: Translator) -> Iterator[Request]:
    if not isinstance(source, str | Path):
        for number, given in enumerate(source, 1):
            yield _said(given, number, source, translator)
        return
    path = Path(source)
    if not path.is_file():
        raise UsageError("the file of requests is not there", where=str(path))
    plain = translator.changes_nothing
    for number, raw in enumerate(read_lines(path), 1):
        line = raw.removeprefix(_BOM) if number == 1 else raw
        if plain and (request := _as_it_is(line, number)) is not None:
            yield request
        elif line and not line.isspace():
            yield _said(parse_line(line, path, number), number, source, translator)


def _as_it_is(line: bytes, number: int) -> Request | None:
    """A request whose line can go out unchanged; None where it takes a longer look.

    A line with escapes gets one, because an escape may be half of a character.
    """
    if b"\\u" in line:
        return None
    try:
        seen = _glance(line)
        if not line.isascii():
            line.decode()
            line = escape_breaks(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not seen.custom_id or seen.method != "POST" or not seen.url:
        return None
    body = seen.body
    most = body.max_completion_tokens or body.max_tokens
    return Request(seen.custom_id, seen.url, line.strip(), number, body.model, most, True)


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

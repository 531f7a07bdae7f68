"""Batch requests: how one looks, and the check of a whole file of them before it is uploaded."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ftkit.catalog import Provider
from ftkit.data.jsonl import open_jsonl_writer, read_jsonl
from ftkit.errors import DataError, UsageError, Where, storage_error
from ftkit.gateway.dialect import Translator

CHAT_ENDPOINT = "/v1/chat/completions"


class RequestFile(NamedTuple):
    """A checked file of requests, ready for upload."""

    path: Path
    requests: int
    endpoint: str


def chat_request(
    custom_id: str, model: str, messages: Sequence[Mapping[str, Any]], **params: Any
) -> dict[str, Any]:
    """One chat completion as a batch request; ``custom_id`` joins the answer to it."""
    body = {"model": model, "messages": [dict(m) for m in messages], **params}
    return {"custom_id": custom_id, "method": "POST", "url": CHAT_ENDPOINT, "body": body}


@contextmanager
def request_file(
    source: str | Path | Iterable[Mapping[str, Any]], translator: Translator
) -> Iterator[RequestFile]:
    """A file of requests as the platform takes them, written anew only where that is needed.

    Raises DataError with the place of the first fault: no ``custom_id``, one used twice, no body,
    several endpoints, more requests than the platform takes; UsageError where the file is missing.
    """
    if not isinstance(source, str | Path):
        with _written(_numbered(source), translator, None) as written:
            yield written
        return
    path = Path(source)
    if not path.is_file():
        raise UsageError("the file of requests is not there", where=str(path))
    rows = ((row.data, row.line) for row in read_jsonl(path))
    if translator.changes_nothing and path.suffix not in (".gz", ".zst"):
        check = _Check(translator.provider, path)
        for request, line in rows:
            check.see(request, line)
        yield check.finished(path)
    else:
        with _written(rows, translator, path) as written:
            yield written


def _numbered(requests: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Any, int]]:
    return ((request, number) for number, request in enumerate(requests, 1))


@contextmanager
def _written(
    rows: Iterable[tuple[Any, int]], translator: Translator, origin: Path | None
) -> Iterator[RequestFile]:
    check = _Check(translator.provider, origin)
    name = f"{origin.name.split('.')[0]}.jsonl" if origin is not None else "requests.jsonl"
    try:
        folder = tempfile.TemporaryDirectory(prefix="ftkit-")
    except OSError as error:
        raise storage_error(error, tempfile.gettempdir()) from error
    with folder:
        path = Path(folder.name) / name
        with open_jsonl_writer(path) as writer:
            for request, line in rows:
                body = check.see(request, line)
                writer.write({**request, "body": translator.request(body, check.where(line))})
        yield check.finished(path)


class _Check:
    """Looks at requests one after the other; keeps only their ids."""

    def __init__(self, provider: Provider, origin: Path | None) -> None:
        self._provider = provider
        self._origin = origin
        self._ids: dict[str, int] = {}
        self._endpoint: str | None = None

    def where(self, line: int) -> Where:
        """The place of a request."""
        return Where(self._origin if self._origin is not None else "requests", line)

    def see(self, request: Any, line: int) -> Mapping[str, Any]:
        """Check one request and return its body."""
        custom_id, body = self._parts(request, line)
        if custom_id in self._ids:
            raise DataError(
                f"custom_id {custom_id!r} was used before, on line {self._ids[custom_id]}",
                where=self.where(line),
                hint="Answers are joined by custom_id: give each request its own.",
            )
        self._ids[custom_id] = line
        url = str(request.get("url") or CHAT_ENDPOINT)
        if self._endpoint is None:
            self._endpoint = url
        elif url != self._endpoint:
            raise DataError(
                f"this request is for {url}, the ones before are for {self._endpoint}",
                where=self.where(line),
                hint="A batch has one endpoint: make a batch of each.",
            )
        most = self._provider.limits.batch_requests
        if most is not None and len(self._ids) > most:
            raise DataError(
                f"a batch on {self._provider.title} takes at most {most:,} requests, and this is one more",
                where=self.where(line),
                hint="Split them into several batches.",
            )
        return body

    def finished(self, path: Path) -> RequestFile:
        """The whole file; DataError where it holds no request."""
        if self._endpoint is None:
            raise DataError(
                "there are no requests", where=str(self._origin) if self._origin is not None else None
            )
        return RequestFile(path, len(self._ids), self._endpoint)

    def _parts(self, request: Any, line: int) -> tuple[str, Mapping[str, Any]]:
        hint = 'A request: {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {...}}'
        if not isinstance(request, Mapping):
            raise DataError("this is not an object", where=self.where(line), hint=hint)
        custom_id, body = request.get("custom_id"), request.get("body")
        if not isinstance(custom_id, str) or not custom_id:
            raise DataError("this request has no custom_id", where=self.where(line), hint=hint)
        if not isinstance(body, Mapping):
            raise DataError("this request has no body", where=self.where(line), hint=hint)
        return custom_id, body

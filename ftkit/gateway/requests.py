"""Batch requests: how one looks, and the check of a whole file of them before it is uploaded."""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ftkit.data.jsonl import open_jsonl_writer
from ftkit.data.stream import PACKED_SUFFIXES
from ftkit.errors import DataError, storage_error
from ftkit.gateway.bulk.ids import first_repeated, line_blocks
from ftkit.gateway.bulk.lines import CHAT_ENDPOINT, Source, place, read_requests, repeated
from ftkit.gateway.bulk.unchanged import Request
from ftkit.gateway.dialect import Translator


class RequestFile(NamedTuple):
    """A checked file of requests, ready for upload."""

    path: Path
    requests: int
    endpoint: str


class _Named(msgspec.Struct):
    custom_id: str


_named = msgspec.json.Decoder(_Named).decode_lines


def chat_request(
    custom_id: str, model: str, messages: Sequence[Mapping[str, Any]], **params: Any
) -> dict[str, Any]:
    """One chat completion as a batch request; ``custom_id`` joins the answer to it."""
    body = {"model": model, "messages": [dict(m) for m in messages], **params}
    return {"custom_id": custom_id, "method": "POST", "url": CHAT_ENDPOINT, "body": body}


@contextmanager
def request_file(source: Source, translator: Translator) -> Iterator[RequestFile]:
    """A file of requests as the platform takes them, for one batch; written anew only where that is needed.

    Raises DataError with the place of the first fault: no ``custom_id``, one used twice, no body,
    several endpoints, more requests than a batch may hold; UsageError where the file is missing.
    """
    check = _Check(source, translator)
    if isinstance(source, str | Path) and Path(source).suffix.lower() not in PACKED_SUFFIXES:
        if all(request.same for request in check.seen()):
            yield check.finished(Path(source))
            return
        check = _Check(source, translator)
    name = f"{Path(source).name.split('.')[0]}.jsonl" if isinstance(source, str | Path) else "requests.jsonl"
    try:
        folder = tempfile.TemporaryDirectory(prefix="ftkit-")
    except OSError as error:
        raise storage_error(error, tempfile.gettempdir()) from error
    with folder:
        path = Path(folder.name) / name
        with open_jsonl_writer(path) as writer:
            for request in check.seen():
                writer.write_line(request.line)
        yield check.finished(path)


class _Check:
    """Looks at requests one after the other; keeps 16 bytes of each."""

    def __init__(self, source: Source, translator: Translator) -> None:
        self._source, self._translator = source, translator
        self._hashes, self._lines = array("q"), array("q")
        self._endpoint: str | None = None

    def seen(self) -> Iterator[Request]:
        """The requests, each checked but for its custom_id being its own."""
        provider = self._translator.provider
        most = provider.limits.batch_requests
        for request in read_requests(self._source, self._translator):
            if most is not None and len(self._lines) == most:
                raise DataError(
                    f"a batch on {provider.title} takes at most {most:,} requests, and this is one more",
                    where=place(self._source, request.number),
                    hint="`ftkit batches run` makes as many batches of them as it takes.",
                )
            self._hashes.append(hash(request.custom_id))
            self._lines.append(request.number)
            self._endpoint = request.url
            yield request

    def finished(self, path: Path) -> RequestFile:
        """The whole file; DataError where it holds no request, or one twice."""
        if self._endpoint is None:
            where = str(self._source) if isinstance(self._source, str | Path) else None
            raise DataError("there are no requests", where=where)
        found = first_repeated(self._hashes, lambda: _ids(path))
        if found is not None:
            raise repeated(self._source, found[0], self._lines[found[1]], self._lines[found[2]])
        return RequestFile(path, len(self._lines), self._endpoint)


def _ids(path: Path) -> Iterable[str]:
    """The custom_ids of a file that was found good."""
    for block, start in line_blocks(path):
        text = block.removeprefix(b"\xef\xbb\xbf") if not start else block
        yield from (one.custom_id for one in _named(text))

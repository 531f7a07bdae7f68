"""Gives up on answers that come too slowly to be worth the wait, as curl's --speed-limit does.

A client's timeout is for the time between two bytes: an answer of which a byte comes now and then
would hold it for ever. It is given up as one that timed out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import Any

LEAST = 100.0
"""Bytes a second, on average over the time that a client waits for a byte."""
_KEPT_ALIVE = 10
"""So many times longer for replies of models: some platforms send blanks while a model thinks."""


def not_too_slow(seconds: float) -> Callable[[Any], None]:
    """A hook for responses of an HTTP client whose timeout is ``seconds``; event streams are left alone."""

    def hook(response: Any) -> None:
        if "event-stream" in response.headers.get("content-type", ""):
            return
        replies = response.request.url.path.endswith("/completions")
        library = type(response).__module__.partition(".")[0]
        response.stream = _watched(library)(response, seconds * (_KEPT_ALIVE if replies else 1))

    return hook


@cache
def _watched(library: str) -> type[Any]:
    """The class for the streams of one HTTP library: the openai client may bring either of two."""
    http: Any = import_module(library)

    class Watched(http.SyncByteStream):  # type: ignore[misc]
        """A body that raises the library's ReadTimeout where it comes too slowly."""

        def __init__(self, response: Any, seconds: float) -> None:
            self._body, self._request, self._seconds = response.stream, response.request, seconds

        def __iter__(self) -> Iterator[bytes]:
            waited, got, body = 0.0, 0, iter(self._body)
            while True:
                began = time.monotonic()
                chunk = next(body, None)
                if chunk is None:
                    return
                waited += time.monotonic() - began  # what the reader does in between is no wait
                got += len(chunk)
                if waited >= self._seconds:
                    if got < LEAST * waited:
                        reason = f"{got} bytes came in {waited:.0f} seconds"
                        raise http.ReadTimeout(reason, request=self._request)
                    waited, got = 0.0, 0
                yield chunk

        def close(self) -> None:
            self._body.close()

    return Watched

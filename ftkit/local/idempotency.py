"""``Idempotency-Key``: a request that comes again under its key is answered as it was, not done again.

What changes the platform is done and its answer kept in one transaction, so that not even a sudden end
comes between the two. Answers of 5xx, and those that say "not now", are not kept: the request may come again.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from ftkit.local.envelope import ApiError, bad_value
from ftkit.local.responses import error_response
from ftkit.local.store.idempotency import IdempotencyStore, KeptAnswer

HEADER = "Idempotency-Key"
MAX_KEY_LENGTH = 255
MAX_STREAM_BYTES = 4 * 1024 * 1024
"""Longest stream that is kept; a longer one is asked of the model again."""
_KEPT_REFUSALS = frozenset((400, 403, 404, 422))
_STREAM_END = b"data: [DONE]\n\n"


def key_of(request: Request) -> str | None:
    """The request's key, or None. Raises ``ApiError`` (400) for one that is no key."""
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not 0 < len(key) <= MAX_KEY_LENGTH or not all(" " < character < "\x7f" for character in key):
        raise bad_value(
            HEADER, f"'{HEADER}' must be 1 to {MAX_KEY_LENGTH} visible ASCII characters without spaces."
        )
    return key


def fingerprint(request: Request, asked: Any) -> str:
    """The SHA-256 of all that a request asks: method, path, query, and its body's content."""
    whole = (request.method, request.url.path, sorted(request.query_params.multi_items()), asked)
    return hashlib.sha256(msgspec.json.encode(whole, order="sorted")).hexdigest()


class Idempotency:
    """The keys of one running platform: kept answers, and which keys are at work now."""

    def __init__(self, store: IdempotencyStore) -> None:
        self._store = store
        self._busy: set[str] = set()
        self._guard = threading.Lock()

    def once(self, key: str, asked: str, do: Callable[[], Response], *, atomic: bool) -> Response:
        """The answer of ``do``, or the kept one. ``asked`` is the request's ``fingerprint``.

        With ``atomic``, what ``do`` writes and the kept answer are one transaction; without, ``do`` may take
        long, and has to be harmless when it is done again after a sudden end. Raises ``ApiError`` (409) when
        the key is another request's, or its request is at work.
        """
        self._claim(key)
        held = True
        try:
            kept = self._store.find(key)
            if kept is not None:
                return _replay(kept, asked)
            if atomic:
                with self._store.db.write():
                    return self._kept(key, asked, self._attempt(do))
            answer = _refusal_kept(do)
            if getattr(answer, "body", None) is None:
                held = False
                return _Recorded(answer, lambda kept: self._ended(key, asked, kept))
            return self._kept(key, asked, answer)
        finally:
            if held:
                self._free(key)

    def _attempt(self, do: Callable[[], Response]) -> Response:
        def inside() -> Response:
            with self._store.db.write():  # undone by itself where the answer is a refusal
                return do()

        return _refusal_kept(inside)

    def _kept(self, key: str, asked: str, answer: Response) -> Response:
        kept = KeptAnswer(asked, answer.status_code, answer.media_type or "", bytes(answer.body))
        self._store.keep(key, kept)
        return answer

    def _ended(self, key: str, asked: str, stream: KeptAnswer | None) -> None:
        try:
            if stream is not None:
                kept = KeptAnswer(asked, stream.status, stream.media_type, stream.body)
                self._store.keep(key, kept)
        finally:
            self._free(key)

    def _claim(self, key: str) -> None:
        with self._guard:
            if key in self._busy:
                raise ApiError(
                    409,
                    f"The request with this '{HEADER}' is being answered; ask again in a moment.",
                    param=HEADER,
                    code="idempotency_in_progress",
                    headers={"retry-after": "1", "x-should-retry": "true"},
                )
            self._busy.add(key)

    def _free(self, key: str) -> None:
        with self._guard:
            self._busy.discard(key)


def _refusal_kept(do: Callable[[], Response]) -> Response:
    """What ``do`` answers, a refusal for good too. Raises ``ApiError`` for one that is not for good."""
    try:
        return do()
    except ApiError as error:
        if error.status not in _KEPT_REFUSALS:
            raise
        return error_response(error)


def _replay(kept: KeptAnswer, asked: str) -> Response:
    if kept.request_sha256 != asked:
        raise ApiError(
            409,
            f"This '{HEADER}' came with another request already. Use a new key for every new request.",
            param=HEADER,
            code="idempotency_key_reused",
            headers={"x-should-retry": "false"},
        )
    return Response(kept.body, kept.status, {"idempotent-replayed": "true"}, kept.media_type)


class _Recorded(Response):
    """Another response on its way to the client; what was sent is told to ``ended``, None if not all was."""

    def __init__(self, inner: Response, ended: Callable[[KeptAnswer | None], None]) -> None:
        self._inner = inner
        self._ended = ended
        self._sent = bytearray()
        self._whole = True
        self._kept = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. It is kept before its end goes out: who has seen the end may ask again at once."""

        async def keep_and_send(message: Message) -> None:
            piece = message.get("body", b"")
            self._whole = self._whole and len(self._sent) + len(piece) <= MAX_STREAM_BYTES
            if self._whole:
                self._sent += piece
                if piece and self._sent.endswith(_STREAM_END):
                    await self._keep()
            await send(message)

        try:
            await self._inner(scope, receive, keep_and_send)
        finally:
            if not self._kept:
                self._ended(None)

    async def _keep(self) -> None:
        self._kept = True
        answer = KeptAnswer("", self._inner.status_code, self._kind(), bytes(self._sent))
        await run_in_threadpool(self._ended, answer)

    def _kind(self) -> str:
        return self._inner.media_type or ""

"""``/v1/chat/completions``, ``/v1/completions`` and ``/v1/embeddings``: answers at once or in a stream."""

from __future__ import annotations

import asyncio
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from ftkit.local.asking import chat, completions, embeddings
from ftkit.local.asking.endpoints import ENDPOINTS
from ftkit.local.context import Context
from ftkit.local.idempotency import key_of
from ftkit.local.operation import Operation
from ftkit.local.routing import answer_once, form_route, read_object

_CHAT = Operation("ChatCompletion", query=(), body=chat.BODY, checked=False, streams="ChatCompletionChunk")
_COMPLETION = Operation("Completion", query=(), body=completions.BODY, checked=False, streams="Completion")
_EMBEDDING = Operation("EmbeddingList", query=(), body=embeddings.BODY, checked=False)


async def create_chat_completion(context: Context, request: Request) -> Response:
    """Answer a conversation."""
    return await _answer(context, request, chat.PATH, _CHAT)


async def create_completion(context: Context, request: Request) -> Response:
    """Go on with a text."""
    return await _answer(context, request, completions.PATH, _COMPLETION)


async def create_embedding(context: Context, request: Request) -> Response:
    """Turn texts into vectors."""
    return await _answer(context, request, embeddings.PATH, _EMBEDDING)


async def _answer(context: Context, request: Request, path: str, operation: Operation) -> Response:
    """Read the request and have the desk answer it, through the kept answers where it came with a key."""
    body = await read_object(request)
    wanted = ENDPOINTS[path](body)
    if key_of(request) is None:
        return await context.desk.respond(wanted)
    loop = asyncio.get_running_loop()

    def do() -> Response:
        return asyncio.run_coroutine_threadsafe(context.desk.respond(wanted), loop).result()

    return await context.desk.aside(partial(answer_once, request, operation, body, do))


ROUTES = [
    form_route(chat.PATH, create_chat_completion, _CHAT),
    form_route(completions.PATH, create_completion, _COMPLETION),
    form_route(embeddings.PATH, create_embedding, _EMBEDDING),
]

"""Calls a hook for one request, and makes of what it returns the answer that a platform would give."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from ftkit.errors import UsageError
from ftkit.inference.backends.hook import (
    Function,
    Hook,
    HookedModel,
    HookReply,
    arguments,
    prompt_text,
    read_reply,
    read_vectors,
)

CHAT, TEXT, EMBEDDINGS = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
_NOT_PARAMS = ("model", "messages", "prompt", "input", "stream", "stream_options")


class NotAnswerable(Exception):
    """A request that this hook cannot answer at all; ``code`` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Caller:
    """A hook at work in one event loop. ``seconds`` is how long one call may take, of functions that are
    not asynchronous ``threads`` work at a time."""

    def __init__(self, hook: Hook, model: HookedModel, seconds: float, threads: int) -> None:
        self._hook, self._model, self._seconds = hook, model, seconds
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="ftkit-hook")

    async def open(self) -> None:
        """Let the hook set itself up."""
        if self._hook.setup is not None:
            self._model.client = await self._run(
                self._hook.setup, arguments(self._hook.setup, self._given(), {})
            )

    async def close(self) -> None:
        """Let the hook tidy up."""
        try:
            if self._hook.close is not None:
                await self._run(self._hook.close, arguments(self._hook.close, self._given(), {}))
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)

    async def answer(self, custom_id: str, url: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The body of the response. Raises what the hook raises, TimeoutError and NotAnswerable."""
        fields = {
            name: value for name, value in body.items() if name not in _NOT_PARAMS and value is not None
        }
        if url == EMBEDDINGS:
            return await self._embed(custom_id, body, fields)
        messages = _messages(url, body)
        given = {"messages": messages, "prompt": prompt_text(messages), "params": fields}
        result = await self._call("call", given, fields)
        if result is None:
            raise NotAnswerable("empty", "the hook returned no text")
        reply = read_reply(result)
        if not isinstance(reply, HookReply):
            return {**reply, "model": self._model.name}
        return _completion(custom_id, self._model.name, reply)

    async def _embed(self, custom_id: str, body: Mapping[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
        texts = body.get("input")
        texts = [texts] if isinstance(texts, str) else list(texts or [])
        result = await self._call("embed", {"texts": texts, "params": fields}, fields)
        if isinstance(result, Mapping) and "data" in result:
            return dict(result)
        vectors, tokens = read_vectors(result, len(texts))
        data = [{"object": "embedding", "index": n, "embedding": vector} for n, vector in enumerate(vectors)]
        usage = {} if tokens is None else {"usage": {"prompt_tokens": tokens, "total_tokens": tokens}}
        return {"id": f"hook-{custom_id}", "object": "list", "model": self._model.name, "data": data, **usage}

    async def _call(self, kind: str, given: Mapping[str, Any], fields: Mapping[str, Any]) -> Any:
        function = getattr(self._hook, kind)
        if function is None:
            raise NotAnswerable("unsupported", f"the hook {self._hook.title} has no {kind}")
        async with asyncio.timeout(self._seconds):
            return await self._run(function, arguments(function, {**self._given(), **given}, fields))

    async def _run(self, function: Function, named: Mapping[str, Any]) -> Any:
        """Call a function: a coroutine function here, another one in a thread."""
        if inspect.iscoroutinefunction(function):
            return await function(**named)
        loop = asyncio.get_running_loop()
        result = await loop.run_in_executor(self._pool, partial(function, **named))
        return await result if inspect.isawaitable(result) else result

    def _given(self) -> dict[str, Any]:
        model = self._model
        shared = {"model": model, "client": model.client, "settings": model.settings}
        return {**shared, "key": model.key, "api_key": model.key}


def _messages(url: str, body: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The conversation of a request; a plain prompt is the user's only message."""
    if url == TEXT:
        return [{"role": "user", "content": str(body.get("prompt") or "")}]
    if url != CHAT:
        raise UsageError(f"a hook answers no requests to {url}")
    return list(body.get("messages") or [])


def _completion(custom_id: str, model: str, reply: HookReply) -> dict[str, Any]:
    """A reply in the form of a chat completion; without token counts where the hook gave none."""
    message = {"role": "assistant", "content": reply.text}
    choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason}
    body: dict[str, Any] = {
        "id": f"hook-{custom_id}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [choice],
    }
    prompt, completion = reply.prompt_tokens, reply.completion_tokens
    if prompt is not None or completion is not None:
        known = {"prompt_tokens": prompt, "completion_tokens": completion}
        if prompt is not None and completion is not None:
            known["total_tokens"] = prompt + completion
        body["usage"] = known
    return body

"""``/v1/chat/completions``: a request's body to what is asked, and answers to OpenAI's chat objects."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ftkit.local.asking.forms import FORMAT_SCHEMA, form_of
from ftkit.local.asking.generation import PARAMETERS as SHARED
from ftkit.local.asking.generation import TEXT, include_usage, sampling_of, stop_of
from ftkit.local.asking.messages import MESSAGES_SCHEMA, messages_of
from ftkit.local.asking.tools import CHOICE_SCHEMA, TOOLS_SCHEMA, choice_of, tools_of
from ftkit.local.asking.wanted import Chunks, Texts, model_of, usage
from ftkit.local.engines.asking import Ability, Answer, Ask, Delta, Reply, TokenLogprob
from ftkit.local.envelope import bad_value
from ftkit.local.ids import new_id
from ftkit.local.names import ServedModel
from ftkit.local.schema import FLAG, METADATA, Schema, check, closed, one_of, whole

PATH = "/v1/chat/completions"
MAX_TOP_LOGPROBS = 20

_UNSUPPORTED: Schema = {"x-unsupported": "The engines of this platform do not do this."}
_OBJECT: Schema = {"type": "object"}

PARAMETERS: dict[str, Schema] = {
    **SHARED,
    "audio": _UNSUPPORTED,
    "function_call": _UNSUPPORTED,
    "functions": {"x-unsupported": "'functions' is not supported: give them as 'tools'."},
    "logprobs": FLAG,
    "max_completion_tokens": SHARED["max_tokens"],
    "messages": MESSAGES_SCHEMA,
    "metadata": METADATA,
    "modalities": {"type": "array", "items": one_of("text")},
    "moderation": _UNSUPPORTED,
    "parallel_tool_calls": FLAG,
    "prediction": _OBJECT,
    "prompt_cache_key": TEXT,
    "prompt_cache_options": _OBJECT,
    "prompt_cache_retention": TEXT,
    "reasoning_effort": one_of("none", "minimal", "low", "medium", "high", "xhigh", "max"),
    "response_format": FORMAT_SCHEMA,
    "safety_identifier": TEXT,
    "service_tier": TEXT,
    "store": FLAG,
    "tool_choice": CHOICE_SCHEMA,
    "tools": TOOLS_SCHEMA,
    "top_logprobs": whole(0, MAX_TOP_LOGPROBS),
    "verbosity": one_of("low", "medium", "high"),
    "web_search_options": _UNSUPPORTED,
}
"""Every parameter. Hints to a hosted platform, such as ``prediction``, are checked and change nothing."""
BODY = closed(PARAMETERS, "messages", "model")
_ELSEWHERE = ("messages", "model", "response_format", "tool_choice", "tools")
_CHECKED = closed({**PARAMETERS, **{name: {} for name in _ELSEWHERE}})
"""What the schema alone checks; the others have errors of their own."""


@dataclass(frozen=True, slots=True)
class ChatWanted(Texts):
    """A checked chat request. ``one_call`` keeps only the first of a reply's tool calls."""

    about = "messages"
    one_call: bool = False

    @classmethod
    def read(cls, body: Any) -> ChatWanted:
        """Check a request's body. Raises ``ApiError`` (400) naming the parameter."""
        model = model_of(body)
        check(body, _CHECKED)
        needs: dict[Ability, str] = {"chat": "model"}
        return cls(
            model=model,
            asks=(_ask(body, needs),),
            needs=needs,
            stream=bool(body.get("stream")),
            include_usage=include_usage(body),
            one_call=body.get("parallel_tool_calls") is False,
        )

    def body(self, model: ServedModel, found: Sequence[Answer]) -> dict[str, Any]:
        """The whole answer, with the model's name as it was asked for."""
        [answer] = found
        return {
            "id": new_id("chatcmpl-"),
            "object": "chat.completion",
            "created": int(time.time()),
            "model": self.model,
            "choices": [self._choice(index, reply) for index, reply in enumerate(answer.replies)],
            "usage": usage(answer.prompt_tokens, sum(reply.tokens for reply in answer.replies)),
            "system_fingerprint": model.fingerprint,
        }

    def _choice(self, index: int, reply: Reply) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": None}
        if reply.tool_calls:
            message["content"] = reply.text or None
            message["tool_calls"] = list(reply.tool_calls[:1] if self.one_call else reply.tool_calls)
        return {
            "index": index,
            "message": message,
            "logprobs": None if reply.logprobs is None else logprobs_view(reply.logprobs),
            "finish_reason": reply.finish_reason,
        }

    def chunks(self, model: ServedModel) -> Chunks:
        """For a streamed answer."""
        return ChatChunks(self, model)


def _ask(body: Mapping[str, Any], needs: dict[Ability, str]) -> Ask:
    """The one ask of a body whose parameters are checked; ``needs`` is filled."""
    messages = messages_of(body)
    form = form_of(body.get("response_format"))
    if form is not None:
        needs["form"] = "response_format"
    tools = tools_of(body.get("tools"))
    if tools:
        needs["tools"] = "tools"
    top = body.get("top_logprobs")
    if body.get("logprobs"):
        needs["logprobs"] = "logprobs"
        top = top or 0
    elif top is not None:
        raise bad_value("top_logprobs", "'top_logprobs' is only allowed when 'logprobs' is true.")
    most = body.get("max_completion_tokens")
    return Ask(
        messages=messages,
        choices=body.get("n") or 1,
        most_tokens=body.get("max_tokens") if most is None else most,
        stop=stop_of(body),
        sampling=sampling_of(body),
        top_logprobs=top,
        form=form,
        tools=tools,
        tool_choice=choice_of(body.get("tool_choice"), tools),
    )


class ChatChunks(Chunks):
    """A streamed chat: each choice begins with its role and ends with its finish reason."""

    def __init__(self, wanted: ChatWanted, model: ServedModel) -> None:
        shared = {
            "id": new_id("chatcmpl-"),
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": wanted.model,
            "system_fingerprint": model.fingerprint,
        }
        super().__init__(shared, wanted.include_usage)
        self._one_call = wanted.one_call
        self._begun: dict[int, int] = {}
        """Choices that have begun, and how many tool calls each has so far."""

    def choices(self, prompt: int, delta: Delta) -> Iterator[dict[str, Any]]:
        """A piece's chunks; a piece with nothing but the prompt's tokens has none."""
        index = delta.index
        if not (delta.text or delta.tool_calls or delta.logprobs or delta.finish_reason):
            return
        if index not in self._begun:
            self._begun[index] = 0
            yield _delta(index, {"role": "assistant", "content": ""})
        content: dict[str, Any] = {"content": delta.text} if delta.text else {}
        calls = [self._call(index, call) for call in delta.tool_calls]
        calls = [call for call in calls if not (self._one_call and call["index"])]
        if calls:
            content["tool_calls"] = calls
        if content or delta.logprobs:
            yield _delta(index, content, delta.logprobs)
        if delta.finish_reason:
            yield _delta(index, {}, None, delta.finish_reason)

    def _call(self, index: int, call: Mapping[str, Any]) -> dict[str, Any]:
        """A tool call with its place among its choice's calls."""
        place = self._begun[index]
        self._begun[index] += 1
        return {"index": place, **call}


def _delta(
    index: int,
    delta: dict[str, Any],
    logprobs: Sequence[TokenLogprob] | None = None,
    finish_reason: str | None = None,
) -> dict[str, Any]:
    return {
        "index": index,
        "delta": delta,
        "logprobs": None if logprobs is None else logprobs_view(logprobs),
        "finish_reason": finish_reason,
    }


def logprobs_view(tokens: Sequence[TokenLogprob]) -> dict[str, Any]:
    """OpenAI's log-probabilities of a chat reply."""
    return {
        "content": [
            {
                **_token(token.token, token.logprob),
                "top_logprobs": [_token(text, logprob) for text, logprob in token.top],
            }
            for token in tokens
        ],
        "refusal": None,
    }


def _token(text: str, logprob: float) -> dict[str, Any]:
    # A logarithm of nothing has no place in JSON; -9999 is what OpenAI's platform says there.
    return {
        "token": text,
        "logprob": max(logprob, -9999.0),
        "bytes": list(text.encode("utf-8", "surrogatepass")),
    }

"""Chat completions: check a request's body, and say the answer in OpenAI's form.

The chat route and the batch worker both come through here, so an answer is the same either way.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ftkit.local.config import MAX_NAME_LENGTH
from ftkit.local.engines.asking import Answer, Ask, Reply
from ftkit.local.envelope import ApiError, bad_value, missing
from ftkit.local.ids import new_id
from ftkit.local.names import ServedModel

_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
MAX_CHOICES = 128
MAX_MESSAGES = 2048
_HARMLESS = frozenset(
    """frequency_penalty logit_bias max_completion_tokens max_tokens messages metadata min_p model n
    parallel_tool_calls prediction presence_penalty prompt_cache_key prompt_cache_options
    prompt_cache_retention reasoning_effort repetition_penalty safety_identifier seed service_tier
    stop store stream stream_options temperature top_k top_p user verbosity""".split()  # noqa: SIM905
)
"""Parameters that are used, or that change nothing about what a deterministic model answers."""
_UNSUPPORTED = frozenset(
    """audio function_call functions logprobs modalities moderation response_format tool_choice tools
    top_logprobs web_search_options""".split()  # noqa: SIM905
)
_NO_CHANGE = {
    "logprobs": (False,),
    "modalities": (["text"],),
    "response_format": ({"type": "text"},),
    "tools": ([],),
}
"""Values of unsupported parameters that ask for nothing."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A checked request: what is asked of which model, and how the answer is to come."""

    model: str
    ask: Ask
    stream: bool
    include_usage: bool


def chat_request(body: Any) -> ChatRequest:
    """Check a request's body. Raises ``ApiError`` (400) naming the parameter."""
    if not isinstance(body, dict):
        raise ApiError(400, "The request body must be a JSON object.")
    model = body.get("model")
    if model is None:
        raise missing("model")
    if not isinstance(model, str) or not 0 < len(model) <= MAX_NAME_LENGTH:
        raise bad_value("model", "'model' must be a model's name.", "invalid_type")
    _check_parameters(body)
    stream = _flag(body, "stream")
    options = body.get("stream_options")
    if options is not None and not stream:
        raise bad_value("stream_options", "'stream_options' is only allowed when 'stream' is true.")
    if options is not None and not isinstance(options, dict):
        raise bad_value("stream_options", "'stream_options' must be an object.", "invalid_type")
    most = body.get("max_completion_tokens")
    name = "max_tokens" if most is None else "max_completion_tokens"
    return ChatRequest(
        model=model,
        ask=Ask(
            messages=_messages(body),
            choices=_whole(body, "n", 1, MAX_CHOICES) or 1,
            most_tokens=_whole(body, name, 1, 1 << 31),
            stop=_stop(body.get("stop")),
        ),
        stream=stream,
        include_usage=_flag(options or {}, "include_usage", "stream_options."),
    )


def _check_parameters(body: Mapping[str, Any]) -> None:
    for name, value in body.items():
        if name in _HARMLESS or value is None:
            continue
        if name not in _UNSUPPORTED:
            raise bad_value(name[:80], f"Unknown parameter: '{name[:80]}'.", "unknown_parameter")
        if value not in _NO_CHANGE.get(name, ()):
            raise bad_value(
                name, f"'{name}' is not supported by the engines of this platform.", "unsupported_parameter"
            )
    for name, (least, largest) in {"temperature": (0, 2), "top_p": (0, 1)}.items():
        value = body.get(name)
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= largest
        ):
            raise bad_value(name, f"'{name}' must be a number from {least} to {largest}.")


def _messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    messages = body.get("messages")
    if messages is None:
        raise missing("messages")
    if not isinstance(messages, list):
        raise bad_value("messages", "'messages' must be a list.", "invalid_type")
    if not messages:
        raise bad_value("messages", "'messages' is empty: it needs at least one message.", "empty_array")
    if len(messages) > MAX_MESSAGES:
        raise bad_value(
            "messages", f"'messages' has more than {MAX_MESSAGES} messages.", "array_above_max_length"
        )
    for position, message in enumerate(messages):
        fault = message_fault(message)
        if fault is not None:
            name, said = fault
            raise bad_value(f"messages[{position}]{name}", f"messages[{position}]{name} {said}")
    return messages


def message_fault(message: Any) -> tuple[str, str] | None:
    """What is wrong with a chat message: (".field", "must be ..."); None when nothing is."""
    if not isinstance(message, dict):
        return "", "must be an object."
    if message.get("role") not in _ROLES:
        return ".role", f"must be one of {', '.join(_ROLES)}."
    content = message.get("content")
    if content is None:
        calls = message["role"] == "assistant" and (message.get("tool_calls") or message.get("function_call"))
        return None if calls or message.get("refusal") else (".content", "must be text or a list of parts.")
    if isinstance(content, str):
        return None
    if not isinstance(content, list):
        return ".content", "must be text or a list of parts."
    for part in content:
        if not isinstance(part, dict) or part.get("type") not in ("text", "refusal"):
            return ".content", "may only have parts of type 'text': this platform's engines read text."
        if part["type"] == "text" and not isinstance(part.get("text"), str):
            return ".content", "has a text part whose 'text' is not a string."
    return None


def _flag(body: Mapping[str, Any], name: str, place: str = "") -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise bad_value(place + name, f"'{place}{name}' must be true or false.", "invalid_type")
    return bool(value)


def _whole(body: Mapping[str, Any], name: str, least: int, largest: int) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= largest:
        raise bad_value(name, f"'{name}' must be a whole number from {least} to {largest}.")
    return value


def _stop(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    stops = [value] if isinstance(value, str) else value
    if (
        not isinstance(stops, list)
        or len(stops) > 4
        or not all(isinstance(stop, str) and stop for stop in stops)
    ):
        raise bad_value("stop", "'stop' must be a text or a list of at most four texts.")
    return tuple(stops)


def usage(prompt: int, completion: int) -> dict[str, int]:
    """OpenAI's usage object."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def completion(request: ChatRequest, model: ServedModel, answer: Answer) -> dict[str, Any]:
    """The whole answer to a request, with the model's name as it was asked for."""
    return {
        "id": new_id("chatcmpl-"),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": request.model,
        "choices": [_choice(index, reply) for index, reply in enumerate(answer.replies)],
        "usage": usage(answer.prompt_tokens, sum(reply.tokens for reply in answer.replies)),
        "system_fingerprint": model.fingerprint,
    }


def _choice(index: int, reply: Reply) -> dict[str, Any]:
    message = {"role": "assistant", "content": reply.text, "refusal": None}
    return {"index": index, "message": message, "logprobs": None, "finish_reason": reply.finish_reason}

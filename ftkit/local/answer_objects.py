"""The objects that models' answers are made of, as JSON Schema, as OpenAI has them."""

from __future__ import annotations

from typing import Final

from ftkit.local.objects import array_of, object_of
from ftkit.local.schema import TEXT, Schema, one_of, or_null

_INT: Final[Schema] = {"type": "integer"}
_NUMBER: Final[Schema] = {"type": "number"}
_SHARED: Final[dict[str, Schema]] = {
    "id": TEXT,
    "created": {"type": "integer", "description": "Seconds since 1970, UTC."},
    "model": {"type": "string", "description": "The name that was asked for."},
    "system_fingerprint": {"type": "string", "description": "The engine that answered."},
}
USAGE: Final = object_of(prompt_tokens=_INT, completion_tokens=_INT, total_tokens=_INT)


def _optional(schema: Schema, **fields: Schema) -> Schema:
    """The object with some fields more, which need not be there."""
    return {**schema, "properties": {**schema["properties"], **fields}}


_TOKEN = object_of(token=TEXT, logprob=_NUMBER, bytes=or_null(array_of(_INT)))
_TOKEN_WITH_TOP = object_of(
    token=TEXT, logprob=_NUMBER, bytes=or_null(array_of(_INT)), top_logprobs=array_of(_TOKEN)
)
_LOGPROBS = or_null(
    _optional(
        object_of(content=or_null(array_of(_TOKEN_WITH_TOP))), refusal=or_null(array_of(_TOKEN_WITH_TOP))
    )
)
_CALL = object_of(
    id=TEXT, type={"type": "string", "const": "function"}, function=object_of(name=TEXT, arguments=TEXT)
)
_CHAT_REASON = one_of("stop", "length", "tool_calls")
_MESSAGE = _optional(
    object_of(role={"type": "string", "const": "assistant"}, content=or_null(TEXT), refusal=or_null(TEXT)),
    tool_calls=array_of(_CALL),
)
_CHOICE = object_of(index=_INT, message=_MESSAGE, logprobs=_LOGPROBS, finish_reason=_CHAT_REASON)
_DELTA: Final[Schema] = {
    "type": "object",
    "properties": {
        "role": {"type": "string", "const": "assistant"},
        "content": or_null(TEXT),
        "refusal": or_null(TEXT),
        "tool_calls": array_of(_optional(_CALL, index=_INT)),
    },
}
_CHUNK_CHOICE = object_of(index=_INT, delta=_DELTA, logprobs=_LOGPROBS, finish_reason=or_null(_CHAT_REASON))
_TEXT_LOGPROBS = object_of(
    tokens=array_of(TEXT),
    token_logprobs=array_of(_NUMBER),
    top_logprobs=array_of({"type": "object", "additionalProperties": _NUMBER}),
    text_offset=array_of(_INT),
)
_TEXT_CHOICE = object_of(
    index=_INT, text=TEXT, logprobs=or_null(_TEXT_LOGPROBS), finish_reason=or_null(one_of("stop", "length"))
)
_EMBEDDING = object_of(
    "embedding",
    index=_INT,
    embedding={"anyOf": [array_of(_NUMBER), {"type": "string", "description": "Base64 of 32-bit floats."}]},
)

ANSWERS: Final[dict[str, Schema]] = {
    "ChatCompletion": object_of("chat.completion", **_SHARED, choices=array_of(_CHOICE), usage=USAGE),
    "ChatCompletionChunk": _optional(
        object_of("chat.completion.chunk", **_SHARED, choices=array_of(_CHUNK_CHOICE)), usage=or_null(USAGE)
    ),
    "Completion": _optional(
        object_of("text_completion", **_SHARED, choices=array_of(_TEXT_CHOICE)), usage=or_null(USAGE)
    ),
    "EmbeddingList": object_of(
        "list", data=array_of(_EMBEDDING), model=TEXT, usage=object_of(prompt_tokens=_INT, total_tokens=_INT)
    ),
}

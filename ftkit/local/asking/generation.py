"""Parameters that chat and plain completions share: how long, where to stop, how to draw, how to stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftkit.local.config import MAX_NAME_LENGTH
from ftkit.local.engines.asking import Sampling
from ftkit.local.envelope import bad_value
from ftkit.local.schema import FLAG, Schema, closed, number, whole

MAX_CHOICES = 128
_LARGEST = (1 << 31) - 1
_NO_SAMPLING = Sampling()

TEXT: Schema = {"type": "string", "maxLength": 4096}
MODEL: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_NAME_LENGTH}
_STOP: Schema = {"type": "string", "minLength": 1}

PARAMETERS: dict[str, Schema] = {
    "frequency_penalty": number(-2, 2),
    "logit_bias": {
        "type": "object",
        "propertyNames": {"pattern": "^[0-9]{1,9}$", "x-must-be": "a token's number"},
        "additionalProperties": number(-100, 100),
    },
    "max_tokens": whole(1, _LARGEST),
    "min_p": number(0, 1),
    "model": MODEL,
    "n": whole(1, MAX_CHOICES),
    "presence_penalty": number(-2, 2),
    "repetition_penalty": {**number(most=100), "exclusiveMinimum": 0},
    "seed": whole(-(1 << 63), (1 << 63) - 1),
    "stop": {"anyOf": [_STOP, {"type": "array", "items": _STOP, "maxItems": 4}]},
    "stream": FLAG,
    "stream_options": closed({"include_usage": FLAG, "include_obfuscation": FLAG}),
    "temperature": number(0, 2),
    "top_k": whole(-1, _LARGEST),
    "top_p": number(0, 1),
    "user": TEXT,
}
_SAMPLING = (
    "frequency_penalty",
    "logit_bias",
    "min_p",
    "presence_penalty",
    "repetition_penalty",
    "seed",
    "temperature",
    "top_k",
    "top_p",
)


def stop_of(body: Mapping[str, Any]) -> tuple[str, ...]:
    """The checked stop texts."""
    stop = body.get("stop")
    if stop is None:
        return ()
    return (stop,) if isinstance(stop, str) else tuple(stop)


def sampling_of(body: Mapping[str, Any]) -> Sampling:
    """The checked parameters of sampling. An engine that draws nothing has no use for them."""
    given = {name: body[name] for name in _SAMPLING if body.get(name) is not None}
    if not given:
        return _NO_SAMPLING
    if given.get("top_k") in (-1, 0):  # other platforms' way to say: all of them
        del given["top_k"]
    if "logit_bias" in given:
        given["logit_bias"] = {int(token): bias for token, bias in given["logit_bias"].items()}
    return Sampling(**given)


def include_usage(body: Mapping[str, Any]) -> bool:
    """Whether a stream ends with its usage. Raises ``ApiError`` (400) for options without a stream."""
    options = body.get("stream_options")
    if options is not None and not body.get("stream"):
        raise bad_value("stream_options", "'stream_options' is only allowed when 'stream' is true.")
    return bool(options and options.get("include_usage"))

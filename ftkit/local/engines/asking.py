"""What a model is asked and how it answers: the form between the routes, the batch worker and the engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Messages = Sequence[Mapping[str, Any]]
"""A conversation: chat messages with ``role`` and ``content``."""

Ability = Literal["chat", "completions", "embeddings", "form", "logprobs", "sampling", "tools"]
"""``form``: replies that satisfy a JSON Schema. ``sampling``: temperature, top_p and seed matter."""

FinishReason = Literal["stop", "length", "tool_calls"]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to draw tokens. None is the engine's own default."""

    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """One thing asked of a model: chat ``messages``, or the ``prompt`` of a plain completion.

    ``choices`` replies are wanted, each of at most ``most_tokens`` of the engine's tokens and ending before
    the first of the ``stop`` texts. ``top_logprobs`` is None where no log-probabilities are wanted. A
    ``form`` is the JSON Schema that the reply must satisfy. ``tool_choice`` is as in OpenAI's API.
    """

    messages: Messages = ()
    prompt: str | None = None
    choices: int = 1
    most_tokens: int | None = None
    stop: tuple[str, ...] = ()
    sampling: Sampling = Sampling()
    top_logprobs: int | None = None
    form: Mapping[str, Any] | None = None
    tools: tuple[Mapping[str, Any], ...] = ()
    tool_choice: str | Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token, the natural logarithm of its probability, and the likeliest others at its place."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """One choice. ``tokens`` counts the engine's own tokens; ``tool_calls`` are OpenAI's objects."""

    text: str
    tokens: int
    finish_reason: FinishReason = "stop"
    logprobs: tuple[TokenLogprob, ...] | None = None
    tool_calls: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """All replies to one ask, and the size of what was asked in the engine's tokens."""

    replies: tuple[Reply, ...]
    prompt_tokens: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one ask has no answer: the request's fault (HTTP 400), such as a prompt that is too long."""

    message: str
    code: str = "invalid_value"
    param: str | None = None


class Refused(Exception):
    """A refusal, where an answer would come in pieces or as vectors; raised before the first piece."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of one choice of a streamed answer; ``prompt_tokens`` stands in the first piece at least."""

    index: int = 0
    text: str = ""
    tokens: int = 0
    finish_reason: FinishReason | None = None
    logprobs: tuple[TokenLogprob, ...] | None = None
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    prompt_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Embedded:
    """A vector for each text (all of one length), and how many of the engine's tokens each text has."""

    vectors: Sequence[Sequence[float]]
    tokens: Sequence[int]

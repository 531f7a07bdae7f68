"""A checked request: which model it is for, what it needs of it, and what it asks of an engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ftkit.local.asking.forms import satisfies, unsatisfied
from ftkit.local.config import MAX_NAME_LENGTH
from ftkit.local.engines.asking import Ability, Answer, Ask, Delta, Refusal
from ftkit.local.engines.base import Responder
from ftkit.local.envelope import ApiError, bad_value, missing
from ftkit.local.names import ServedModel

_METHODS: dict[Ability, str] = {
    "chat": "chat completions",
    "completions": "plain completions",
    "embeddings": "embeddings",
}


@dataclass(frozen=True, slots=True)
class Wanted(ABC):
    """A checked request. ``needs`` says which parameter asks for an ability of the model's.

    ``about`` is the parameter with what is asked.
    """

    about: ClassVar[str]
    model: str
    needs: Mapping[Ability, str]

    @property
    @abstractmethod
    def group(self) -> object:
        """Requests to a model that are alike in this may be answered together."""

    @classmethod
    @abstractmethod
    def answers(cls, responder: Responder, many: Sequence[Any]) -> list[Any]:
        """What the engine says to each of ``many`` requests of this class; an ``ApiError`` where it refuses.

        Raises ``Refused`` or what the engine raises, where it is not known which of them is at fault.
        """

    @abstractmethod
    def body(self, model: ServedModel, found: Any) -> dict[str, Any]:
        """OpenAI's object for what ``answers`` gave. Raises ``ApiError`` when it must not be handed out."""

    def check_abilities(self, model: ServedModel, abilities: frozenset[Ability]) -> None:
        """Raise ``ApiError`` (400) naming the model and the parameter when more is asked than it can."""
        for ability, param in self.needs.items():
            if ability in abilities:
                continue
            if ability in _METHODS:
                raise bad_value(
                    "model", f"The model '{model.id}' has no {_METHODS[ability]}.", "unsupported_model"
                )
            raise bad_value(
                param, f"'{param}' is not supported by the model '{model.id}'.", "unsupported_parameter"
            )


@dataclass(frozen=True, slots=True)
class Texts(Wanted):
    """A request for texts: chat or plain completions. One ask a prompt."""

    asks: tuple[Ask, ...]
    stream: bool = False
    include_usage: bool = False

    @property
    def group(self) -> object:
        """All such requests go together."""
        return "texts"

    @classmethod
    def answers(cls, responder: Responder, many: Sequence[Texts]) -> list[tuple[Answer, ...] | ApiError]:
        """The answers to each request's asks."""
        found = responder.answer([ask for wanted in many for ask in wanted.asks])
        answers: list[tuple[Answer, ...] | ApiError] = []
        start = 0
        for wanted in many:
            answers.append(wanted.judged(found[start : start + len(wanted.asks)]))
            start += len(wanted.asks)
        return answers

    def judged(self, found: Sequence[Answer | Refusal]) -> tuple[Answer, ...] | ApiError:
        """All of a request's answers, or the first refusal."""
        answers: list[Answer] = []
        for ask, answer in zip(self.asks, found, strict=True):
            if isinstance(answer, Refusal):
                return refused(answer, self.about)
            if ask.form is not None and not all(
                formed(ask, reply.text, reply.finish_reason) for reply in answer.replies
            ):
                return unsatisfied(self.model)
            answers.append(answer)
        return tuple(answers)

    @abstractmethod
    def chunks(self, model: ServedModel) -> Chunks:
        """What turns the engine's pieces into OpenAI's chunks."""


class Chunks(ABC):
    """Turns a streamed answer's pieces into OpenAI's chunks, and keeps count of tokens."""

    def __init__(self, shared: Mapping[str, Any], include_usage: bool) -> None:
        self._shared = {**shared, "usage": None} if include_usage else dict(shared)
        self._include_usage = include_usage
        self._prompt = 0
        self._completion = 0

    def of(self, prompt: int, delta: Delta) -> Iterator[dict[str, Any]]:
        """The chunks for a piece of the answer to the request's ``prompt``-th ask."""
        self._prompt += delta.prompt_tokens or 0
        self._completion += delta.tokens
        for choice in self.choices(prompt, delta):
            yield {**self._shared, "choices": [choice]}

    @abstractmethod
    def choices(self, prompt: int, delta: Delta) -> Iterator[dict[str, Any]]:
        """The chunks' choices for a piece."""

    def end(self) -> Iterator[dict[str, Any]]:
        """The chunk with the usage, where it is asked for."""
        if self._include_usage:
            yield {**self._shared, "choices": [], "usage": usage(self._prompt, self._completion)}


def formed(ask: Ask, text: str, finish_reason: str | None) -> bool:
    """Whether a reply has its form, as far as it must: one that was cut off cannot have it."""
    if ask.form is None or ask.stop or finish_reason != "stop":
        return True
    return satisfies(ask.form, text)


def refused(refusal: Refusal, param: str) -> ApiError:
    """An engine's refusal as a 400."""
    return bad_value(refusal.param or param, refusal.message, refusal.code)


def usage(prompt: int, completion: int) -> dict[str, int]:
    """OpenAI's usage object."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def model_of(body: Any) -> str:
    """The name of the model in a request's body. Raises ``ApiError`` (400)."""
    if not isinstance(body, dict):
        raise ApiError(400, "The request body must be a JSON object.", code="invalid_type")
    model = body.get("model")
    if model is None:
        raise missing("model")
    if not isinstance(model, str):
        raise bad_value("model", "'model' must be a model's name.", "invalid_type")
    if not 0 < len(model) <= MAX_NAME_LENGTH:
        raise bad_value("model", f"'model' must be a name of 1 to {MAX_NAME_LENGTH} characters.")
    return model

"""Says a request in a platform's own words, as the catalog describes them.

A field that a platform rejects is left out with a notice where no answer changes by it, and
refused where it would.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftkit.catalog import Provider
from ftkit.display import Display
from ftkit.errors import NotOnPlatform, Where
from ftkit.gateway.dialects import mapper_for
from ftkit.gateway.method import placed, split_method
from ftkit.ledger.claims import OPERATION

# What OpenAI's API does where the field is not given (API reference, "Create chat completion"): a field
# with such a value asks for nothing, so a platform without the field gives the same answer.
_SAYS_NOTHING: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "response_format": ({"type": "text"},),
    "tools": ([],),
    "functions": ([],),
    "tool_choice": ("none", "auto"),
    "function_call": ("none", "auto"),
    "modalities": (["text"],),
    "logprobs": (False,),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logit_bias": ({},),
}
_DECIDES_THE_MODEL = ("hyperparameters", "method")


class Translator:
    """One platform's dialect; each field that is left out is told once."""

    def __init__(self, provider: Provider, display: Display) -> None:
        self.provider = provider
        self.dialect = provider.dialect
        self._display = display
        self._told: set[str] = set()
        d = self.dialect
        self._of_fields = frozenset({*d.rename_request, *d.drop_request, *d.refuse_request})
        self._of_messages = frozenset({*d.drop_message, *d.refuse_message})
        self._mapper = mapper_for(provider, self._tell)

    @property
    def changes_nothing(self) -> bool:
        """True where inference requests go out as they are."""
        return not (self._of_fields or self._of_messages or self._mapper.looks_at_requests)

    def request(self, body: Mapping[str, Any], where: Where | None = None) -> dict[str, Any]:
        """``body`` in the platform's words; NotOnPlatform for a field that it refuses.

        A field that is None is not sent at all, so it is never refused; neither is one whose value asks
        for what happens anyway (``n = 1``). A field given under its old and its new name keeps the new.
        """
        if self._of_fields.isdisjoint(body):
            said = {name: value for name, value in body.items() if value is not None}
        else:
            said = self._fields(body, where)
        messages = said.get("messages")
        if self._of_messages and isinstance(messages, list | tuple):
            said["messages"] = [self._message(m, where) for m in messages]
        return self._mapper.request(said, where) if self._mapper.looks_at_requests else said

    def _fields(self, body: Mapping[str, Any], where: Where | None) -> dict[str, Any]:
        said: dict[str, Any] = {}
        for name, value in body.items():
            if value is None:
                continue
            if name in self.dialect.refuse_request:
                self._refuse(name, value, where)
            elif name in self.dialect.drop_request:
                self._leave_out(name)
            else:
                new = self.dialect.rename_request.get(name, name)
                if new == name or body.get(new) is None:
                    said[new] = value
        return said

    def job(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a new fine-tuning job in the platform's words and places.

        ``body`` is in OpenAI's words, with the method and its hyperparameters in any place that they have
        had there. NotOnPlatform where the platform does not train by that method, or has no such
        hyperparameter: it would train something else. A field that is None is not sent at all.
        """
        d = self.dialect
        method, rest = split_method(body)
        method.check(self.provider)
        said = {d.suffix_field if name == "suffix" else name: value for name, value in rest.items()}
        said |= placed(method, d)
        for name in [name for name in said if name in d.refuse_job_request]:
            self._refuse(name, said[name], None, " for a job")
        for name in [name for name in said if name in d.drop_job_request]:
            if name in _DECIDES_THE_MODEL:
                raise self._refusal(name, None, " for a job")
            self._drop(said, name, " for a job")
        return self._mapper.job(said)

    def batch(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a new batch without those that the platform does not take, and without None."""
        said = {name: value for name, value in body.items() if value is not None}
        for name in [name for name in said if name in self.dialect.drop_batch_request]:
            self._drop(said, name, " for a batch")
        return said

    def _message(self, message: Any, where: Where | None) -> Any:
        if not isinstance(message, Mapping) or self._of_messages.isdisjoint(message):
            return message  # where it is no message, the platform says so
        wrong = next(
            (n for n in self.dialect.refuse_message if message.get(n) not in (None, "", [], {})), None
        )
        if wrong is not None:
            raise self._refusal(wrong, where, " in a message")
        for name in self._of_messages & message.keys():
            if message[name] is not None:
                self._leave_out(name, " in a message")
        return {n: v for n, v in message.items() if n not in self._of_messages}

    def _refuse(self, name: str, value: Any, where: Where | None, what: str = "") -> None:
        """Raise, unless the field asks for what happens anyway."""
        if value not in _SAYS_NOTHING.get(name, ()):
            raise self._refusal(name, where, what)

    def _refusal(self, name: str, where: Where | None, what: str) -> NotOnPlatform:
        result = "answer" if what != " for a job" else "model"
        return NotOnPlatform(
            f"{self.provider.title} does not take {name!r}{what}, and without it the {result} would differ",
            where=where,
            hint=f"Leave {name!r} out, or use another platform.",
        )

    def _drop(self, said: dict[str, Any], name: str, what: str) -> None:
        """Leave a field out; nothing is told where it holds no more than ftkit's own mark."""
        value = said.pop(name)
        if not (name == "metadata" and isinstance(value, Mapping) and set(value) <= {OPERATION}):
            self._leave_out(name, what)

    def _leave_out(self, name: str, what: str = "") -> None:
        self._tell(f"{self.provider.title} does not take {name!r}{what}: left out")

    def _tell(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._display.note(text)

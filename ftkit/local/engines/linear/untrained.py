"""The linear engine before any training: it can only choose among what the prompt or the form names.

The label that shares most character trigrams with the last message wins; without any in common, the first
one named. No word lists, no knowledge of any task: a floor, not a competitor.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ftkit.local.asking.forms import satisfies
from ftkit.local.engines.asking import Ask, Messages
from ftkit.local.engines.linear.features import segments_of
from ftkit.local.engines.linear.forms import Choice, FormBuilder, NotKnown, Piece, fitting, written
from ftkit.local.engines.linear.labels import named_labels
from ftkit.local.engines.linear.refusing import refused_form
from ftkit.local.engines.linear.responder import LinearResponder, Said
from ftkit.local.jsonio import dump, dump_text, load

NO_LABELS = (
    "This untrained linear model can only choose among labels that the prompt names, and it names none."
)
_MAX_REMEMBERED = 256


class UntrainedResponder(LinearResponder):
    """Deterministic answers from the prompt alone."""

    def __init__(self) -> None:
        self._labels: dict[str, list[str]] = {}
        self._forms: OrderedDict[bytes, tuple[Piece, ...] | NotKnown] = OrderedDict()

    def respond(self, conversations: Sequence[Messages]) -> list[str]:
        """One named label for each conversation, or a sentence that says why there is none."""
        return [self._respond(messages) for messages in conversations]

    def say(self, asks: Sequence[Ask], conversations: Sequence[Messages]) -> Iterator[Said]:
        """Values that the form names, or else the prompt."""
        for ask, messages in zip(asks, conversations, strict=True):
            yield (self._respond(messages), None) if ask.form is None else self._fill(ask.form, messages)

    def _respond(self, messages: Messages) -> str:
        labels, text = self._read(messages)
        return likest(labels, text) if labels else NO_LABELS

    def _read(self, messages: Messages) -> tuple[list[str], str]:
        """(the labels that a conversation names, its last message)"""
        segments = segments_of(messages)
        instructions = "\n".join(text for role, text in segments if role == "system")
        text = segments[-1][1] if segments and segments[-1][0] != "system" else ""
        return self._known_labels(instructions) or named_labels(text), text

    def _known_labels(self, instructions: str) -> list[str]:
        """``named_labels``, remembered: a batch repeats one system prompt thousands of times."""
        found = self._labels.get(instructions)
        if found is None:
            if len(self._labels) > _MAX_REMEMBERED:
                self._labels.clear()
            found = self._labels[instructions] = named_labels(instructions)
        return found

    def _fill(self, form: Mapping[str, Any], messages: Messages) -> Said:
        pieces = self._form(form)
        if isinstance(pieces, NotKnown):
            return refused_form(pieces.pointer)
        labels, text = self._read(messages)
        filled = [piece if isinstance(piece, str) else _chosen(piece, labels, text) for piece in pieces]
        reply = "".join(filled)
        return (reply, None) if satisfies(form, reply) else refused_form("")

    def _form(self, form: Mapping[str, Any]) -> tuple[Piece, ...] | NotKnown:
        key = dump(form)
        found = self._forms.get(key)
        if found is None:
            try:
                found = FormBuilder(form, Guesses()).build()
            except NotKnown as error:
                found = error
            self._forms[key] = found
            while len(self._forms) > _MAX_REMEMBERED:
                self._forms.popitem(last=False)
        return found


class Guesses:
    """See ``forms.Source``: what the form itself names, else what the prompt will name."""

    guesses = True

    def known(self, pointer: str, schema: Mapping[str, Any]) -> Choice | None:
        """Nothing was learnt."""
        return None

    def guess(self, pointer: str, schema: Mapping[str, Any], alone: bool) -> Piece:
        """The members of an enum, the labels of a description, those of the prompt; or the least value."""
        named: list[Any] = schema["enum"] if isinstance(schema.get("enum"), list) else []
        kind = schema.get("type")
        if not named and kind == "boolean":
            named = [False, True]
        if not named and isinstance(schema.get("description"), str):
            named = named_labels(schema["description"])
        texts = [text for value in named if (text := fitting(value, schema)) is not None]
        if texts:
            return Choice(tuple(texts))
        return Choice((), schema=dump_text(schema), instead=_least(schema))


def _least(schema: Mapping[str, Any]) -> str:
    """The simplest value of a schema's type: no text, or the least number."""
    if schema.get("type") not in ("integer", "number"):
        return '""' if schema.get("type") == "string" or "type" not in schema else "null"
    return written(next((schema[key] for key in ("minimum", "maximum") if key in schema), 0))


def _chosen(choice: Choice, labels: Sequence[str], text: str) -> str:
    """The JSON text that stands in for a choice."""
    texts: Sequence[str] = choice.texts
    if not texts:
        schema = load(choice.schema.encode())
        texts = [found for label in labels if (found := fitting(label, schema)) is not None]
    return likest(texts, text) if texts else choice.instead


def likest(labels: Sequence[str], text: str) -> str:
    """The label that shares the greatest part of its trigrams with the text."""
    grams = _trigrams(text)
    return max(labels, key=lambda label: _share(_trigrams(label.strip('"')), grams))


def _trigrams(text: str) -> set[str]:
    padded = f" {' '.join(text.lower().split())} "
    return {padded[start : start + 3] for start in range(len(padded) - 2)}


def _share(label: set[str], text: set[str]) -> float:
    """The part of the label's trigrams that the text has."""
    return len(label & text) / len(label) if label else 0.0

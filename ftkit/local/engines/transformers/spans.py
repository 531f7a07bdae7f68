"""A conversation as tokens, with those marked that the model learns: what the assistant says, to its end.

The model's own template says how a conversation reads. A reply is what the template adds to the prompt
that the model would be asked with, so it works with any template, marked or not, and what is learnt is
what is asked for later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from ftkit.local.engines.asking import Messages
from ftkit.local.engines.transformers.templates import content_text, render

IGNORED: Final = -100
"""The label of a token that is read but not learnt."""


class Marked(NamedTuple):
    """Token ids, and as many labels: the id again where it is learnt, ``IGNORED`` elsewhere."""

    ids: list[int]
    labels: list[int]

    def cut(self, most: int | None) -> Marked:
        """The first ``most`` tokens, as OpenAI's platform cuts long examples."""
        return self if most is None else Marked(self.ids[:most], self.labels[:most])

    @property
    def learnt(self) -> int:
        """How many tokens are learnt."""
        return sum(label != IGNORED for label in self.labels)


class Said(NamedTuple):
    """One reply: the text up to its end, where it begins in it, and whether its end needs a token more."""

    text: str
    start: int
    open: bool


class Preference(NamedTuple):
    """A prompt's tokens, and those of a better and a worse reply to it."""

    prompt: list[int]
    chosen: list[int]
    rejected: list[int]


def learn(tokenizer: Any, messages: Messages, tools: Sequence[Mapping[str, Any]] = ()) -> list[Marked]:
    """A conversation to learn: whole, or once for each reply where the template tells earlier turns anew.

    Replies of weight 0 are read but not learnt. Empty where there is nothing to learn. Raises
    ``TemplateRefused``.
    """
    said = [
        _said(tokenizer, messages, place, tools)
        for place, message in enumerate(messages)
        if place and message.get("role") == "assistant" and message.get("weight") != 0
    ]
    said = [one for one in said if one.start < len(one.text)]
    if not said:
        return []
    if all(said[-1].text.startswith(one.text) for one in said):
        return [_marked(tokenizer, said[-1], [(one.start, len(one.text)) for one in said])]
    return [_marked(tokenizer, one, [(one.start, len(one.text))]) for one in said]


def prefer(
    tokenizer: Any,
    messages: Messages,
    chosen: Messages,
    rejected: Messages,
    tools: Sequence[Mapping[str, Any]] = (),
) -> Preference:
    """A preference: what comes before the two replies, and each of them. Raises ``TemplateRefused``."""
    better, worse = (
        _marked(tokenizer, one, [(one.start, len(one.text))])
        for one in (_answer(tokenizer, messages, output, tools) for output in (chosen, rejected))
    )
    shared = min(_first_learnt(better), _first_learnt(worse))
    same = _shared(better.ids[:shared], worse.ids[:shared])
    return Preference(better.ids[:same], better.ids[same:], worse.ids[same:])


def _shared(one: Sequence[Any], other: Sequence[Any]) -> int:
    """How far two texts or lists begin alike."""
    if one == other[: len(one)]:
        return len(one)
    differ = (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return next(differ, min(len(one), len(other)))


def _first_learnt(marked: Marked) -> int:
    return next((place for place, label in enumerate(marked.labels) if label != IGNORED), len(marked.ids))


def _said(tokenizer: Any, messages: Messages, place: int, tools: Sequence[Mapping[str, Any]]) -> Said:
    return _answer(tokenizer, messages[:place], messages[place : place + 1], tools)


def _answer(tokenizer: Any, before: Messages, reply: Messages, tools: Sequence[Mapping[str, Any]]) -> Said:
    prompt = render(tokenizer, before, tools=tools)
    text = render(tokenizer, [*before, *reply], tools=tools, add_generation_prompt=False).rstrip()
    start = _shared(prompt, text)
    last = content_text(reply[-1].get("content")).rstrip()
    return Said(text, start, open=bool(last) and text.endswith(last))


def _marked(tokenizer: Any, said: Said, spans: Sequence[tuple[int, int]]) -> Marked:
    ids: list[int] = []
    labels: list[int] = []
    for token, start, end in _tokens(tokenizer, said.text, spans):
        ids.append(token)
        learnt = any(end > first and start < last for first, last in spans)
        labels.append(token if learnt else IGNORED)
    if said.open and tokenizer.eos_token_id is not None:
        ids.append(tokenizer.eos_token_id)  # a template without an end token would never teach to stop
        labels.append(tokenizer.eos_token_id)
    return Marked(ids, labels)


def _tokens(tokenizer: Any, text: str, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    """(token, where its text begins, where it ends)."""
    if tokenizer.is_fast:
        encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        for token, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
            yield token, start, end
        return
    edges = sorted({0, len(text), *(edge for span in spans for edge in span)})
    for start, end in pairwise(edges):  # such a tokenizer is asked piece by piece
        for token in tokenizer(text[start:end], add_special_tokens=False)["input_ids"]:
            yield token, start, end

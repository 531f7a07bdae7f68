"""A conversation as tokens, with those marked that the model learns: what the assistant says, to its end.

The model's own template says how a conversation reads. A reply is what the template adds to the prompt
that the model would be asked with, so it works with any template, marked or not, and what is learnt is
what is asked for later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    if len(said) > 1 and all(said[-1].text.startswith(one.text) for one in said):
        whole = _marked(tokenizer, said[-1], [(one.start, len(one.text)) for one in said])
        if whole is not None:
            return [whole]
    return [_alone(tokenizer, one) for one in said]


def prefer(
    tokenizer: Any,
    messages: Messages,
    chosen: Messages,
    rejected: Messages,
    tools: Sequence[Mapping[str, Any]] = (),
) -> Preference:
    """A preference: what comes before the two replies, and each of them. Raises ``TemplateRefused``."""
    better, worse = (
        _alone(tokenizer, one)
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


def _marked(tokenizer: Any, said: Said, spans: Sequence[tuple[int, int]]) -> Marked | None:
    """The whole text at once; None where a token holds a prompt's end and a reply's beginning.

    When the model is asked, the prompt comes without the reply, and must be the same tokens.
    """
    if not tokenizer.is_fast:
        edges = sorted({0, len(said.text), *(edge for span in spans for edge in span)})
        tokens = [token for pair in pairwise(edges) for token in _piece(tokenizer, said.text, *pair)]
        return _labelled(tokenizer, said, tokens, spans)
    encoded = tokenizer(said.text, add_special_tokens=False, return_offsets_mapping=True)
    places = encoded["offset_mapping"]
    if any(begin < start < end for begin, end in places for start, _ in spans):
        return None
    tokens = [(token, *place) for token, place in zip(encoded["input_ids"], places, strict=True)]
    return _labelled(tokenizer, said, tokens, spans)


def _alone(tokenizer: Any, said: Said) -> Marked:
    """One reply after its prompt, cut into the two where a token would hold something of both."""
    span = (said.start, len(said.text))
    whole = _marked(tokenizer, said, [span])
    if whole is not None:
        return whole
    tokens = [*_piece(tokenizer, said.text, 0, said.start), *_piece(tokenizer, said.text, *span)]
    return _labelled(tokenizer, said, tokens, [span])


def _piece(tokenizer: Any, text: str, begin: int, end: int) -> list[tuple[int, int, int]]:
    """The tokens of a stretch of the text, each with the stretch's places."""
    found = tokenizer(text[begin:end], add_special_tokens=False)["input_ids"]
    return [(token, begin, end) for token in found]


def _labelled(
    tokenizer: Any, said: Said, tokens: Sequence[tuple[int, int, int]], spans: Sequence[tuple[int, int]]
) -> Marked:
    """Tokens with their labels; ``tokens`` are (token, where its text begins, where it ends)."""
    ids: list[int] = []
    labels: list[int] = []
    for token, begin, end in tokens:
        ids.append(token)
        learnt = any(end > first and begin < last for first, last in spans)
        labels.append(token if learnt else IGNORED)
    if said.open and tokenizer.eos_token_id is not None:
        ids.append(tokenizer.eos_token_id)  # a template without an end token would never teach to stop
        labels.append(tokenizer.eos_token_id)
    return Marked(ids, labels)

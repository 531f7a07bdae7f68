"""Turn a trained model's scores into replies, in the form asked for, with log-probabilities."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from ftkit.local.asking.forms import satisfies
from ftkit.local.engines.asking import Ask, Refusal, TokenLogprob
from ftkit.local.engines.linear.book import ReplyBook
from ftkit.local.engines.linear.forms import Choice, FormBuilder, NotKnown, Piece
from ftkit.local.engines.linear.heads import Heads, softmax
from ftkit.local.engines.linear.learnt import Learnt
from ftkit.local.engines.linear.refusing import refused_form
from ftkit.local.engines.linear.spelling import certain, spelled, tokens_of
from ftkit.local.jsonio import dump

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAX_FORMS = 64
_SLOT = "\0"
"""Stands for a slot among the tokens of a frame."""


class Speaker:
    """The replies of one model."""

    def __init__(self, book: ReplyBook, heads: Heads) -> None:
        self._heads = heads
        self._frames = book.frames
        self._fields = list(book.fields.values())
        places = {name: place for place, name in enumerate(book.fields)}
        self._slots = [[places[name] for name in frame.fields] for frame in self._frames]
        self._learnt = Learnt(self._frames, book.fields)
        self._forms: OrderedDict[bytes, tuple[Piece, ...] | NotKnown] = OrderedDict()
        self._spelt: list[list[str]] | None = None

    def reply(self, classes: Sequence[int]) -> str:
        """The reply of one class of each head."""
        frame = classes[0]
        return self._frames[frame].fill([self._fields[at][classes[at + 1]] for at in self._slots[frame]])

    def replies(self, scores: NDArray[Any]) -> list[str]:
        """The likeliest reply of each row."""
        return [self.reply(classes) for classes in self._heads.best(scores).tolist()]

    def say(self, ask: Ask, scores: NDArray[Any]) -> tuple[str, list[TokenLogprob] | None] | Refusal:
        """The reply to one ask and, where they are wanted, its tokens' log-probabilities."""
        [classes] = self._heads.best(scores[None]).tolist()
        whole = self.reply(classes)
        for text in (whole, _object_in(whole)) if ask.form is not None else (whole,):
            if ask.form is None or satisfies(ask.form, text):
                if ask.top_logprobs is None:
                    return text, None
                told = self._told(classes, scores, ask.top_logprobs)
                return text, list(_within(told, whole.find(text), len(text)))
        assert ask.form is not None
        pieces = self._form(ask.form)
        if isinstance(pieces, NotKnown):
            return refused_form(pieces.pointer)
        chosen = [
            int(scores[self._columns(piece)].argmax()) if isinstance(piece, Choice) else 0 for piece in pieces
        ]
        formed = "".join(
            piece.texts[number] if isinstance(piece, Choice) else piece
            for piece, number in zip(pieces, chosen, strict=True)
        )
        if not satisfies(ask.form, formed):
            return refused_form("")
        if ask.top_logprobs is None:
            return formed, None
        return formed, list(self._formed(pieces, chosen, scores, ask.top_logprobs))

    def _form(self, form: Mapping[str, Any]) -> tuple[Piece, ...] | NotKnown:
        """The pieces of replies of this form, remembered."""
        key = dump(form)
        found = self._forms.get(key)
        if found is None:
            try:
                found = FormBuilder(form, self._learnt).build()
            except NotKnown as error:
                found = error
            self._forms[key] = found
            while len(self._forms) > _MAX_FORMS:
                self._forms.popitem(last=False)
        return found

    def _columns(self, choice: Choice) -> list[int]:
        assert choice.head is not None
        start = self._heads.starts[choice.head]
        return [start + number for number in choice.classes]

    def _told(self, classes: Sequence[int], scores: NDArray[Any], most: int) -> Iterator[TokenLogprob]:
        """The tokens of the reply of these classes: the frame's and, in its slots, the values'."""
        if self._spelt is None:
            self._spelt = [_frame_tokens(frame.texts) for frame in self._frames]
        fixed = list(spelled(self._spelt, self._chances(0, scores), classes[0], most))
        slots = iter(self._slots[classes[0]])
        for token in fixed:
            if token.token != _SLOT:
                top = tuple(one for one in token.top if one[0] != _SLOT)
                yield TokenLogprob(token.token, token.logprob, top)
                continue
            at = next(slots)
            options = [tokens_of(value) for value in self._fields[at]]
            yield from spelled(options, self._chances(at + 1, scores), classes[at + 1], most)

    def _formed(
        self, pieces: Sequence[Piece], chosen: Sequence[int], scores: NDArray[Any], most: int
    ) -> Iterator[TokenLogprob]:
        """The tokens of a form: what could stand there are the values that the form allows."""
        for piece, number in zip(pieces, chosen, strict=True):
            if isinstance(piece, str):
                yield from certain(piece, most)
                continue
            chances = softmax(scores[None, self._columns(piece)].astype(float))[0]
            yield from spelled([tokens_of(text) for text in piece.texts], chances, number, most)

    def _chances(self, head: int, scores: NDArray[Any]) -> NDArray[Any]:
        chances: NDArray[Any] = softmax(scores[None, self._heads.slices[head]].astype(float))[0]
        return chances


def _object_in(text: str) -> str:
    """The JSON object in a reply that has words or a code fence around it."""
    return text[text.find("{") : text.rfind("}") + 1]


def _within(tokens: Iterator[TokenLogprob], start: int, length: int) -> Iterator[TokenLogprob]:
    """The tokens of so many characters from ``start`` on."""
    for token in tokens:
        text = token.token[max(0, start) : start + length]
        if text:
            yield token if text == token.token else replace(token, token=text)
        start -= len(token.token)


def _frame_tokens(texts: Sequence[str]) -> list[str]:
    """The tokens of a frame's texts, with a mark for each slot between them."""
    slots = [_SLOT] * (len(texts) - 1)
    found: list[str] = []
    for text, slot in zip_longest(texts, slots):
        found += tokens_of(text)
        if slot is not None:
            found.append(slot)
    return found

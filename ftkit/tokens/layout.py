"""A conversation laid out as its template writes it, with the tokens of each piece: sums, shares, cuts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ftkit.catalog.schema import PictureTokens
from ftkit.tokens.conversations import Conversation, is_learned
from ftkit.tokens.pictures import Uncountable, media_cost
from ftkit.tokens.templates import TEMPLATES, Form, Piece
from ftkit.tokens.tokenizer import Tokenizer


class Cut(NamedTuple):
    """Where a prompt is cut that keeps so many tokens.

    ``offset`` is how many characters are kept of what is cut: of the text of message ``message``, or of its
    call where ``part`` is ``call``. Other parts are ``picture``, ``tools`` (the definitions alone are too
    long) and ``frame`` (what is written about the message; its text is kept up to ``offset``).
    """

    message: int
    offset: int
    part: str


@dataclass(slots=True)
class Laid:
    """The forms that a prompt may have; `take` gives them the counts of their `texts`."""

    forms: list[Form]
    learned: frozenset[int] = frozenset()
    prompt: str = ""
    _best: tuple[Form, list[int]] = field(default=([], []), init=False)
    _prompt_tokens: int = field(default=0, init=False)

    def texts(self) -> list[str]:
        """The texts that are to be counted."""
        texts = [piece.text for form in self.forms for piece in form if piece.text]
        return [*texts, self.prompt] if self.prompt else texts

    def take(self, counts: Iterator[int]) -> None:
        """Take the counts of `texts`, in order, and settle on the longest form, the first of equals."""
        sizes = [[piece.fixed + (next(counts) if piece.text else 0) for piece in form] for form in self.forms]
        self._prompt_tokens = next(counts) if self.prompt else 0
        self._best = max(zip(self.forms, sizes, strict=True), key=lambda both: sum(both[1]))

    @property
    def sizes(self) -> Iterator[tuple[Piece, int]]:
        """The pieces of the longest form and their tokens."""
        return zip(*self._best, strict=True)

    @property
    def total(self) -> int:
        """The tokens of the longest form."""
        return sum(self._best[1])

    @property
    def trained(self) -> int:
        """The tokens of contents and calls that are learned; of a text those beyond its prompt's."""
        if self.prompt:
            return max(0, self.total - self._prompt_tokens)
        return sum(
            size - piece.fixed
            for piece, size in self.sizes
            if piece.message in self.learned and piece.part in ("content", "call")
        )


def lay_out(
    conversation: Conversation, template: str, tokenizer: str, pictures: PictureTokens | None
) -> Laid | Uncountable:
    """Return the pieces of a conversation in every form of its template, or why they cannot be counted.

    Raises ValueError or RecursionError for tools that are nested too deeply to be written out.
    """
    if conversation.text is not None:
        form = [Piece(0, conversation.text, 0, "content")]
        prompt = conversation.text[: conversation.prompt_length]
        return Laid([form], frozenset() if prompt else frozenset({0}), prompt)
    forms = TEMPLATES[template](conversation.messages, conversation.tools, tokenizer)
    if template != "words":  # the linear engine does not look at pictures
        costs = [media_cost(message, pictures) for message in conversation.messages]
        for cost in costs:
            if isinstance(cost, Uncountable):
                return cost
        known = {index: cost for index, cost in enumerate(costs) if isinstance(cost, int) and cost}
        forms = [_with_pictures(form, known) for form in forms] if known else forms
    learned = (index for index in range(len(conversation.messages)) if is_learned(conversation, index))
    return Laid(forms, frozenset(learned))


def _with_pictures(form: Form, costs: dict[int, int]) -> Form:
    """``form`` with the pictures of each message before its text."""
    written: Form = []
    for piece in form:
        if piece.part == "content" and piece.message in costs:
            written.append(Piece(costs[piece.message], "", piece.message, "picture"))
        written.append(piece)
    return written


def shares(laid: Laid) -> list[int]:
    """Return the tokens of each message with its frame."""
    counts: dict[int, int] = {}
    for piece, size in laid.sizes:
        counts[piece.message] = counts.get(piece.message, 0) + size
    return [counts.get(index, 0) for index in range(max(counts, default=-1) + 1)]


def cut_of(laid: Laid, limit: int, tokenizer: Tokenizer) -> Cut | None:
    """Return where ``laid`` is cut if ``limit`` tokens are kept; None where that is all of it."""
    if laid.total <= limit:
        return None
    used = kept = message = 0
    for piece, size in laid.sizes:
        if piece.message > message:
            message, kept = piece.message, 0
        if used + size > limit:
            inside = tokenizer.prefix(piece.text, limit - used - piece.fixed) if piece.text else 0
            if piece.part == "content":
                return Cut(message, max(0, inside + piece.shift), "content")
            return Cut(message, inside if piece.part == "call" else kept, piece.part)
        used += size
        kept = len(piece.text) + piece.shift if piece.part == "content" else kept
    raise AssertionError("a prompt longer than the limit reaches it")

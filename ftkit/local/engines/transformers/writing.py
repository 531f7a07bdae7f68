"""One reply while it is written: its tokens, its text so far, and when it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from ftkit.local.engines.asking import FinishReason, TokenLogprob
from ftkit.local.engines.transformers.sampling import Drawing

_UNFINISHED = "\ufffd"
"""What a decoder writes for the first bytes of a character whose others are still to come."""
_LONGEST_CHARACTER = 8


class Grammar(Protocol):
    """What a reply is held to."""

    @property
    def ended(self) -> bool:
        """Whether the reply is complete."""
        ...

    def take(self, token: int) -> None:
        """Go on by one token."""
        ...


class News(NamedTuple):
    """A piece of a reply that is being written, and how many tokens it is."""

    text: str
    logprobs: tuple[TokenLogprob, ...]
    tokens: int
    finish_reason: FinishReason | None


class Writing:
    """A reply of at most ``most`` tokens that ends before the first of the ``stops``, or at an end token."""

    def __init__(
        self,
        decode: Callable[[Sequence[int]], str],
        *,
        drawing: Drawing,
        most: int,
        ends: frozenset[int],
        stops: tuple[str, ...] = (),
        grammar: Grammar | None = None,
        top_logprobs: int | None = None,
    ) -> None:
        self._decode = decode
        self.drawing = drawing
        self.grammar = grammar
        self.top_logprobs = top_logprobs
        self.tokens: list[int] = []
        self.logprobs: list[TokenLogprob] = []
        self.finish_reason: FinishReason | None = None
        self._most = most
        self._ends = ends
        self._stops = stops
        self._text = ""
        self._decoded_from = 0
        self._decoded_to = 0
        self._given = 0
        self._given_tokens = 0

    def take(self, token: int, logprob: TokenLogprob | None = None) -> None:
        """Add a token, which may be the last."""
        if token in self._ends:
            self._finish("stop")
            return
        self.tokens.append(token)
        self.drawing.took(token)
        if logprob is not None:
            self.logprobs.append(logprob)
        if self._stops and self._stopped():
            return
        if self.grammar is not None:
            self.grammar.take(token)
            if self.grammar.ended:
                self._finish("stop")
                return
        if len(self.tokens) >= self._most:
            self._finish("length")

    def text(self) -> str:
        """The whole text, once it is finished."""
        return self._text

    def news(self) -> News | None:
        """What came since the last time, less what may become a stop; None while that is nothing."""
        if self.finish_reason is None:
            self._read()
        end = len(self._text)
        if self.finish_reason is None:
            end -= self._held()
        if end <= self._given and self.finish_reason is None:
            return None
        news = News(
            self._text[self._given : end],
            tuple(self.logprobs[self._given_tokens :]),
            len(self.tokens) - self._given_tokens,
            self.finish_reason,
        )
        self._given, self._given_tokens = max(self._given, end), len(self.tokens)
        return news

    def _finish(self, reason: FinishReason) -> None:
        self._read(whole=True)
        self.finish_reason = reason

    def _read(self, whole: bool = False) -> None:
        """Decode what came since: together with the tokens before, as a word's first token may need them."""
        known = self._decode(self.tokens[self._decoded_from : self._decoded_to])
        text = self._decode(self.tokens[self._decoded_from :])
        waits = len(self.tokens) - self._decoded_to < _LONGEST_CHARACTER
        if not whole and waits and text.endswith(_UNFINISHED):
            return
        self._text += text[len(known) :]
        self._decoded_from, self._decoded_to = self._decoded_to, len(self.tokens)

    def _stopped(self) -> bool:
        """Whether a stop text has come; if so, the text ends before it."""
        begin = max(0, len(self._text) - max(map(len, self._stops)))
        self._read()
        found = [place for stop in self._stops if (place := self._text.find(stop, begin)) >= 0]
        if not found:
            return False
        self._text = self._text[: min(found)]
        self.finish_reason = "stop"
        if self.logprobs:
            self._drop_logprobs()
        return True

    def _drop_logprobs(self) -> None:
        """Log-probabilities of the tokens that are wholly behind the text's end go."""
        length = 0
        for number, logprob in enumerate(self.logprobs):
            if length >= len(self._text):
                del self.logprobs[number:]
                return
            length += len(logprob.token)

    def _held(self) -> int:
        """How many characters at the end may be the beginning of a stop text."""
        longest = max(map(len, self._stops), default=1) - 1
        for size in range(min(longest, len(self._text)), 0, -1):
            if any(stop.startswith(self._text[-size:]) for stop in self._stops):
                return size
        return 0

"""For engines whose replies are whole texts: counting, cutting and streaming them in words."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import lru_cache

from ftkit.local.engines.asking import (
    Ability,
    Answer,
    Ask,
    Delta,
    Embedded,
    Messages,
    Refusal,
    Refused,
    Reply,
)
from ftkit.tokens.words import WORD_PATTERN, split_words

_WORD = re.compile(WORD_PATTERN)
_PIECE = re.compile(r"\s*\S+\s*|\s+")


class WholeReplies(ABC):
    """A responder that knows whole replies only. Its tokens are words, numbers and marks.

    The prompt of a plain completion is to it what a user says.
    """

    abilities: frozenset[Ability] = frozenset(("chat", "completions"))

    @abstractmethod
    def respond(self, conversations: Sequence[Messages]) -> list[str]:
        """One reply to each conversation."""

    def answer(self, asks: Sequence[Ask]) -> list[Answer | Refusal]:
        """The same reply for every choice: nothing is drawn."""
        conversations = [conversation(ask) for ask in asks]
        return [
            Answer((cut(reply, ask),) * ask.choices, prompt_tokens(messages))
            for ask, messages, reply in zip(asks, conversations, self.respond(conversations), strict=True)
        ]

    def stream(self, ask: Ask) -> Iterator[Delta]:
        """The answer, which is made already, word by word."""
        [answer] = self.answer([ask])
        if isinstance(answer, Refusal):
            raise Refused(answer)
        yield from pieces(answer)

    def embed(self, texts: Sequence[str], dimensions: int | None) -> Embedded:
        """Never asked: it is not among the abilities."""
        raise NotImplementedError


def conversation(ask: Ask) -> Messages:
    """What was asked, as chat messages."""
    return ask.messages if ask.prompt is None else [{"role": "user", "content": ask.prompt}]


def pieces(answer: Answer) -> Iterator[Delta]:
    """A whole answer word by word; each reply's log-probabilities come with its last piece."""
    yield Delta(prompt_tokens=answer.prompt_tokens)
    for index, reply in enumerate(answer.replies):
        for piece in _PIECE.findall(reply.text):
            yield Delta(index, piece)
        yield Delta(
            index,
            tokens=reply.tokens,
            finish_reason=reply.finish_reason,
            logprobs=reply.logprobs,
            tool_calls=reply.tool_calls,
        )


def cut(reply: str, ask: Ask) -> Reply:
    """End a reply before its first stop text and after ``most_tokens`` tokens."""
    ends = [found for stop in ask.stop if (found := reply.find(stop)) >= 0]
    if ends:
        reply = reply[: min(ends)]
    tokens = 0
    for match in _WORD.finditer(reply):
        if tokens == ask.most_tokens:
            return Reply(reply[: match.start()].rstrip(), tokens, "length")
        tokens += 1
    return Reply(reply, tokens)


def prompt_tokens(messages: Messages) -> int:
    """The prompt's size: words, numbers and marks of all contents."""
    total = 0
    for message in messages:
        content = message.get("content")
        if isinstance(content, str):
            total += _count(content)
        elif isinstance(content, list):
            total += sum(_count(str(part.get("text") or "")) for part in content)
    return total


@lru_cache(maxsize=1024)
def _count(text: str) -> int:
    """Remembered: the requests of a batch share their system prompt."""
    return len(split_words(text))

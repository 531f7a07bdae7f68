"""What all linear models share, trained or not: replies to asks, and vectors of texts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ftkit.local.engines.asking import Ability, Answer, Ask, Embedded, Messages, Refusal, TokenLogprob
from ftkit.local.engines.linear.embedding import embed
from ftkit.local.engines.whole import WholeReplies, conversation, cut, prompt_tokens

Said = tuple[str, list[TokenLogprob] | None] | Refusal


class LinearResponder(WholeReplies):
    """Answers plain asks many at a time, others one by one."""

    abilities: frozenset[Ability] = frozenset(("chat", "completions", "embeddings", "form"))

    def answer(self, asks: Sequence[Ask]) -> list[Answer | Refusal]:
        """The same reply for every choice: nothing is drawn."""
        if not any(ask.form is not None or ask.top_logprobs is not None for ask in asks):
            return super().answer(asks)
        conversations = [conversation(ask) for ask in asks]
        return [
            _answer(ask, messages, said)
            for ask, messages, said in zip(asks, conversations, self.say(asks, conversations), strict=True)
        ]

    @abstractmethod
    def say(self, asks: Sequence[Ask], conversations: Sequence[Messages]) -> Iterator[Said]:
        """A reply in the form that is asked for, with its log-probabilities where they are wanted."""

    def embed(self, texts: Sequence[str], dimensions: int | None) -> Embedded:
        """Vectors of the texts' n-grams: training changes nothing about them."""
        return embed(texts, dimensions)


def _answer(ask: Ask, messages: Messages, said: Said) -> Answer | Refusal:
    if isinstance(said, Refusal):
        return said
    text, logprobs = said
    reply = cut(text, ask)
    if logprobs is not None:
        reply = replace(reply, logprobs=tuple(_cut_logprobs(logprobs, len(reply.text))))
    return Answer((reply,) * ask.choices, prompt_tokens(messages))


def _cut_logprobs(logprobs: Sequence[TokenLogprob], length: int) -> Iterator[TokenLogprob]:
    """Those of the first so many characters."""
    for token in logprobs:
        if length <= 0:
            return
        yield token
        length -= len(token.token)

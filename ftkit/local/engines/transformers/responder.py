"""A model that answers: conversations to tokens, written replies to answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from queue import SimpleQueue
from typing import Any

from ftkit.local.engines.asking import (
    Ability,
    Answer,
    Ask,
    Delta,
    Embedded,
    FinishReason,
    Refusal,
    Refused,
    Reply,
)
from ftkit.local.engines.transformers.batching import Asked
from ftkit.local.engines.transformers.constrain import FormRefused, Matcher
from ftkit.local.engines.transformers.loading import Loaded
from ftkit.local.engines.transformers.running import padded
from ftkit.local.engines.transformers.sampling import Drawing
from ftkit.local.engines.transformers.templates import TemplateRefused, render, template_text
from ftkit.local.engines.transformers.tools import ToolFormat, demanded, offered, tool_format
from ftkit.local.engines.transformers.writing import News, Writing

_ABILITIES: tuple[Ability, ...] = ("chat", "completions", "embeddings", "form", "logprobs", "sampling")
_TEXTS_AT_ONCE = 16


class TransformersResponder:
    """A base model, or one of its adapters; many threads may ask at once, and share the model's batch."""

    def __init__(self, loaded: Loaded, tokenizer: Any, adapter: str | None = None) -> None:
        self._loaded = loaded
        self._tokenizer = tokenizer
        self._adapter = adapter
        self._tools = tool_format(template_text(tokenizer))

    @property
    def abilities(self) -> frozenset[Ability]:
        """Tools only where the model's chat template shows them in a way that can be read."""
        return frozenset((*_ABILITIES, *(("tools",) if self._tools else ())))

    def close(self) -> None:
        """Let go of an adapter; its base stays."""
        if self._adapter is not None:
            name = self._adapter
            self._loaded.batcher.run(lambda: self._loaded.weights.detach(name))

    def answer(self, asks: Sequence[Ask]) -> list[Answer | Refusal]:
        """All of them in one batch, with whatever else is asked meanwhile."""
        prepared = [self._prepare(ask) for ask in asks]
        self._loaded.batcher.submit([one for one in prepared if isinstance(one, Asked)])
        return [
            one if isinstance(one, Refusal) else self._answer(ask, one)
            for ask, one in zip(asks, prepared, strict=True)
        ]

    def _answer(self, ask: Ask, asked: Asked) -> Answer:
        asked.done.wait()
        if asked.error is not None:
            raise asked.error
        return Answer(tuple(self._reply(ask, writing) for writing in asked.writings), len(asked.prompt))

    def _reply(self, ask: Ask, writing: Writing) -> Reply:
        assert writing.finish_reason is not None
        text, calls = self._read(ask, writing.text())
        reason: FinishReason = "tool_calls" if calls else writing.finish_reason
        logprobs = None if writing.top_logprobs is None else tuple(writing.logprobs)
        return Reply(text, len(writing.tokens), reason, logprobs, calls)

    def _read(self, ask: Ask, text: str) -> tuple[str, tuple[dict[str, Any], ...]]:
        """A reply's text and its calls."""
        if self._tools is None or not offered(ask):
            return text, ()
        if demanded(ask):
            calls = self._tools.read_forced(text)
            return ("", calls) if calls else (self._tools.begin + text, ())
        return self._tools.read(text)

    def stream(self, ask: Ask) -> Iterator[Delta]:
        """The reply as it is written. What may be a tool call is held until it is whole."""
        asked = self._prepare(ask)
        if isinstance(asked, Refusal):
            raise Refused(asked)
        news: SimpleQueue[tuple[int, News | None]] = SimpleQueue()

        def heard(index: int) -> None:
            if index < 0:
                news.put((index, None))
            elif (found := asked.writings[index].news()) is not None:
                news.put((index, found))

        asked.heard = heard
        self._loaded.batcher.submit([asked])
        try:
            yield Delta(prompt_tokens=len(asked.prompt))
            yield from self._deltas(ask, asked, news)
        finally:
            asked.cancelled = True

    def _deltas(self, ask: Ask, asked: Asked, news: SimpleQueue[tuple[int, News | None]]) -> Iterator[Delta]:
        held = _Held(self._tools, forced=bool(demanded(ask))) if self._tools and offered(ask) else None
        unfinished = len(asked.writings)
        while unfinished:
            index, piece = news.get()
            if piece is None:
                assert asked.error is not None
                raise asked.error
            text = piece.text if held is None else held.take(index, piece.text)
            logprobs = piece.logprobs if asked.writings[index].top_logprobs is not None else None
            if piece.finish_reason is None:
                yield Delta(index, text, piece.tokens, logprobs=logprobs)
                continue
            unfinished -= 1
            reason: FinishReason = piece.finish_reason
            calls: tuple[dict[str, Any], ...] = ()
            if held is not None:
                rest, calls = self._read(ask, held.rest(index))
                text, reason = text + rest, "tool_calls" if calls else reason
            yield Delta(index, text, piece.tokens, reason, logprobs, calls)

    def _prepare(self, ask: Ask) -> Asked | Refusal:
        """Tokens and how to go on from them, or why that cannot be."""
        try:
            prompt = self._tokens(ask)
            grammar = self._grammar(ask)
        except TemplateRefused as error:
            return Refusal(str(error), param="messages")
        except FormRefused as error:
            return Refusal(
                f"Replies cannot be held to this form: {error}", "invalid_json_schema", _form_of(ask)
            )
        room = self._loaded.context - len(prompt)
        if room <= 0 or not prompt:
            return self._refuse_length(ask, len(prompt))
        writings = [self._writing(ask, index, prompt, room, grammar) for index in range(ask.choices)]
        return Asked(prompt, writings, self._adapter)

    def _refuse_length(self, ask: Ask, length: int) -> Refusal:
        param = "messages" if ask.prompt is None else "prompt"
        if not length:
            return Refusal("The prompt is empty.", "invalid_value", param)
        most = self._loaded.context
        said = f"This model's maximum context length is {most} tokens; the prompt alone has {length}."
        return Refusal(said, "context_length_exceeded", param)

    def _tokens(self, ask: Ask) -> list[int]:
        if ask.prompt is not None:
            text, special = ask.prompt, True
        else:
            text, special = render(self._tokenizer, ask.messages, tools=offered(ask)), False
            if self._tools is not None and demanded(ask):
                text += self._tools.begin
        found: list[int] = self._tokenizer(text, add_special_tokens=special)["input_ids"]
        if not found and self._tokenizer.bos_token_id is not None:
            return [self._tokenizer.bos_token_id]
        return found

    def _grammar(self, ask: Ask) -> Matcher | None:
        tools = demanded(ask)
        if tools and self._tools is not None:
            return self._loaded.grammars.json(self._tools.schema(tools))  # type: ignore[no-any-return]
        if ask.form is None:
            return None
        return self._loaded.grammars.json(ask.form)  # type: ignore[no-any-return]

    def _writing(
        self, ask: Ask, index: int, prompt: list[int], room: int, grammar: Matcher | None
    ) -> Writing:
        most = ask.most_tokens or self._loaded.settings.most_tokens
        return Writing(
            self._decoder(ask),
            drawing=Drawing.of(ask.sampling, self._loaded.defaults, index, prompt),
            most=min(most, room),
            ends=self._loaded.ends,
            stops=ask.stop,
            grammar=None if grammar is None else grammar.fork(),
            top_logprobs=ask.top_logprobs,
        )

    def _decoder(self, ask: Ask) -> Any:
        """Special tokens are no text, but marks of tool calls may be among them."""
        skip = self._tools is None or not offered(ask)
        return lambda tokens: self._tokenizer.decode(tokens, skip_special_tokens=skip)

    def embed(self, texts: Sequence[str], dimensions: int | None) -> Embedded:
        """Means of the last layer's vectors, of length 1; ``dimensions`` are the first so many, rescaled."""
        rows: list[list[int]] = [self._tokenizer(text)["input_ids"] for text in texts]
        for row in rows:
            if not row or len(row) > self._loaded.context:
                refusal = self._refuse_length(Ask(prompt=""), len(row))
                raise Refused(Refusal(refusal.message, refusal.code, "input"))
        size = self._loaded.weights.model.config.get_text_config().hidden_size
        if dimensions is not None and dimensions > size:
            said = f"This model's embeddings have {size} dimensions."
            raise Refused(Refusal(said, "invalid_value", "dimensions"))
        order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
        vectors: dict[int, list[float]] = {}
        for first in range(0, len(order), _TEXTS_AT_ONCE):
            places = order[first : first + _TEXTS_AT_ONCE]
            some = [rows[place] for place in places]
            vectors.update(zip(places, self._vectors(some, dimensions), strict=True))
        return Embedded([vectors[place] for place in range(len(rows))], [len(row) for row in rows])

    def _vectors(self, rows: list[list[int]], dimensions: int | None) -> list[list[float]]:
        from torch.nn.functional import normalize

        weights = self._loaded.weights
        tokens, mask = padded(rows, weights.device)
        found = self._loaded.batcher.run(lambda: weights.vectors(tokens, mask, self._adapter))
        if dimensions is not None:
            found = normalize(found[:, :dimensions], dim=-1)
        vectors: list[list[float]] = found.tolist()
        return vectors


class _Held:
    """For each choice of a stream, the text from where a tool call may begin."""

    def __init__(self, tools: ToolFormat, forced: bool) -> None:
        self._tools = tools
        self._forced = forced
        self._texts: dict[int, str] = {}

    def take(self, index: int, text: str) -> str:
        """Add a piece; returns what surely is no call."""
        whole = self._texts.get(index, "") + text
        free = 0 if self._forced else self._tools.may_begin(whole)
        self._texts[index] = whole[free:]
        return whole[:free]

    def rest(self, index: int) -> str:
        """What was held."""
        return self._texts.get(index, "")


def _form_of(ask: Ask) -> str:
    return "tools" if demanded(ask) else "response_format"

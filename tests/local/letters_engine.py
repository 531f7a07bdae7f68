"""An engine with every ability, for tests: its replies are letters, drawn, scored and shaped by plain rules.

Words in what it is asked make it do things: "refuse", "crash" (it raises), "break" (a stream raises in its
middle), "lie" (a reply without the form asked for), "slow" (pieces with pauses). ``install`` makes it a
plug-in of the platforms that are started with the paths that it gives.
"""

from __future__ import annotations

import json
import math
import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ftkit.local.engines.asking import (
    Ability,
    Answer,
    Ask,
    Delta,
    Embedded,
    Refusal,
    Refused,
    Reply,
    TokenLogprob,
)
from ftkit.local.engines.base import Hyperparameters, ModelSpec, Responder, TrainingCallbacks, TrainingRequest

ALPHABET = "abcdefgh"
ALL: frozenset[Ability] = frozenset(
    ("chat", "completions", "embeddings", "form", "logprobs", "sampling", "tools")
)


def asked_text(ask: Ask) -> str:
    """The text that commands are looked for in: the prompt, or the last message."""
    return ask.prompt if ask.prompt is not None else str(ask.messages[-1].get("content") or "")


def instance(schema: Mapping[str, Any], source: random.Random) -> Any:
    """A value of a simple schema."""
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return source.choice(schema["enum"])
    kind = schema.get("type", "object")
    if kind == "object":
        return {name: instance(inner, source) for name, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [instance(schema.get("items", {}), source)]
    return {"string": "text", "integer": 1, "number": 0.5, "boolean": True, "null": None}[kind]


class Letters:
    """A responder; ``abilities`` may be fewer by the model's option of that name."""

    def __init__(self, spec: ModelSpec) -> None:
        self.abilities: frozenset[Ability] = frozenset(spec.options.get("abilities", ALL))
        self.asked: list[int] = []
        """How many asks came at once, each time."""

    def answer(self, asks: Sequence[Ask]) -> list[Answer | Refusal]:
        self.asked.append(len(asks))
        if any("crash" in asked_text(ask) for ask in asks):
            raise RuntimeError("the letters are lost")
        return [self._answer(ask) for ask in asks]

    def _answer(self, ask: Ask) -> Answer | Refusal:
        if "refuse" in asked_text(ask):
            return Refusal("This is not said in letters.", "content_refused")
        prompt = len(asked_text(ask).split())
        return Answer(tuple(self._reply(ask, index) for index in range(ask.choices)), prompt)

    def _reply(self, ask: Ask, index: int) -> Reply:
        source = self._source(ask, index)
        if ask.tools and ask.tool_choice != "none":
            return Reply("", 1, "tool_calls", tool_calls=tuple(self._calls(ask, source)))
        if ask.form is not None and "lie" not in asked_text(ask):
            text = json.dumps(instance(ask.form, source))
            return Reply(text, len(text))
        bias = [ask.sampling.logit_bias.get(place, 0.0) for place in range(len(ALPHABET))]
        weights = [math.exp(number) for number in bias]
        letters = source.choices(ALPHABET, weights, k=12)
        ends = [at for stop in ask.stop if (at := "".join(letters).find(stop)) >= 0]
        whole = letters[: min(ends)] if ends else letters
        kept = whole if ask.most_tokens is None else whole[: ask.most_tokens]
        logprobs = None if ask.top_logprobs is None else tuple(_scores(kept, weights, ask.top_logprobs))
        return Reply("".join(kept), len(kept), "length" if len(kept) < len(whole) else "stop", logprobs)

    def _source(self, ask: Ask, index: int) -> random.Random:
        """Without a seed another one each time, unless the temperature is 0."""
        sampling = ask.sampling
        if sampling.temperature == 0:
            return random.Random(0)
        seed = sampling.seed if sampling.seed is not None else int.from_bytes(os.urandom(8))
        return random.Random(f"{seed} {index}")

    def _calls(self, ask: Ask, source: random.Random) -> Iterator[Mapping[str, Any]]:
        for tool in ask.tools:
            function = tool["function"]
            arguments = json.dumps(instance(function.get("parameters") or {}, source))
            yield {
                "id": f"call_{function['name']}",
                "type": "function",
                "function": {"name": function["name"], "arguments": arguments},
            }

    def stream(self, ask: Ask) -> Iterator[Delta]:
        [answer] = self.answer([ask])
        if isinstance(answer, Refusal):
            raise Refused(answer)
        yield Delta(prompt_tokens=answer.prompt_tokens)
        for index, reply in enumerate(answer.replies):
            scores = reply.logprobs or ()
            for place, letter in enumerate(reply.text):
                if "slow" in asked_text(ask):
                    time.sleep(0.02)
                yield Delta(
                    index, letter, tokens=int(ask.form is None), logprobs=scores[place : place + 1] or None
                )
                if "break" in asked_text(ask) and place == 3:
                    raise RuntimeError("the letters broke off")
            tokens = reply.tokens - (len(reply.text) if ask.form is None else 0)
            yield Delta(index, tokens=tokens, finish_reason=reply.finish_reason, tool_calls=reply.tool_calls)

    def embed(self, texts: Sequence[str], dimensions: int | None) -> Embedded:
        """How often each letter comes, as a vector of length 1."""
        self.asked.append(len(texts))
        if any("crash" in text for text in texts):
            raise RuntimeError("the letters are lost")
        if any("refuse" in text for text in texts) or (dimensions or 0) > len(ALPHABET):
            raise Refused(Refusal(f"At most {len(ALPHABET)} dimensions.", "invalid_value", "dimensions"))
        counts = [[text.count(letter) + 0.5 for letter in ALPHABET[: dimensions or 8]] for text in texts]
        vectors = [[number / math.hypot(*row) for number in row] for row in counts]
        return Embedded(vectors, [len(text.split()) for text in texts])


def _scores(letters: Sequence[str], weights: Sequence[float], top: int) -> Iterator[TokenLogprob]:
    total = sum(weights)
    each = [(letter, math.log(weight / total)) for letter, weight in zip(ALPHABET, weights, strict=True)]
    likeliest = tuple(sorted(each, key=lambda item: -item[1])[:top])
    for letter in letters:
        yield TokenLogprob(letter, dict(each)[letter], likeliest)


class LettersEngine:
    """See ``ftkit.local.engines.base.Engine``. It learns nothing."""

    name = "letters"
    methods = frozenset(("supervised",))
    trains_tuned = False
    separate = False

    def plan(self, requested: Mapping[str, Any], examples: int) -> Hyperparameters:
        return Hyperparameters(1, 1, 1.0)

    def train(self, request: TrainingRequest, callbacks: TrainingCallbacks) -> int | None:
        raise NotImplementedError

    def base(self, model: ModelSpec) -> Responder:
        return Letters(model)

    def load(self, folder: Path, model: ModelSpec) -> Responder:
        raise NotImplementedError


def install(folder: Path) -> list[str]:
    """Describe the plug-in in ``folder``: the paths that a process needs to find it."""
    info = folder / "letters_engine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: letters-engine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ftkit.engines]\nletters = letters_engine:LettersEngine\n")
    return [str(folder), str(Path(__file__).parent)]

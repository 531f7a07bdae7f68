"""``/v1/completions``: a request's body to what is asked, and answers to OpenAI's text completions."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ftkit.local.asking.generation import PARAMETERS as SHARED
from ftkit.local.asking.generation import include_usage, sampling_of, stop_of
from ftkit.local.asking.wanted import Chunks, Texts, model_of, usage
from ftkit.local.engines.asking import Ability, Answer, Ask, Delta, Reply, TokenLogprob
from ftkit.local.envelope import ApiError, bad_value, missing
from ftkit.local.ids import new_id
from ftkit.local.names import ServedModel
from ftkit.local.schema import FLAG, METADATA, Schema, check, closed, whole

PATH = "/v1/completions"
MAX_PROMPTS = 2048
MAX_LOGPROBS = 5
DEFAULT_TOKENS = 16
"""Most tokens of a reply where ``max_tokens`` is absent, as OpenAI has it."""

_TEXT: Schema = {"type": "string"}

PARAMETERS: dict[str, Schema] = {
    **SHARED,
    "best_of": whole(1, 20),
    "echo": FLAG,
    "logprobs": whole(0, MAX_LOGPROBS),
    "metadata": METADATA,
    "prompt": {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": MAX_PROMPTS}]},
    "suffix": {"x-unsupported": "'suffix' is not supported: the engines of this platform only go on."},
}
BODY = closed(PARAMETERS, "model", "prompt")
_CHECKED = closed({**PARAMETERS, "model": {}, "prompt": {}})


@dataclass(frozen=True, slots=True)
class CompletionWanted(Texts):
    """A checked request for plain completions. ``echo`` puts the prompt before each reply."""

    about = "prompt"
    echo: bool = False

    @classmethod
    def read(cls, body: Any) -> CompletionWanted:
        """Check a request's body. Raises ``ApiError`` (400) naming the parameter."""
        model = model_of(body)
        check(body, _CHECKED)
        prompts = _prompts(body.get("prompt"))
        needs: dict[Ability, str] = {"completions": "model"}
        if body.get("logprobs") is not None:
            needs["logprobs"] = "logprobs"
        _check_together(body)
        most = body.get("max_tokens")
        shared = {
            "choices": body.get("n") or 1,
            "most_tokens": DEFAULT_TOKENS if most is None else most,
            "stop": stop_of(body),
            "sampling": sampling_of(body),
            "top_logprobs": body.get("logprobs"),
        }
        return cls(
            model=model,
            asks=tuple(Ask(prompt=prompt, **shared) for prompt in prompts),
            needs=needs,
            stream=bool(body.get("stream")),
            include_usage=include_usage(body),
            echo=bool(body.get("echo")),
        )

    def body(self, model: ServedModel, found: Sequence[Answer]) -> dict[str, Any]:
        """The whole answer: every prompt's choices, one prompt after the other."""
        replies = [
            (ask.prompt or "", reply)
            for ask, answer in zip(self.asks, found, strict=True)
            for reply in answer.replies
        ]
        return {
            "id": new_id("cmpl-"),
            "object": "text_completion",
            "created": int(time.time()),
            "model": self.model,
            "choices": [self._choice(index, prompt, reply) for index, (prompt, reply) in enumerate(replies)],
            "usage": usage(
                sum(answer.prompt_tokens for answer in found), sum(reply.tokens for _, reply in replies)
            ),
            "system_fingerprint": model.fingerprint,
        }

    def _choice(self, index: int, prompt: str, reply: Reply) -> dict[str, Any]:
        return {
            "index": index,
            "text": prompt + reply.text if self.echo else reply.text,
            "logprobs": None if reply.logprobs is None else logprobs_view(reply.logprobs, 0),
            "finish_reason": reply.finish_reason,
        }

    def chunks(self, model: ServedModel) -> Chunks:
        """For a streamed answer."""
        return CompletionChunks(self, model)


def _prompts(prompt: Any) -> list[str]:
    if prompt is None:
        raise missing("prompt")
    prompts = [prompt] if isinstance(prompt, str) else prompt
    if not isinstance(prompts, list):
        raise bad_value("prompt", "'prompt' must be a text or a list of texts.", "invalid_type")
    if not prompts:
        raise bad_value("prompt", "'prompt' is empty: it needs at least one text.", "empty_array")
    if len(prompts) > MAX_PROMPTS:
        raise bad_value("prompt", f"'prompt' has more than {MAX_PROMPTS} texts.", "array_above_max_length")
    if not all(isinstance(text, str) for text in prompts):
        raise token_numbers("prompt", prompts)
    return prompts


def token_numbers(param: str, values: Sequence[Any]) -> ApiError:
    """The refusal of what is no list of texts; token numbers mean nothing outside the model's vocabulary."""
    first = values[0]
    if isinstance(first, int | list) and not isinstance(first, bool):
        return bad_value(
            param, f"'{param}' must be text: this platform takes no token numbers.", "unsupported_value"
        )
    return bad_value(param, f"'{param}' must be a text or a list of texts.", "invalid_type")


def _check_together(body: Mapping[str, Any]) -> None:
    """Raise ``ApiError`` (400) for parameters that are not done together, or not at all."""
    best = body.get("best_of")
    if best is not None and best != (body.get("n") or 1):
        raise bad_value("best_of", "'best_of' other than 'n' is not supported.", "unsupported_parameter")
    if body.get("echo") and body.get("logprobs") is not None:
        raise bad_value("echo", "'echo' together with 'logprobs' is not supported.", "unsupported_parameter")


class CompletionChunks(Chunks):
    """A streamed text completion. Its chunks are of the same kind as a whole answer."""

    def __init__(self, wanted: CompletionWanted, model: ServedModel) -> None:
        shared = {
            "id": new_id("cmpl-"),
            "object": "text_completion",
            "created": int(time.time()),
            "model": wanted.model,
            "system_fingerprint": model.fingerprint,
        }
        super().__init__(shared, wanted.include_usage)
        self._wanted = wanted
        self._lengths: dict[int, int] = {}
        """Characters of each choice so far."""

    def choices(self, prompt: int, delta: Delta) -> Iterator[dict[str, Any]]:
        """A piece's chunk; a piece with nothing but the prompt's tokens has none."""
        ask = self._wanted.asks[prompt]
        index = prompt * ask.choices + delta.index
        if not (delta.text or delta.logprobs or delta.finish_reason):
            return
        text = delta.text
        if index not in self._lengths:
            self._lengths[index] = 0
            text = (ask.prompt or "") + text if self._wanted.echo else text
        logprobs = None if delta.logprobs is None else logprobs_view(delta.logprobs, self._lengths[index])
        self._lengths[index] += len(delta.text)
        yield {"index": index, "text": text, "logprobs": logprobs, "finish_reason": delta.finish_reason}


def logprobs_view(tokens: Sequence[TokenLogprob], start: int) -> dict[str, Any]:
    """OpenAI's log-probabilities of a text completion; offsets are in characters, from ``start`` on."""
    offsets = []
    for token in tokens:
        offsets.append(start)
        start += len(token.token)
    return {
        "tokens": [token.token for token in tokens],
        "token_logprobs": [max(token.logprob, -9999.0) for token in tokens],
        "top_logprobs": [{text: max(logprob, -9999.0) for text, logprob in token.top} for token in tokens],
        "text_offset": offsets,
    }

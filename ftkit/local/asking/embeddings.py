"""``/v1/embeddings``: a request's body to the texts that are asked about, and vectors to OpenAI's objects."""

from __future__ import annotations

import sys
from array import array
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ftkit.local.asking.completions import token_numbers
from ftkit.local.asking.generation import MODEL, TEXT
from ftkit.local.asking.wanted import Wanted, model_of
from ftkit.local.engines.base import Responder
from ftkit.local.envelope import bad_value, missing
from ftkit.local.names import ServedModel
from ftkit.local.schema import Schema, check, closed, one_of, whole

PATH = "/v1/embeddings"
MAX_INPUTS = 2048
_INPUT: Schema = {"type": "string", "minLength": 1}

PARAMETERS: dict[str, Schema] = {
    "dimensions": whole(1, 1 << 16),
    "encoding_format": one_of("float", "base64"),
    "input": {"anyOf": [_INPUT, {"type": "array", "items": _INPUT, "minItems": 1, "maxItems": MAX_INPUTS}]},
    "model": MODEL,
    "user": TEXT,
}
BODY = closed(PARAMETERS, "input", "model")
_CHECKED = closed({**PARAMETERS, "input": {}, "model": {}})


@dataclass(frozen=True, slots=True)
class Vectors:
    """A request's vectors, and the tokens of all its texts."""

    vectors: Sequence[Sequence[float]]
    tokens: int


@dataclass(frozen=True, slots=True)
class EmbeddingWanted(Wanted):
    """A checked request for embeddings."""

    about = "input"
    texts: tuple[str, ...]
    dimensions: int | None
    encoded: bool

    @classmethod
    def read(cls, body: Any) -> EmbeddingWanted:
        """Check a request's body. Raises ``ApiError`` (400) naming the parameter."""
        model = model_of(body)
        check(body, _CHECKED)
        return cls(
            model=model,
            needs={"embeddings": "model"},
            texts=tuple(_inputs(body.get("input"))),
            dimensions=body.get("dimensions"),
            encoded=body.get("encoding_format") == "base64",
        )

    @property
    def group(self) -> object:
        """Vectors of one length go together."""
        return "vectors", self.dimensions

    @classmethod
    def answers(cls, responder: Responder, many: Sequence[EmbeddingWanted]) -> list[Vectors]:
        """The vectors of each request's texts."""
        texts = [text for wanted in many for text in wanted.texts]
        found = responder.embed(texts, many[0].dimensions)
        answers: list[Vectors] = []
        start = 0
        for wanted in many:
            end = start + len(wanted.texts)
            answers.append(Vectors(found.vectors[start:end], sum(found.tokens[start:end])))
            start = end
        return answers

    def body(self, model: ServedModel, found: Vectors) -> dict[str, Any]:
        """OpenAI's list of embeddings."""
        return {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": self._embedding(vector)}
                for index, vector in enumerate(found.vectors)
            ],
            "model": self.model,
            "usage": {"prompt_tokens": found.tokens, "total_tokens": found.tokens},
        }

    def _embedding(self, vector: Sequence[float]) -> list[float] | str:
        if not self.encoded:
            return [float(number) for number in vector]
        packed = array("f", vector)
        if sys.byteorder == "big":
            packed.byteswap()
        return b64encode(packed.tobytes()).decode()


def _inputs(value: Any) -> list[str]:
    if value is None:
        raise missing("input")
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list):
        raise bad_value("input", "'input' must be a text or a list of texts.", "invalid_type")
    if not texts:
        raise bad_value("input", "'input' is empty: it needs at least one text.", "empty_array")
    if len(texts) > MAX_INPUTS:
        raise bad_value("input", f"'input' has more than {MAX_INPUTS} texts.", "array_above_max_length")
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise token_numbers("input", texts)
        if not text:
            raise bad_value(f"input[{position}]", "'input' has an empty text.")
    return texts

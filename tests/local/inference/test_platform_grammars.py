"""Forms: whatever a model's scores are, what is chosen under a grammar is JSON of the schema."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest
from tiny_model import make_tokenizer

torch = pytest.importorskip("torch", reason="needs the extra ftkit[train]")

from ftkit.local.engines.transformers.constrain import FormRefused, Grammars  # noqa: E402

SIZE = 640
"""More scores than the tokenizer has tokens, as in many models."""


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """Of the tiny model."""
    return make_tokenizer(["the label is positive", '{"label": "negative"}'] * 3)


@pytest.fixture(scope="module")
def grammars(tokenizer: Any) -> Grammars:
    """For its end token."""
    return Grammars(tokenizer, SIZE, [tokenizer.eos_token_id])


def random_reply(tokenizer: Any, grammars: Grammars, schema: dict[str, Any], seed: int) -> str | None:
    """What a model of pure noise writes; None where it comes to no end."""
    draw = torch.Generator().manual_seed(seed)
    matcher, tokens = grammars.json(schema).fork(), []
    while not matcher.ended and len(tokens) < 300:
        scores = torch.randn(2, SIZE, generator=draw)
        free = scores[0].clone()
        grammars.apply(scores, [None, matcher])
        assert torch.equal(scores[0], free)  # the neighbour is left alone
        token = int(scores[1].argmax())
        if token == tokenizer.eos_token_id:
            break
        assert token < len(tokenizer)
        tokens.append(token)
        matcher.take(token)
    else:
        if not matcher.ended:
            return None
    return str(tokenizer.decode(tokens))


LABEL = {"enum": ["positive", "negative", 'it\'s "quoted" ü']}
SCHEMAS: list[dict[str, Any]] = [
    LABEL,
    {"type": "boolean"},
    {"type": "null"},
    {"type": "integer", "minimum": -5, "maximum": 30},
    {"type": "array", "items": LABEL, "minItems": 1, "maxItems": 2},
    {"type": "object", "properties": {"a": LABEL}, "required": ["a"], "additionalProperties": False},
    {"anyOf": [{"const": 1}, {"type": "object", "properties": {}, "additionalProperties": False}]},
    {
        "$defs": {"l": LABEL},
        "type": "array",
        "prefixItems": [{"$ref": "#/$defs/l"}],
        "items": False,
        "minItems": 1,
    },
    {"type": "string", "pattern": "^[a-f]{3}$"},
    {"type": "string", "format": "date"},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=json.dumps)
def test_noise_is_held_to_the_schema(tokenizer: Any, grammars: Grammars, schema: dict[str, Any]) -> None:
    holds = jsonschema_rs.validator_for(schema)
    said = {random_reply(tokenizer, grammars, schema, seed) for seed in range(4)} - {None}
    assert said
    for text in said:
        assert text is not None
        assert holds.is_valid(json.loads(text)), text


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"not": {"type": "string"}}, "not"),
        ({"type": "strange"}, "strange"),
        ({"$ref": "https://example.org/x"}, "example.org"),
        ({"type": "string", "pattern": "(?=a)b"}, "look-a"),
        ({"type": "object", "required": "x"}, ""),
    ],
)
def test_what_cannot_be_held_is_named(grammars: Grammars, schema: dict[str, Any], why: str) -> None:
    with pytest.raises(FormRefused) as caught:
        grammars.json(schema)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_forks_go_on_by_themselves(tokenizer: Any, grammars: Grammars) -> None:
    first = grammars.json(LABEL)
    second = first.fork()
    [quote] = tokenizer('"')["input_ids"]
    second.take(quote)
    for matcher, allowed in ((first, True), (second, False)):
        scores = torch.zeros(1, SIZE)
        grammars.apply(scores, [matcher])
        assert (scores[0, quote].item() == 0.0) == allowed


def test_a_grammar_is_made_once(grammars: Grammars) -> None:
    before = grammars._compiled.cache_info().misses
    for _ in range(3):
        grammars.json({"type": "integer", "maximum": 7})
    assert grammars._compiled.cache_info().misses == before + 1

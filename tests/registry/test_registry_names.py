"""What may be written for a model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ftkit.errors import UsageError
from ftkit.registry import CHAMPION, Lineage, Reference, Registry, reference
from ftkit.registry.cards import Card
from ftkit.settings import Settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sentiment", Reference("sentiment", CHAMPION)),
        ("sentiment@champion", Reference("sentiment", "champion")),
        ("a.b_c-1@fall-back", Reference("a.b_c-1", "fall-back")),
        ("sentiment@3", Reference("sentiment", version=3)),
        ("7@12", Reference("7", version=12)),
    ],
)
def test_a_name_with_an_alias_or_a_version(text: str, expected: Reference) -> None:
    assert reference(text) == expected
    assert reference(str(expected)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@champion",
        "Sentiment",
        "a b",
        "a/b",
        "../a",
        ".a",
        "a@",
        "a@B",
        "a@b@c",
        "a@²",
        "ä",
        "x" * 65,
        "a\n",
        "a@1\n",
        "a\x00",
        "-a",
        "a@-b",
        "a@1.5",
        "a@٣",
        "a%2fb",
        "a\\b",
        "a:b",
        "a'b",
        "a@champion@1",
    ],
)
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(UsageError, match="cannot be"):
        reference(text)


def test_the_longest_name_is_a_folder_too(registry: Registry, settings: Settings) -> None:
    name, alias = "x" * 64, "y" * 32
    done = registry.promote(name, "ft:1", alias=alias)
    assert done.card is not None and Path(done.card).is_file()
    assert registry.resolve(f"{name}@{alias}").model == "ft:1"


@pytest.mark.parametrize("name", ["0", "con", "a..b", "models.json", "cards", "1.5", "a--", "null", "a_"])
def test_names_that_look_odd_are_names_like_any_other(
    registry: Registry, settings: Settings, name: str
) -> None:
    registry.promote(name, "ft:1")
    assert registry.resolve(f"{name}@1").model == "ft:1"
    assert list(json.loads((settings.state_dir / "registry" / "models.json").read_text())["models"]) == [name]


def test_a_name_that_begins_like_another_is_not_it(registry: Registry) -> None:
    for name in ("a", "a_", "ab"):
        registry.promote(name, f"ft:{name}")
    assert [registry.resolve(name).model for name in ("a", "a_", "ab")] == ["ft:a", "ft:a_", "ft:ab"]
    assert len(registry.names()) == 3


MODELS = [
    "ft:gpt-4.1-mini-2025-04-14:acme corp::Ab12",
    "accounts/acme/models/x#1",
    "'; DROP TABLE model_moves; --",
    'a "quoted" \\ model',
    "模型/é\u0301/🙂",
    "C:\\models\\x",
    ":model {p}model %s ? $1",
    "<b>&amp;</b>",
    " spaces around ",
    "x" * 4000,
]


@pytest.mark.parametrize("model", MODELS, ids=range(len(MODELS)))
def test_a_model_may_be_called_anything(registry: Registry, settings: Settings, model: str) -> None:
    registry.promote("odd", model, Lineage(platform="custom", base_url="https://host/v1?a='b'"), reason=model)
    assert registry.resolve("odd").model == model
    assert registry.promote(
        "odd", model, Lineage(platform="custom", base_url="https://host/v1?a='b'")
    ).changed is (False)
    [move] = registry.history("odd")
    assert (move.model, move.reason) == (model, model)
    [version] = registry.versions("odd")
    found = json.loads((settings.state_dir / "registry" / "models.json").read_text("utf-8"))
    assert found["models"]["odd"]["champion"]["model"] == version.model == model
    assert Card.model_validate_json(card_json(settings)).version == version


def card_json(settings: Settings) -> bytes:
    return (settings.state_dir / "registry" / "cards" / "odd" / "1" / "card.json").read_bytes()

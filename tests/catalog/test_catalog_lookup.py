"""Looking models up by every form of id that platforms give, and laying a person's own entries over."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ftkit.catalog import Catalog, Model, Price, Provider, base_model_id, builtin_catalog
from ftkit.errors import UsageError

A = Provider(name="a", title="A")
B = Provider(name="b", title="B")


def catalog(*models: Model) -> Catalog:
    return Catalog([A, B], models)


def found(asked: str, where: Catalog | None = None, provider: str | None = None) -> tuple[str, str] | None:
    model = (where or builtin_catalog()).model(asked, provider)
    return (model.provider, model.id) if model else None


@pytest.mark.parametrize(
    ("tuned", "base"),
    [
        ("ft:gpt-4o-mini-2024-07-18:acme:news:9abc", "gpt-4o-mini-2024-07-18"),
        ("ft:gpt-4o-mini-2024-07-18:acme::9abc:ckpt-step-90", "gpt-4o-mini-2024-07-18"),
        ("ft:linear:news:1", "linear"),
        ("ft:gpt-4o", "ft:gpt-4o"),
        ("gpt-4o", "gpt-4o"),
        ("soft:gpt-4o:x:y", "soft:gpt-4o:x:y"),
        ("meta-llama/Llama:free", "meta-llama/Llama:free"),
        ("ft::", ""),
        ("", ""),
    ],
)
def test_the_base_of_an_id(tuned: str, base: str) -> None:
    assert base_model_id(tuned) == base


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("meta-llama/Meta-Llama-3.1-8B-Instruct-LoRa:news-abc", "meta-llama/Meta-Llama-3.1-8B-Instruct"),
        (
            "ft:meta-llama:Llama-3.1-8B-Instruct:acme:news:1",
            "klusterai/Meta-Llama-3.1-8B-Instruct-Turbo",
        ),
        ("ft:linear:news:1", "linear"),
        ("gpt-4.1-20250414", "gpt-4.1"),
    ],
)
def test_each_platforms_own_form_of_tuned_id(asked: str, answer: str) -> None:
    model = builtin_catalog().model(asked)
    assert model is not None
    assert model.id == answer
    assert builtin_catalog().model(asked, model.provider) == model


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "ft:",
        "ft::",
        "ft:gpt-4o",
        "gpt-4o-",
        "gpt-4o-2024",
        "gpt-4o-2024-08",
        "gpt-4o-20ab-cd-12",
        "gpt-4o-12345678",
        "xgpt-4o-2024-08-06",
        "GPT-4O",
        "2024-08-06",
        "-2024-08-06",
    ],
)
def test_what_only_looks_like_an_id_is_not_known(asked: str) -> None:
    assert found(asked) is None


def test_a_model_is_not_found_on_another_platform() -> None:
    assert found("gpt-4o", provider="nebius") is None
    assert found("gpt-4o", provider="no-such-platform") is None
    assert found("meta-llama/Meta-Llama-3.1-8B-Instruct-LoRa:x", provider="kluster") is None


def test_an_id_that_two_platforms_have_is_the_firsts_unless_one_is_named() -> None:
    both = catalog(Model(id="m", provider="b"), Model(id="m", provider="a"))
    assert found("m", both) == ("a", "m"), "the order of the providers decides, not that of the models"
    assert found("m", both, "b") == ("b", "m")
    assert len(both.models()) == 2


def test_an_exact_name_on_a_later_platform_beats_a_snapshots_undated_name() -> None:
    both = catalog(Model(id="m", provider="a"), Model(id="m-2025-01-01", provider="b"))
    assert found("m-2025-01-01", both) == ("b", "m-2025-01-01")
    assert found("m-2025-02-02", both) == ("a", "m")


def test_an_alias_answers_and_is_listed_once() -> None:
    one = catalog(Model(id="m", provider="a", aliases=("m-latest", "n")))
    assert found("n", one) == found("ft:m-latest:org::1", one) == ("a", "m")
    assert [model.id for model in one.models()] == ["m"]


def test_models_of_one_provider_keep_their_order() -> None:
    several = catalog(*(Model(id=name, provider=p) for name, p in (("z", "a"), ("y", "b"), ("x", "a"))))
    assert [model.id for model in several.models("a")] == ["z", "x"]
    assert several.models("nobody") == []


@pytest.mark.parametrize(
    ("asked", "provider", "hint"),
    [
        ("gpt4o", "openai", "Did you mean gpt-4o"),
        ("gpt-4o-mni", None, "Did you mean gpt-4o-mini"),
        ("zzzz", "kluster", "Known: klusterai/Meta-Llama-3.1-8B-Instruct-Turbo"),
        ("zzzz", None, "See `ftkit models list --catalog`"),
    ],
)
def test_an_unknown_model_names_what_is_near(asked: str, provider: str | None, hint: str) -> None:
    with pytest.raises(UsageError, match=f"knows no model '{asked}'") as caught:
        builtin_catalog().require_model(asked, provider)
    assert hint in str(caught.value.hint)
    assert (f"on {provider}" in caught.value.message) is (provider is not None)


def test_an_unknown_platform_names_what_is_near_and_the_ways_to_add_one() -> None:
    with pytest.raises(UsageError, match="no platform is called 'opnai'") as caught:
        builtin_catalog().provider("opnai")
    for part in ("Did you mean openai", "[providers.opnai]", "--base-url"):
        assert part in str(caught.value.hint)


def test_an_override_changes_one_figure_and_keeps_the_rest() -> None:
    before = builtin_catalog().require_model("gpt-4o")
    after = builtin_catalog().extended({}, {"gpt-4o": {"price": {"input": 1.0}}}).require_model("gpt-4o")
    assert after.price == before.price.model_copy(update={"input": 1.0})
    assert after.limits == before.limits
    assert builtin_catalog().require_model("gpt-4o") == before, "the shipped catalog itself is not changed"


def test_an_override_by_alias_is_one_of_the_model() -> None:
    made = builtin_catalog().extended({}, {"gpt-3.5-turbo-0125": {"title": "Mine"}})
    assert made.require_model("gpt-3.5-turbo").title == "Mine"
    assert len(made.models()) == len(builtin_catalog().models())


@pytest.mark.parametrize("name", ["ft:gpt-4o-2024-08-06:acme::1", "gpt-4o-2024-11-20"])
def test_an_entry_for_a_tuned_id_or_snapshot_leaves_its_base_alone(name: str) -> None:
    before = builtin_catalog().require_model("gpt-4o")
    made = builtin_catalog().extended({}, {name: {"price": {"input": 9.0}}})
    own = made.require_model(name)
    assert (own.id, own.price.input, own.price.output) == (name, 9.0, before.price.output)
    assert made.require_model("gpt-4o") == before
    assert found("gpt-4o-2024-08-06", made) == ("openai", "gpt-4o")


def test_a_copied_entry_takes_no_other_name_with_it() -> None:
    base = Model(id="m", provider="a", aliases=("n",), tuned_prefixes=("m-lora:",))
    made = catalog(base).extended({}, {"m-2025-01-01": {"title": "January"}})
    assert found("n", made) == found("m-lora:1", made) == ("a", "m")


def test_the_same_id_on_ones_own_platform_is_another_model() -> None:
    made = builtin_catalog().extended({"ours": {}}, {"gpt-4o": {"provider": "ours", "tokenizer": "words"}})
    assert made.require_model("gpt-4o", "ours").price == Price()
    assert found("gpt-4o", made) == ("openai", "gpt-4o")


def test_a_new_model_without_a_platform_is_customs() -> None:
    assert found("mine", builtin_catalog().extended({}, {"mine": {}})) == ("custom", "mine")


def test_a_new_provider_is_called_by_its_name_and_an_old_one_keeps_what_is_not_said() -> None:
    made = builtin_catalog().extended(
        {"ours": {"base_url": "http://x"}, "kluster": {"limits": {"min_examples": 3}}}, {}
    )
    assert made.provider("ours").title == "ours"
    kluster, before = made.provider("kluster"), builtin_catalog().provider("kluster")
    assert kluster.limits.min_examples == 3
    assert kluster.limits.batch_requests == before.limits.batch_requests
    assert kluster.dialect == before.dialect


@pytest.mark.parametrize(
    ("kind", "table", "place"),
    [
        ("models", {"provider": ["openai"]}, "provider"),
        ("models", {"price": 3}, "price"),
        ("models", {"price": {"input": -1}}, "input"),
        ("models", {"price": {"batch_discount": 1.5}}, "batch_discount"),
        ("models", {"limits": {"max_output": 0}}, "max_output"),
        ("models", {"tunable": ["lora"]}, "tunable"),
        ("models", {"shutdown": {"on": "soon"}}, "on"),
        ("models", {"prize": {}}, "prize"),
        ("providers", {"limits": {"min_examples": 0}}, "min_examples"),
        ("providers", {"key_env": "sk-proj-abc"}, "key_env"),
        ("providers", {"closed": False}, "closed"),
    ],
)
def test_a_wrong_entry_is_a_validation_error_at_its_field(
    kind: str, table: dict[str, Any], place: str
) -> None:
    entries = {"gpt-4o": table}
    with pytest.raises(ValidationError) as caught:
        builtin_catalog().extended(*((entries, {}) if kind == "providers" else ({}, entries)))
    assert place in [part for item in caught.value.errors() for part in item["loc"]]

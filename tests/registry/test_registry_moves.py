"""Promotions and rollbacks: what a name stands for, and what is kept of how it came to it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import ftkit
from ftkit.errors import Busy, UsageError
from ftkit.registry import Lineage, Registry, open_registry
from ftkit.settings import Settings

LOCAL = Lineage(platform="local")


def stands(registry: Registry, text: str = "sentiment") -> str:
    return registry.resolve(text).model


def promoted(registry: Registry, *models: str) -> None:
    for model in models:
        registry.promote("sentiment", model, LOCAL)


def test_a_promoted_model_is_what_the_name_stands_for(registry: Registry, lineage: Lineage) -> None:
    before = datetime.now(UTC)
    done = registry.promote("sentiment", "ft:1", lineage, reason="the first")
    assert (done.version, done.model, done.before, done.changed) == (1, "ft:1", None, True)
    found = registry.resolve("sentiment")
    assert (found.name, found.alias, found.version, found.model) == ("sentiment", "champion", 1, "ft:1")
    assert (found.platform, found.base_url) == ("local", None)
    assert found.since is not None and before <= found.since <= datetime.now(UTC)
    assert registry.find("sentiment@champion").lineage == lineage


def test_the_next_one_takes_its_place_and_the_first_stays_a_version(registry: Registry) -> None:
    promoted(registry, "ft:1", "ft:2")
    assert [stands(registry, text) for text in ("sentiment", "sentiment@1", "sentiment@2")] == [
        "ft:2",
        "ft:1",
        "ft:2",
    ]
    assert registry.resolve("sentiment@1").alias is None
    assert [(v.version, v.aliases) for v in registry.versions("sentiment")] == [(1, ()), (2, ("champion",))]


def test_to_promote_twice_is_to_promote_once(registry: Registry) -> None:
    promoted(registry, "ft:1")
    again = registry.promote("sentiment", "ft:1", LOCAL, reason="again")
    assert (again.changed, again.version, again.before) == (False, 1, None)
    assert [move.reason for move in registry.history("sentiment")] == [""]


def test_a_model_is_the_same_version_whenever_it_comes_back(registry: Registry) -> None:
    promoted(registry, "ft:1", "ft:2", "ft:1")
    assert registry.resolve("sentiment").version == 1
    assert len(registry.versions("sentiment")) == 2
    assert [(m.before, m.version) for m in registry.history("sentiment")] == [(None, 1), (1, 2), (2, 1)]


def test_the_same_model_id_on_another_platform_is_another_version(registry: Registry) -> None:
    registry.promote("sentiment", "gpt-x", Lineage(platform="openai", base_url="https://api.openai.com/v1"))
    registry.promote("sentiment", "gpt-x", Lineage(platform="custom", base_url="https://else.where/v1"))
    assert [v.lineage.platform for v in registry.versions("sentiment")] == ["openai", "custom"]


def test_a_rollback_goes_back_and_further_back(registry: Registry) -> None:
    promoted(registry, "ft:1", "ft:2", "ft:3")
    first = registry.rollback("sentiment", reason="it is worse in use")
    assert (first.model, first.before, first.before_model, first.changed) == ("ft:2", 3, "ft:3", True)
    assert registry.rollback("sentiment").model == "ft:1"
    with pytest.raises(UsageError, match="no other model before"):
        registry.rollback("sentiment")
    assert stands(registry) == "ft:1"
    assert [m.what for m in registry.history("sentiment")] == ["promoted"] * 3 + ["rolled back"] * 2
    assert registry.history("sentiment")[3].reason == "it is worse in use"


def test_a_rollback_after_a_new_promotion_passes_over_what_was_rolled_back(registry: Registry) -> None:
    promoted(registry, "ft:1", "ft:2")
    registry.rollback("sentiment")
    promoted(registry, "ft:3")
    assert registry.rollback("sentiment").model == "ft:1"


def test_aliases_move_apart(registry: Registry) -> None:
    promoted(registry, "ft:1", "ft:2")
    registry.promote("sentiment", "ft:1", LOCAL, alias="fallback")
    registry.promote("sentiment", "ft:2", LOCAL, alias="fallback")
    registry.rollback("sentiment", alias="fallback")
    assert (stands(registry), stands(registry, "sentiment@fallback")) == ("ft:2", "ft:1")
    assert len(registry.history("sentiment", "fallback")) == 3
    assert len(registry.history("sentiment")) == 5
    [name] = registry.names()
    assert [(a.alias, a.model) for a in name.aliases] == [("champion", "ft:2"), ("fallback", "ft:1")]


def test_a_challenger_is_kept_without_being_promoted(registry: Registry, lineage: Lineage) -> None:
    kept = registry.register("sentiment", "ft:1", lineage)
    assert (kept.version, kept.aliases, kept.lineage) == (1, (), lineage)
    with pytest.raises(UsageError, match="sentiment@champion stands for no model") as caught:
        registry.resolve("sentiment")
    assert "There are sentiment@1." in str(caught.value)
    assert registry.history("sentiment") == ()


def test_what_is_learned_later_is_laid_over_what_is_known(registry: Registry, lineage: Lineage) -> None:
    registry.register("sentiment", "ft:1", Lineage(platform="local", job="ftjob-1", more={"a": 1}))
    registry.promote("sentiment", "ft:1", Lineage(platform="local", recipe="r", more={"b": 2}))
    found = registry.version("sentiment", 1).lineage
    assert (found.job, found.recipe, found.more) == ("ftjob-1", "r", {"a": 1, "b": 2})


def test_of_two_who_decide_on_the_same_ground_one_moves_the_name(registry: Registry) -> None:
    registry.promote("sentiment", "ft:1", LOCAL, expected=0)
    registry.promote("sentiment", "ft:2", LOCAL, expected=1)
    with pytest.raises(Busy, match="stands for version 2 now"):
        registry.promote("sentiment", "ft:3", LOCAL, expected=1)
    assert len(registry.versions("sentiment")) == 2, "what was refused left nothing"
    assert registry.promote("sentiment", "ft:2", LOCAL, expected=1).changed is False, "a call made twice"
    with pytest.raises(Busy, match="stands for version 2 now"):
        registry.rollback("sentiment", expected=1)
    with pytest.raises(Busy, match="stands for no model now"):
        registry.promote("other", "ft:1", LOCAL, expected=1)


def test_who_moved_it_stands_in_the_history_and_no_key_does(registry: Registry, settings: Settings) -> None:
    secret = "sk-proj-0123456789abcdefghijklmnop"
    registry.promote("sentiment", "ft:1", LOCAL, reason=f"with {secret}")
    [move] = registry.history("sentiment")
    assert move.ftkit == ftkit.__version__ and move.host and move.pid
    assert secret not in move.reason and "[redacted]" in move.reason
    registry.close()
    for file in (settings.state_dir).rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes()


def test_no_key_of_an_address_or_a_recipe_is_kept(registry: Registry, settings: Settings) -> None:
    secret, password = "sk-proj-0123456789abcdefghijklmnop", "team:hunter2hunter2"
    told = Lineage(
        platform="custom",
        base_url=f"https://{password}@llm.example.com/v1",
        parameters={"headers": {"x": [f"Bearer {secret}"]}},
        more={"note": secret},
    )
    registry.promote("sentiment", "ft:1", told)
    assert registry.promote("sentiment", "ft:1", told).changed is False, "it is still the same place"
    found = registry.resolve("sentiment")
    assert found.base_url == "https://[redacted]@llm.example.com/v1"
    registry.close()
    for file in settings.state_dir.rglob("*"):
        if file.is_file():
            assert secret.encode() not in file.read_bytes() and password.encode() not in file.read_bytes()


def test_what_a_rollback_would_do_is_known_before(registry: Registry) -> None:
    promoted(registry, "ft:1")
    with pytest.raises(UsageError, match="no other model before"):
        registry.before("sentiment")
    promoted(registry, "ft:2", "ft:3")
    registry.rollback("sentiment")
    assert registry.before("sentiment").model == "ft:1" == registry.rollback("sentiment").model
    with pytest.raises(Busy, match="stands for version 1 now"):
        registry.before("sentiment", expected=3)


def test_a_name_of_many_versions_moves_its_aliases_only(registry: Registry, settings: Settings) -> None:
    promoted(registry, *(f"ft:{number}" for number in range(12)))
    cards = settings.state_dir / "registry" / "cards" / "sentiment"
    before = {path: path.stat().st_mtime_ns for path in cards.rglob("*.*")}
    registry.rollback("sentiment")
    changed = {path.parent.name for path, at in before.items() if path.stat().st_mtime_ns != at}
    assert changed == {"11", "12"}, "the cards of the two that it is about"


def test_unknown_names_are_told_with_those_there_are(registry: Registry) -> None:
    with pytest.raises(UsageError, match="no model is called 'sentiment'") as caught:
        registry.resolve("sentiment")
    assert "models promote --help" in str(caught.value)
    promoted(registry, "ft:1")
    for wrong in (registry.resolve, registry.history, registry.rollback, registry.find):
        with pytest.raises(UsageError, match="no model is called 'mood'") as caught:
            wrong("mood")
        assert "Known are sentiment." in str(caught.value)
    with pytest.raises(UsageError, match="sentiment@7 stands for no model") as caught:
        registry.resolve("sentiment@7")
    assert "sentiment@champion, sentiment@1" in str(caught.value)
    promoted(registry, *(f"ft:{number}" for number in range(2, 21)))
    with pytest.raises(UsageError) as caught:
        registry.resolve("sentiment@99")
    assert "@20." in str(caught.value) and "@1," not in str(caught.value), "the newest are enough"


def test_to_ask_makes_nothing(settings: Settings) -> None:
    registry = open_registry(settings)
    assert registry.names() == () and registry.versions("sentiment") == ()
    assert not settings.state_dir.exists()


def test_an_application_resolves_a_name_by_the_library(settings: Settings, registry: Registry) -> None:
    promoted(registry, "ft:1")
    assert ftkit.resolve("sentiment", settings=settings).model == "ft:1"
    assert ftkit.resolve("sentiment@champion").version == 1, "from the settings of the environment"

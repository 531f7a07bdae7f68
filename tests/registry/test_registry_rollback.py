"""A rollback at night: the platform may have deleted the model before, may be away, may want a key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import canned_platform
import pytest

import ftkit
from ftkit.display import SilentDisplay
from ftkit.errors import Busy, NotOnPlatform, UsageError
from ftkit.lifecycle.promoting import resolve_served, rollback
from ftkit.registry import Lineage, Registry
from ftkit.settings import Settings

canned_server, canned, at = canned_platform.canned_server, canned_platform.canned, canned_platform.at
GONE = (404, {"error": {"message": "The model 'ft:1' does not exist", "code": "model_not_found"}})


class Heard(SilentDisplay):
    """Keeps what it is warned of."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def moved(registry: Registry, canned: canned_platform.Canned, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A name that stands for its second model, on a platform of prepared answers."""
    monkeypatch.setenv("FTKIT_MAX_RETRIES", "0")
    there = Lineage(platform="custom", base_url=canned.address)
    registry.promote("sentiment", "ft:1", there)
    registry.promote("sentiment", "ft:2", there)
    return registry


@pytest.fixture
def quick(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_retries": 0})


def has(canned: canned_platform.Canned, model: str) -> None:
    canned.answer("GET", f"/models/{model}", {"id": model, "object": "model", "created": 1, "owned_by": "us"})


def test_it_goes_back_to_a_model_that_is_there(
    moved: Registry, canned: canned_platform.Canned, quick: Settings
) -> None:
    has(canned, "ft:1")
    done = rollback("sentiment", reason="worse at night", settings=quick)
    assert (done.model, done.before_model) == ("ft:1", "ft:2")
    assert canned.paths() == ["/models/ft:1"], "one question, about the model that it goes back to"
    assert moved.history("sentiment")[-1].reason == "worse at night"


def test_it_does_not_go_back_to_a_model_that_was_deleted(
    moved: Registry, canned: canned_platform.Canned, quick: Settings
) -> None:
    canned.answer("GET", "/models/ft:1", GONE)
    with pytest.raises(NotOnPlatform, match=r"sentiment cannot go back to ft:1 \(version 1\)") as caught:
        rollback("sentiment", settings=quick)
    assert "--unchecked" in str(caught.value) and "models history sentiment" in str(caught.value)
    assert moved.resolve("sentiment").model == "ft:2", "nothing has moved"
    assert rollback("sentiment", check=False, settings=quick).model == "ft:1", "as the person insists"


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_a_platform_that_does_not_answer_is_no_reason_to_stay(
    moved: Registry, canned: canned_platform.Canned, quick: Settings, status: int
) -> None:
    canned.answer("GET", "/models/ft:1", (status, {"error": {"message": "not now"}}))
    display = Heard()
    assert rollback("sentiment", settings=quick, display=display).model == "ft:1"
    assert any("could not be asked" in text for text in display.warnings), display.warnings


def test_neither_is_a_platform_that_is_away(registry: Registry, quick: Settings) -> None:
    away = Lineage(platform="custom", base_url="http://127.0.0.1:9/v1")
    registry.promote("sentiment", "ft:1", away)
    registry.promote("sentiment", "ft:2", away)
    display = Heard()
    assert rollback("sentiment", settings=quick, display=display).model == "ft:1"
    assert len(display.warnings) == 1


def test_neither_is_a_missing_key(registry: Registry, quick: Settings) -> None:
    hosted = Lineage(platform="openai", base_url="https://api.openai.com/v1")
    registry.promote("sentiment", "ft:1", hosted)
    registry.promote("sentiment", "ft:2", hosted)
    display = Heard()
    assert rollback("sentiment", settings=quick, display=display).model == "ft:1"
    assert any("no API key" in text for text in display.warnings)


def test_the_first_has_nothing_before_it_and_nobody_is_asked(
    registry: Registry, canned: canned_platform.Canned, quick: Settings
) -> None:
    registry.promote("sentiment", "ft:1", Lineage(platform="custom", base_url=canned.address))
    with pytest.raises(UsageError, match="stood for no other model before"):
        rollback("sentiment", settings=quick)
    with pytest.raises(UsageError, match="no model is called 'mood'"):
        rollback("mood", settings=quick)
    assert canned.asked == []


def test_a_name_that_moves_between_question_and_rollback_stays_where_it_is(
    moved: Registry, canned: canned_platform.Canned, quick: Settings
) -> None:
    def meanwhile(asked: Any) -> dict[str, Any]:
        moved.promote("sentiment", "ft:3")
        return {"id": "ft:1", "object": "model"}

    canned.answer("GET", "/models/ft:1", meanwhile)
    with pytest.raises(Busy, match="stands for version 3 now"):
        rollback("sentiment", settings=quick)
    assert moved.resolve("sentiment").model == "ft:3"


def test_an_application_may_ask_whether_its_model_is_served(
    moved: Registry, canned: canned_platform.Canned, quick: Settings
) -> None:
    has(canned, "ft:2")
    assert resolve_served("sentiment", settings=quick).model == "ft:2"
    canned.answer("GET", "/models/ft:2", GONE)
    with pytest.raises(NotOnPlatform):
        resolve_served("sentiment", settings=quick)
    assert ftkit.resolve("sentiment", settings=quick).model == "ft:2", "a name needs no platform"


def test_the_commands_say_it_with_their_exit_codes(
    moved: Registry, canned: canned_platform.Canned, at: canned_platform.Command
) -> None:
    canned.answer("GET", "/models/ft:1", GONE)
    canned.answer("GET", "/models/ft:2", GONE)
    done = at("models", "resolve", "sentiment", "--check")
    assert (done.returncode, done.stdout) == (3, "") and "ft:2" in done.stderr
    assert at("models", "resolve", "sentiment").stdout == "ft:2\n"
    done = at("models", "rollback", "sentiment")
    assert (done.returncode, done.stdout) == (3, "") and "--unchecked" in done.stderr
    done = at("models", "rollback", "sentiment", "--unchecked", "--json")
    assert done.returncode == 0 and '"before": 2' in done.stdout
    has(canned, "ft:1")
    assert at("models", "resolve", "sentiment", "--check").stdout == "ft:1\n"


def test_the_card_and_the_file_follow_a_rollback(
    moved: Registry, canned: canned_platform.Canned, quick: Settings
) -> None:
    has(canned, "ft:1")
    done = rollback("sentiment", settings=quick)
    assert done.card is not None
    first = Path(done.card)
    second = first.parent.parent / "2" / "README.md"
    assert "It is what `sentiment@champion` stands for." in first.read_text("utf-8")
    assert "stands for" not in second.read_text("utf-8").split("## ")[0], "the one that was left says so too"
    names = first.parents[3] / "models.json"
    assert '"model": "ft:1"' in names.read_text("utf-8")

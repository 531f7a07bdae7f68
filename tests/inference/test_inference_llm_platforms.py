"""``ftkit.LLM`` with what the catalog and ``ftkit.toml`` know: forms, rates and prices of each platform."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import canned_platform
import pytest
from canned_platform import Asked, Canned

import ftkit
from ftkit.catalog import builtin_catalog
from ftkit.display import SilentDisplay
from ftkit.errors import MissingKey, PlatformRefused, PlatformUnreachable, UsageError
from ftkit.inference.llm.forms import SchemaForm, typed_form
from ftkit.inference.llm.opening import Opened, opened
from ftkit.inference.llm.options import LLMOptions, options_of
from ftkit.settings import Settings

canned_server, canned = canned_platform.canned_server, canned_platform.canned
FORM = typed_form({"a": "int"})


def settings(tmp_path: Path, **given: Any) -> Settings:
    return Settings(state_dir=tmp_path / "state", max_retries=0, **given)


def at(
    canned: Canned, tmp_path: Path, name: str, options: LLMOptions | None = None, **given: Any
) -> Iterator[Opened]:
    """A connection to the prepared server under a platform's name."""
    chosen = options or options_of({"base_url": canned.address, "api_key": "k"})
    with opened("m", name, chosen, settings(tmp_path, **given), "auto", SilentDisplay()) as here:
        yield here


@pytest.mark.parametrize(
    "name", [provider.name for provider in builtin_catalog().providers() if not provider.local]
)
def test_a_platform_is_told_of_forms_unless_its_catalog_entry_says_otherwise(
    canned: Canned, tmp_path: Path, name: str
) -> None:
    for here in at(canned, tmp_path, name):
        assert here.how(FORM) == ("instruction" if name == "kluster" else "response_format")
        assert here.how(SchemaForm({"type": "array"})) == "instruction"
        assert here.title and here.backend.name == name


def test_a_settings_entry_may_say_that_forms_are_not_taken(canned: Canned, tmp_path: Path) -> None:
    dialect = {"mine": {"base_url": canned.address, "dialect": {"refuse_request": ["response_format"]}}}
    for here in at(canned, tmp_path, "mine", options_of({"api_key": "k"}), providers=dialect):
        assert here.how(FORM) == "instruction"


def test_rates_of_a_model_hold_unless_others_are_given(canned: Canned, tmp_path: Path) -> None:
    models = {"m": {"provider": "custom", "rates": {"requests_per_minute": 30, "concurrent_requests": 4}}}
    for here in at(canned, tmp_path, "custom", models=models):
        assert here.pace is not None
        assert (here.pace.requests_per_minute, here.pace.concurrency) == (30, 4)
    given = options_of({"base_url": canned.address, "api_key": "k", "max_requests_per_minute": 99})
    for here in at(canned, tmp_path, "custom", given, models=models):
        assert here.pace is not None and here.pace.requests_per_minute == 99


def test_a_price_of_the_settings_is_the_cost(canned: Canned, tmp_path: Path) -> None:
    def say(asked: Asked) -> dict[str, Any]:
        choice = {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
        return {
            "id": "c",
            "model": "m",
            "choices": [choice],
            "usage": {"prompt_tokens": 9, "completion_tokens": 1},
        }

    canned.answer("POST", "/chat/completions", say)
    models = {"m": {"provider": "custom", "price": {"input": 100_000.0, "output": 200_000.0}}}
    llm = ftkit.LLM("m", base_url=canned.address, api_key="k", settings=settings(tmp_path, models=models))
    cost = llm(["a"]).cost_info
    assert cost.total_cost == pytest.approx(1.1) and cost.note is None
    assert (cost.input_cost_per_million, cost.output_cost_per_million) == (100_000.0, 200_000.0)


def test_what_ends_everything_is_raised(canned: Canned, tmp_path: Path) -> None:
    canned.answer(
        "POST", "/chat/completions", (401, {"error": {"message": "wrong key", "code": "invalid_api_key"}})
    )
    llm = ftkit.LLM("m", base_url=canned.address, api_key="wrong", settings=settings(tmp_path))
    with pytest.raises(PlatformRefused, match="wrong key"):
        llm(["a", "b"])
    with pytest.raises(MissingKey):
        ftkit.LLM("m", backend="openai", settings=settings(tmp_path))(["a"])
    with pytest.raises(UsageError, match="no platform is called 'nowhere'"):
        ftkit.LLM("m", backend="nowhere", settings=settings(tmp_path))(["a"])


def test_nobody_there_is_said(tmp_path: Path) -> None:
    llm = ftkit.LLM(
        "m",
        base_url="http://127.0.0.1:9/v1",
        api_key="k",
        settings=settings(tmp_path),
        max_retries=0,
        request_timeout=1,
    )
    with pytest.raises(PlatformUnreachable, match="nothing answers at http://127"):
        llm(["a"])

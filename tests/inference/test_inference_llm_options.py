"""Options by curator's names: checked, merged, and what they mean for settings, pace and price."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ftkit
from ftkit.catalog import builtin_catalog
from ftkit.errors import UsageError
from ftkit.inference import Asked
from ftkit.inference.llm.options import LLMOptions, OptionWords, options_of
from ftkit.inference.llm.pricing import cost_of, rates_of
from ftkit.settings import Settings


def test_later_tables_are_stronger_and_none_says_nothing() -> None:
    options = options_of({"max_retries": 7, "batch_size": 5}, {"max_retries": 2, "base_url": None}, None)
    assert (options.max_retries, options.attempts, options.batch_size, options.base_url) == (2, 3, 5, None)
    assert options_of({"max_retries": None, "completion_window": None}) == LLMOptions()


def test_keyword_arguments_are_all_options() -> None:
    assert set(OptionWords.__annotations__) == set(LLMOptions.model_fields)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"max_retrys": 3}, "Did you mean 'max_retries'?"),
        ({"tensor_parallel_size": 2}, "no option is called 'tensor_parallel_size'"),
        ({"max_retries": -1}, "max_retries: Input should be greater than or equal to 0"),
        ({"batch_size": 0}, "batch_size is at least 1"),
        ({"batch_size": "many"}, "batch_size:"),
        ({"in_mtok_cost": 3}, "in_mtok_cost and out_mtok_cost are given together"),
        ({"max_requests_per_minute": 0}, "max_requests_per_minute: Input should be greater than 0"),
        ({"request_timeout": "long"}, "request_timeout: Input should be a valid number"),
    ],
)
def test_wrong_options_are_wrong_calls(given: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as refused:
        options_of(given)
    assert words in str(refused.value)


def test_a_key_is_shown_nowhere() -> None:
    options = options_of({"api_key": "sk-of-mine"})
    assert options.api_key is not None and options.api_key.get_secret_value() == "sk-of-mine"
    assert "sk-of-mine" not in f"{options!r} {options} {options.model_dump_json()}"


def test_settings_are_changed_for_the_call_alone(tmp_path: Path) -> None:
    before = Settings(state_dir=tmp_path, timeout=9, providers={"openai": {"limits": {"batch_bytes": 77}}})
    assert before.catalog is not None, "made once, and not to be carried along"
    changed = options_of({"request_timeout": 5, "batch_check_interval": 0.5, "batch_size": 10}).settings(
        before, "openai"
    )
    limits = changed.catalog.provider("openai").limits
    assert (changed.timeout, changed.poll_seconds, changed.state_dir) == (5, 0.5, tmp_path)
    assert (limits.batch_requests, limits.batch_bytes) == (10, 77)
    most = before.catalog.provider("openai").limits.batch_requests
    assert most is not None and most > 10
    assert before.timeout == 9
    larger = options_of({"batch_size": most + 1}).settings(before, "openai")
    assert larger.catalog.provider("openai").limits.batch_requests == most, "no more than the platform takes"
    assert options_of().settings(before, "openai") == before


def test_limits_go_over_the_platforms_own() -> None:
    provider = builtin_catalog().provider("kluster")
    assert options_of().limits == {}
    assert options_of().pace(provider).requests_per_minute == 60
    given = {
        "max_concurrent_requests": 3,
        "max_requests_per_minute": 5,
        "max_tokens_per_minute": 600,
        "max_input_tokens_per_minute": 400,
        "max_output_tokens_per_minute": 200,
        "seconds_to_pause_on_rate_limit": 7,
    }
    pace = options_of(given).pace(provider)
    assert (pace.concurrency, pace.requests_per_minute, pace.tokens_per_minute) == (3, 5, 600)
    assert (pace.input_tokens_per_minute, pace.output_tokens_per_minute, pace.pause_seconds) == (400, 200, 7)


def asked(**changes: Any) -> Asked:
    """What came of a round of three requests."""
    values: dict[str, Any] = {
        "out": Path("out"),
        "requests": 3,
        "different": 3,
        "asked": 3,
        "cached": 0,
        "answered": 3,
        "failed": 0,
        "failures": {},
        "via": "realtime",
        "batches": (),
        "rounds": 1,
        "prompt_tokens": 1_000_000,
        "completion_tokens": 500_000,
        "uncounted": 0,
        "seconds": 1.0,
    }
    return Asked(**{**values, **changes})


PRICED: dict[str, Any] = {
    "base": {
        "provider": "custom",
        "price": {
            "input": 2.0,
            "output": 4.0,
            "batch_discount": 0.5,
            "tuned_input": 3.0,
            "tuned_output": 6.0,
        },
    },
    "undiscounted": {"provider": "custom", "price": {"input": 2.0, "output": 4.0}},
    "free": {"provider": "custom", "price": {"input": 0.0, "output": 0.0}},
    "half": {"provider": "custom", "price": {"input": 2.0}},
}


@pytest.mark.parametrize(
    ("model", "via", "dollars"),
    [
        ("base", "realtime", 4.0),
        ("base", "batch", 2.0),
        ("ft:base:org:mine:1", "realtime", 6.0),
        ("ft:base:org:mine:1", "batch", 3.0),
        ("undiscounted", "realtime", 4.0),
        ("undiscounted", "batch", None),
        ("free", "batch", 0.0),
        ("half", "realtime", None),
        ("stranger", "realtime", None),
    ],
)
def test_cost_is_tokens_times_the_catalogs_prices(model: str, via: str, dollars: float | None) -> None:
    settings = Settings(models=PRICED)
    cost = cost_of(options_of(), settings, model, "custom", [asked(via=via)])
    assert cost.total_cost == (None if dollars is None else pytest.approx(dollars))
    assert (cost.note is None) == (dollars is not None)
    given = options_of({"in_mtok_cost": 1, "out_mtok_cost": 2})
    assert cost_of(given, settings, model, "custom", [asked(via=via)]).total_cost == pytest.approx(2.0)


def test_rounds_add_up_and_one_unknown_makes_all_unknown() -> None:
    settings = Settings(models=PRICED)
    rounds = [asked(), asked(via="batch"), asked(asked=0, prompt_tokens=0, completion_tokens=0, via=None)]
    assert cost_of(options_of(), settings, "base", "custom", rounds).total_cost == pytest.approx(6.0)
    uncounted = cost_of(options_of(), settings, "base", "custom", [*rounds, asked(uncounted=1)])
    assert uncounted.total_cost is None and "did not count" in str(uncounted.note)
    assert (
        rates_of(options_of(), settings, "half", "custom", "realtime").note
        == "the catalog has no price for this model"
    )
    nothing = cost_of(options_of(), settings, "stranger", "custom", [asked(asked=0, via=None)])
    assert nothing.total_cost == 0.0, "what was not sent costs nothing"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"model": "a", "model_name": "b"},
        {"model": ""},
        {"model": "a", "response_format": {"type": "object"}, "output_type": {"a": "int"}},
        {"model": "a", "backend_params": {"nothing": 1}},
        {"model": "a", "prompt": "{"},
        {"model": "a", "generation_params": {"n": 2}},
        {"model": "a", "generation_params": {"stream": True}},
        {"model": "a", "generation_params": {"messages": [{"role": "user", "content": "x"}]}},
    ],
)
def test_wrong_calls_are_refused_when_the_llm_is_made(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        ftkit.LLM(**options)


def test_litellm_is_a_backend_by_name() -> None:
    assert ftkit.LLM("anthropic/claude", backend="litellm").model_name == "litellm:anthropic/claude"
    assert ftkit.LLM("litellm:x", backend="litellm").model_name == "litellm:x"
    assert ftkit.LLM(model_name="m").model_name == "m"

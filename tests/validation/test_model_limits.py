"""Tokens against the models' limits: the boundaries, several models at once, and the table's sums."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftkit.errors import UsageError
from ftkit.settings import Settings
from ftkit.validation import ValidateOptions, ValidationReport, validate

WORDS = {"provider": "local", "tokenizer": "words", "chat_template": "words"}


def models(**limits: dict[str, Any]) -> Settings:
    """Settings with models of these limits, all counted in words."""
    entries: dict[str, Any] = {name: {**WORDS, "limits": limit} for name, limit in limits.items()}
    return Settings(models=entries)


def row(words: int) -> dict[str, Any]:
    """A row of ``words`` tokens under the words tokenizer, the reply's one among them."""
    question = {"role": "user", "content": " ".join(["one"] * (words - 1))}
    return {"messages": [question, {"role": "assistant", "content": "yes"}]}


def check(rows: list[Any], names: list[str], chosen: Settings) -> ValidationReport:
    options = ValidateOptions(ignore=("FT112", "FT5"))
    return validate(rows, models=names, settings=chosen, options=options)


@pytest.mark.parametrize(("words", "over"), [(9, 0), (10, 0), (11, 1), (200, 1)])
def test_an_example_may_fill_the_training_context_and_no_more(words: int, over: int) -> None:
    report = check([row(words)], ["m"], models(m={"training_context": 10}))
    assert report.fits[0].over == over == report.errors
    assert report.accepted == 1 - over
    if over:
        assert (
            f"{words} tokens, {words - 10} over the training context of m (10)" in report.findings[0].message
        )


@pytest.mark.parametrize(
    ("limits", "counts"),
    [
        ({}, {}),
        ({"inference_context": 5}, {"FT302": 1}),
        ({"inference_context": 6}, {}),
        ({"training_context": 5, "inference_context": 5}, {"FT301": 1}),
        ({"training_context": 6, "inference_context": 5}, {}),
        ({"max_output": 1}, {}),
    ],
)
def test_the_inference_context_counts_only_where_no_training_context_is_known(
    limits: dict[str, int], counts: dict[str, int]
) -> None:
    report = check([row(6)], ["m"], models(m=limits))
    assert report.counts == counts
    assert report.ok == ("FT301" not in counts)


def test_each_model_has_its_own_finding_on_one_row() -> None:
    chosen = models(a={"training_context": 4}, b={"training_context": 5}, c={"training_context": 99})
    report = check([row(6)], ["c", "b", "a"], chosen)
    assert [f.message.split(" of ")[1].split()[0] for f in report.findings] == ["b", "a"]
    assert [(fit.model, fit.over) for fit in report.fits] == [("c", 0), ("b", 1), ("a", 1)]
    assert (report.rows, report.rejected, report.errors) == (1, 1, 2)


def test_a_model_that_is_named_twice_counts_once() -> None:
    chosen = models(a={"training_context": 4})
    report = check([row(6)], ["a", "a"], chosen)
    assert [fit.model for fit in report.fits] == ["a"]
    assert report.counts == {"FT301": 1}


def test_rows_over_the_limit_are_in_the_sums_and_broken_ones_are_not() -> None:
    broken = {"messages": [{"role": "user", "content": "one two three"}]}
    report = check([row(3), row(8), broken], ["m"], models(m={"training_context": 4}))
    assert report.tokens is not None
    assert (report.tokens.rows, report.tokens.total, report.tokens.max) == (2, 11, 8)
    assert (report.rows, report.accepted, report.messages) == (3, 1, 4)
    assert report.labels == {"yes": 2}


def test_nothing_is_summed_where_no_row_is_sound() -> None:
    report = check([{"messages": []}], ["m"], models(m={"training_context": 4}))
    assert report.tokens is None and report.messages == 0
    fit = report.fits[0]
    assert (fit.over, fit.max_tokens, fit.total_tokens, fit.p50, fit.p95) == (0, 0, 0, 0, 0)


@given(st.lists(st.integers(2, 40), min_size=1, max_size=30), st.integers(1, 45))
@settings(max_examples=40, deadline=None)
def test_the_table_agrees_with_counting_by_hand(sizes: list[int], limit: int) -> None:
    report = check([row(size) for size in sizes], ["m"], models(m={"training_context": limit}))
    fit, ordered = report.fits[0], sorted(sizes)
    assert fit.total_tokens == sum(sizes) and fit.max_tokens == ordered[-1]
    assert fit.over == sum(size > limit for size in sizes) == report.rejected == report.errors
    assert fit.p50 == ordered[(len(sizes) - 1) // 2]
    assert report.tokens is not None
    assert report.tokens.mean == pytest.approx(sum(sizes) / len(sizes), abs=0.051)


def test_a_price_is_that_of_all_counted_tokens() -> None:
    entries = {
        "free": {**WORDS, "price": {"train": 0}},
        "paid": {**WORDS, "price": {"train": 2.5}},
        "none": WORDS,
    }
    report = check([row(10)] * 4, ["free", "paid", "none"], Settings(models=entries))
    assert [fit.training_cost for fit in report.fits] == [0.0, pytest.approx(40 * 2.5e-6), None]


def test_a_row_that_is_too_deep_to_be_written_is_rejected_and_not_counted() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"properties": deep}
    odd = {**row(3), "tools": [{"type": "function", "function": {"name": "f", "parameters": deep}}]}
    generic = Settings(models={"m": {**WORDS, "chat_template": "generic"}})
    report = check([row(3), odd, row(4)], ["m"], generic)
    assert not report.ok and (report.rows, report.accepted, report.rejected) == (3, 2, 1)
    assert [(f.code, f.line) for f in report.findings] == [("FT115", 2)] and report.notes == []
    assert report.tokens is not None and report.tokens.rows == 2


HOMES = Settings(
    models={
        "here": WORDS,
        "there": {**WORDS, "provider": "far"},
        "yonder": {**WORDS, "provider": "farther"},
    },
    providers={"far": {"limits": {"min_examples": 3}}, "farther": {}, "bare": {}},
)


@pytest.mark.parametrize(
    ("names", "platform", "used"),
    [
        ([], None, "local"),
        (["there"], None, "far"),
        (["there", "there"], None, "far"),
        (["there", "yonder"], None, "local"),
        (["there"], "bare", "bare"),
        (["there"], "local", "local"),
        ([], "far", "far"),
    ],
)
def test_whose_limits_hold(names: list[str], platform: str | None, used: str) -> None:
    assert validate([row(3)], models=names, platform=platform, settings=HOMES).platform == used


def test_a_platform_with_models_of_its_own_does_not_serve_anothers() -> None:
    with pytest.raises(UsageError, match="there"):
        validate([row(3)], models=["there"], platform="farther", settings=HOMES)


@pytest.mark.parametrize(("rows", "usable"), [(2, "2 usable examples"), (1, "1 usable example")])
def test_too_few_examples_are_counted_in_words(rows: int, usable: str) -> None:
    report = validate([row(n + 2) for n in range(rows)], platform="far", settings=HOMES)
    assert [f.message for f in report.findings] == [f"{usable}; far wants at least 3"]
    assert validate([row(n + 2) for n in range(3)], platform="far", settings=HOMES).ok

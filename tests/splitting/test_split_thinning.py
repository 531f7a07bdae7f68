"""Samples, balanced labels and budgets of tokens: what is left out, and what that leaves alone."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from split_helpers import chat, divide, sides

from ftkit.catalog import builtin_catalog
from ftkit.errors import UsageError
from ftkit.splitting import SplitOptions
from ftkit.tokens import counter_for

ROWS = [chat(f"question {n // 2}", "rare" if n % 8 < 2 else "often", n=n) for n in range(800)]
SHARES = {"train": 0.7, "test": 0.3}


def labels(rows: list[dict[str, Any]]) -> Counter[str]:
    return Counter(row["messages"][1]["content"] for row in rows)


@given(st.floats(0.01, 1), st.floats(0.01, 1), st.integers(0, 3))
@settings(max_examples=10, deadline=None)
def test_a_larger_sample_holds_the_smaller_and_moves_no_side(one: float, two: float, seed: int) -> None:
    small, large = (sides(divide(ROWS, **SHARES, seed=seed, sample=s)[1], "n") for s in sorted((one, two)))
    whole = sides(divide(ROWS, **SHARES, seed=seed)[1], "n")
    assert small.items() <= large.items() <= whole.items()


def test_a_sample_is_a_share_of_every_part() -> None:
    """The same hash for both would put a small sample on the test side alone."""
    result, parts = divide(ROWS, **SHARES, sample=0.25)
    assert sum(map(len, parts.values())) == pytest.approx(200, abs=50)
    assert len(parts["test"]) / 200 == pytest.approx(0.3, abs=0.12)
    assert result.unused == result.left_out["sample"] == 800 - sum(map(len, parts.values()))


@pytest.mark.parametrize("rows", [2, 100, 398, 800])
def test_a_sample_of_rows_is_exact_and_its_groups_are_whole(rows: int) -> None:
    result, parts = divide(ROWS, **SHARES, sample=rows, exact=True)
    assert sum(map(len, parts.values())) == rows
    assert set(Counter(r["n"] // 2 for part in parts.values() for r in part).values()) == {2}
    assert abs(result.parts["test"].rows - 0.3 * rows) <= 2
    exact = result.parts["test"].rows == round(0.3 * rows)
    assert exact or any("because examples with the same prompt" in note for note in result.notes)


def test_a_sample_of_rows_keeps_proportions_of_strata() -> None:
    _, parts = divide(ROWS, **SHARES, sample=400, stratify="reply")
    assert labels([row for part in parts.values() for row in part]) == {"often": 300, "rare": 100}


@pytest.mark.parametrize("sample", [801, 0, 1.5])
def test_samples_that_cannot_be(sample: Any) -> None:
    with pytest.raises(UsageError, match=r"a sample of 801 rows, and there are 800|neither a fraction nor"):
        divide(ROWS, sample=sample)


def test_balance_drops_rows_of_frequent_labels_from_the_train_part_alone() -> None:
    plain = divide(ROWS, **SHARES)[1]
    result, parts = divide(ROWS, **SHARES, balance="rarest")
    assert parts["test"] == plain["test"]
    rarest = min(labels(plain["train"]).values())
    assert labels(parts["train"]) == {"often": rarest, "rare": rarest}
    assert result.left_out == {"balance": len(plain["train"]) - 2 * rarest} and result.strata is not None
    both = divide(ROWS, **SHARES, balance=20, balance_parts=("train", "test"))[1]
    assert [labels(part) for part in both.values()] == [{"often": 20, "rare": 20}] * 2


def test_a_larger_balance_holds_the_smaller() -> None:
    def kept(most: int) -> set[int]:
        return {row["n"] for row in divide(ROWS, **SHARES, balance=most)[1]["train"]}

    assert kept(10) < kept(40) < kept(100)


def test_balance_goes_by_the_label_that_is_asked_for() -> None:
    rows = [chat(f"question {n}", language="en" if n % 4 else "de") for n in range(100)]
    parts = divide(rows, train=1.0, balance="rarest", stratify="language")[1]
    assert Counter(row["language"] for row in parts["train"]) == {"en": 25, "de": 25}


@given(st.integers(1, 12_000), st.integers(0, 3))
@settings(max_examples=10, deadline=None)
def test_a_budget_of_tokens_is_kept_and_used(budget: int, seed: int) -> None:
    counter = counter_for(builtin_catalog().require_model("linear"))
    asked: dict[str, Any] = {**SHARES, "seed": seed, "model": "linear"}
    whole, plain = divide(ROWS, **asked)
    result, parts = divide(ROWS, **asked, max_tokens=budget)
    spent = sum(map(counter.count_example, parts["train"]))
    assert result.parts["train"].tokens == spent <= budget
    assert spent > budget - 40 or parts["train"] == plain["train"]
    assert parts["test"] == plain["test"]
    assert whole.parts["test"].tokens == sum(map(counter.count_example, plain["test"]))
    wider = divide(ROWS, **asked, max_tokens=budget + 500)[1]["train"]
    assert {row["n"] for row in parts["train"]} <= {row["n"] for row in wider}


def test_a_budget_needs_a_model_that_counts() -> None:
    with pytest.raises(UsageError, match="needs a model"):
        divide(ROWS, max_tokens=100)
    with pytest.raises(UsageError, match="nosuch"):
        divide(ROWS, max_tokens=100, model="nosuch")


def test_a_budget_below_the_first_row_is_said() -> None:
    result = divide(ROWS, **SHARES, max_tokens=1, model="linear")[0]
    assert result.parts["train"].rows == 0
    assert "train: its first row alone has more than 1 tokens" in result.notes


def test_without_a_model_no_tokens_are_told() -> None:
    assert {part.tokens for part in divide(ROWS, **SHARES)[0].parts.values()} == {None}


@pytest.mark.parametrize(
    "bad",
    [
        {"balance": 0},
        {"balance": "most"},
        {"max_tokens": 0},
        {"similarity": 0.1},
        {"group": ()},
        {"stratum": "x"},
    ],
)
def test_options_that_mean_nothing(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SplitOptions(**bad)

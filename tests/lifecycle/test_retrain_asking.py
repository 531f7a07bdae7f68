"""What asking the held-out rows will cost: counted tokens, the catalog's prices, and what is not known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ftkit.catalog import Model
from ftkit.lifecycle.estimate import Estimate, Span
from ftkit.lifecycle.retraining.asking import Asked, AskingCost, in_all, models_asked
from ftkit.lifecycle.retraining.asking import asking_costs as costs_of
from ftkit.lifecycle.tables import BenchmarkTable, JudgeTable
from ftkit.settings import Settings
from ftkit.tokens import counter_for


@pytest.fixture
def tests_file(tmp_path: Path) -> Path:
    lines = [
        {
            "messages": [
                {"role": "user", "content": f"is {n} up or down"},
                {"role": "assistant", "content": "up"},
            ]
        }
        for n in range(10)
    ]
    path = tmp_path / "test.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def asking_costs(
    tests: Path, models: list[Asked], max_tokens: int | None, **more: Any
) -> tuple[AskingCost, ...]:
    return costs_of(tests, models, BenchmarkTable(max_tokens=max_tokens), **more)


def model(**price: Any) -> Model:
    linear = Settings().catalog.require_model("linear")
    words = {"tokenizer": linear.tokenizer, "chat_template": linear.chat_template}
    return Model.model_validate({"id": "m", "provider": "p", "price": price, **words})


def test_tokens_times_prices_less_the_discount(tests_file: Path) -> None:
    entry = model(input=10.0, output=20.0, batch_discount=0.5)
    counter = counter_for(entry)
    prompts = sum(counter.count([{"role": "user", "content": f"is {n} up or down"}]) for n in range(10))
    [cost] = asking_costs(tests_file, [Asked("m", entry, False)], max_tokens=8)
    assert cost.requests == 10 and cost.dollars is not None and cost.note is None
    assert cost.dollars.high == pytest.approx((prompts * 10 + 80 * 20) / 1e6 / 2)
    assert prompts * 10 / 1e6 / 2 < cost.dollars.low and cost.dollars.low < (cost.dollars.high or 0)


def test_without_a_limit_there_is_no_most(tests_file: Path) -> None:
    [cost] = asking_costs(
        tests_file, [Asked("m", model(input=1.0, output=1.0, batch_discount=0), False)], None
    )
    assert cost.dollars is not None and cost.dollars.low > 0 and cost.dollars.high is None


@pytest.mark.parametrize(
    ("price", "tuned", "note"),
    [
        ({}, False, "no price"),
        ({"input": 1.0, "output": 1.0}, True, "no price"),
        ({"input": 1.0, "output": 1.0}, False, "discount is not known"),
    ],
)
def test_what_is_not_known_is_said(tests_file: Path, price: dict[str, float], tuned: bool, note: str) -> None:
    [cost] = asking_costs(tests_file, [Asked("m", model(**price), tuned)], 8)
    assert cost.dollars is None and cost.note is not None and note in cost.note


def test_an_unlisted_model_is_not_known_and_a_free_one_costs_nothing(tests_file: Path) -> None:
    free = model(input=0.0, output=0.0)
    unlisted, nothing = asking_costs(tests_file, [Asked("x", None, False), Asked("m", free, False)], None)
    assert unlisted.dollars is None and unlisted.note == "the catalog does not list this model"
    assert nothing.dollars is not None and nothing.dollars.high == 0


def test_a_tuned_model_has_the_prices_of_its_base(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, platform="local")
    found = models_asked(settings, "linear", ("ft:linear:x", "linear"), ["linear", "unheard-of"])
    assert [(one.name, one.tuned, one.entry is not None) for one in found] == [
        ("the new model", True, True),
        ("ft:linear:x", True, True),
        ("linear", False, True),
        ("unheard-of", False, False),
    ]


def test_the_tuned_models_are_asked_the_golden_rows_too(tests_file: Path, tmp_path: Path) -> None:
    entry = model(input=10.0, output=20.0, batch_discount=0.5, tuned_input=10.0, tuned_output=20.0)
    golden = tmp_path / "golden.jsonl"
    golden.write_text("".join(tests_file.read_text().splitlines(keepends=True)[:4]))
    models = [Asked("new", entry, True), Asked("base", entry, False)]
    alone, base = asking_costs(tests_file, models, 8)
    both, same = asking_costs(tests_file, models, 8, golden=golden)
    assert (both.requests, same.requests, same) == (14, 10, base)
    assert both.dollars is not None and alone.dollars is not None and both.dollars.high is not None
    assert alone.dollars.high is not None
    assert both.dollars.low > alone.dollars.low and both.dollars.high > alone.dollars.high


def test_a_cost_that_is_not_known_stays_so_with_golden_rows(tests_file: Path) -> None:
    [cost] = asking_costs(tests_file, [Asked("new", None, True)], 8, golden=tests_file)
    assert (cost.requests, cost.dollars) == (20, None)
    assert cost.note == "the catalog does not list this model"
    endless = Asked(
        "new", model(input=1.0, output=1.0, tuned_input=1.0, tuned_output=1.0, batch_discount=0), True
    )
    [open_end] = asking_costs(tests_file, [endless], None, golden=tests_file)
    assert open_end.dollars is not None and open_end.dollars.high is None


def test_judges_are_named_and_their_cost_is_called_unknown(tests_file: Path) -> None:
    free = model(input=0.0, output=0.0)
    table = BenchmarkTable(judge=JudgeTable(models=("wise", "wiser")))
    costs = costs_of(tests_file, [Asked("a", free, False), Asked("b", free, False)], table)
    assert [(one.model, one.requests) for one in costs] == [("a", 10), ("b", 10), ("wise", 20), ("wiser", 20)]
    assert all(one.dollars is None and "only afterwards" in str(one.note) for one in costs[2:])


@pytest.mark.parametrize(
    ("training", "asking", "said"),
    [
        (Span(low=1.0, high=1.0), [Span(low=0.5, high=0.5)], "$1.50"),
        (Span(low=1.0, high=2.0), [Span(low=0.5, high=0.75), Span(low=0.0, high=0.0)], "$1.50 to $2.75"),
        (Span(low=1.0, high=2.0), [None, Span(low=0.5, high=0.5)], "at least $1.50"),
        (Span(low=1.0, high=None), [Span(low=0.5, high=0.5)], "at least $1.50"),
        (None, [Span(low=0.0, high=0.0)], "an unknown sum"),
        (None, [None], "an unknown sum"),
        (Span(low=0.0, high=0.0), [Span(low=0.0, high=0.0)], "nothing"),
    ],
)
def test_in_all_nothing_unknown_is_counted_as_nothing(
    training: Span | None, asking: list[Span | None], said: str
) -> None:
    made = Estimate(platform="p", model="m", dollars=training)
    costs = [AskingCost(model="m", requests=1, dollars=dollars) for dollars in asking]
    assert in_all(made, costs) == said


def test_without_an_estimate_the_sum_is_not_known() -> None:
    assert (
        in_all(None, [AskingCost(model="m", requests=1, dollars=Span(low=1.0, high=1.0))]) == "at least $1.00"
    )


def test_the_requests_and_their_cost_are_said_in_a_line() -> None:
    known = AskingCost(model="m", requests=1200, dollars=Span(low=0.01, high=0.5))
    assert known.in_words() == "1,200 requests, $0.0100 to $0.50"
    unknown = AskingCost(model="m", requests=20, note="no price")
    assert unknown.in_words() == "20 requests, an unknown sum (no price)"

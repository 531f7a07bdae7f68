"""What asking the held-out rows will cost: counted tokens, the catalog's prices, and what is not known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ftkit.catalog import Model
from ftkit.lifecycle.retraining.asking import Asked, asking_costs, models_asked
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
    assert prompts * 10 / 1e6 / 2 < cost.dollars.low < cost.dollars.high


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

"""``ftkit.LLM`` with a hook's model: a form that the hook breaks at first, rows made, nothing asked twice."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

import ftkit
from ftkit.inference import Hook, HookBackend
from ftkit.settings import Settings, load_settings

TOML = """
[models."house/age"]
hook = "llm_house_models:call"
price = { input = 1.0, output = 2.0 }
"""
HOOK = """
import json


def call(prompt):
    return json.dumps({"age": len(prompt), "units": "letters"}), 10, 5
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "ftkit.toml").write_text(TOML)
    (tmp_path / "llm_house_models.py").write_text(HOOK)
    return load_settings(tmp_path / "ftkit.toml")


def test_rows_of_a_hook_with_their_price(settings: Settings, tmp_path: Path) -> None:
    llm = ftkit.LLM(
        "house/age",
        prompt="How old is {who}?",
        output_type={"age": "int", "units": "str"},
        settings=settings,
    )
    response = llm([{"who": name} for name in ("Ann", "Bob", "Claire")])
    assert [row["age"] for row in response.dataset] == sorted(row["age"] for row in response.dataset)
    assert set(response.dataset.column_names) == {"who", "age", "units"}
    assert response.cost_info.total_cost == pytest.approx(3 * (10 * 1.0 + 5 * 2.0) / 1e6)
    assert llm([{"who": "Ann"}]).request_stats.cached == 1
    assert not (tmp_path / "state" / "local").exists()


def test_a_form_that_was_broken_is_asked_for_again(settings: Settings) -> None:
    tries = Counter[str]()

    def call(prompt: str) -> str:
        tries[prompt[:12]] += 1
        return "I think 33" if tries.total() == 1 else json.dumps({"age": 33})

    backend = HookBackend(Hook(call=call, version="1"), settings=settings)
    llm = ftkit.LLM("asked/twice", output_type={"age": "int"}, backend=backend, settings=settings)
    assert llm.generate("How old is Ann?") == {"age": 33}
    assert tries.total() == 2

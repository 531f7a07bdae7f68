"""The model whose limits hold before a training, also where it stands in no catalog."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftkit.display import SilentDisplay
from ftkit.errors import UsageError
from ftkit.lifecycle import load_recipe
from ftkit.lifecycle.journal import Journal
from ftkit.lifecycle.prepare import Preparation
from ftkit.settings import Settings

ADDRESS = "http://gpu.example.com:8080/v1"


@pytest.mark.parametrize(
    ("model", "settings", "counted"),
    [
        ("linear", Settings(), ["linear"]),
        ("llama", Settings(), ["linear"]),  # of models.toml: counted as the local platform counts
        ("llama", Settings(base_url=ADDRESS), []),
        ("gpt-4.1-mini", Settings(), ["gpt-4.1-mini"]),  # a rehearsal: the hosted model's limits hold
        ("gpt-4.1-mini", Settings(base_url=ADDRESS), ["gpt-4.1-mini"]),
        ("gpt-9", Settings(platform="openai"), ["gpt-9"]),  # a platform that lists its models: refused
    ],
)
def test_by_whose_limits_rows_are_checked(
    model: str, settings: Settings, counted: list[str], tmp_path: Path
) -> None:
    recipe = load_recipe("sentiment").with_model(model)
    preparation = Preparation(recipe, Journal(tmp_path), settings, SilentDisplay())
    assert preparation._counted_as() == counted


def test_a_model_that_a_platform_does_not_list_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    recipe = load_recipe("sentiment").with_model("gpt-9")
    settings = Settings(platform="openai", state_dir=tmp_path / "state")
    preparation = Preparation(recipe, Journal(tmp_path), settings, SilentDisplay())
    with pytest.raises(UsageError, match="gpt-9"):
        preparation.check(preparation.examples())


def test_rows_for_a_model_of_ones_own_are_checked_by_the_rules_alone(tmp_path: Path) -> None:
    recipe = load_recipe("sentiment").with_model("llama")
    settings = Settings(base_url=ADDRESS, state_dir=tmp_path / "state")
    preparation = Preparation(recipe, Journal(tmp_path), settings, SilentDisplay())
    preparation.check(preparation.examples())
    assert preparation.journal.entries()["validate"].result["rows"] == 453

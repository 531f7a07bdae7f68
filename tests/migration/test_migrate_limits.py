"""Rows that are too long for the new base: counted as it counts, by its own limit, treated by the rule."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from canned_platform import Canned
from conftest import Old, rows, write
from hosted import serve_openai
from test_migrate_methods import DPO_JOB, preferences

from ftkit.data import sha256_file
from ftkit.errors import DataError, UsageError, ValidationFailed
from ftkit.gateway import Platform, connect
from ftkit.lifecycle import migration
from ftkit.lifecycle.migration.fitting import limit_of
from ftkit.lifecycle.migration.folder import MigrationFolder
from ftkit.settings import Settings

To = Callable[..., Platform]
NARROW = {"provider": "local", "tokenizer": "words", "chat_template": "words"}


@pytest.fixture(scope="module")
def copy(old: Old, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The old model's copy, made once; tests that change it take one of their own."""
    folder = tmp_path_factory.mktemp("house")
    with old.connect() as platform:
        migration.export(platform, folder, [old.model])
    return folder


@pytest.fixture
def long(copy: Path, folder: Path) -> Path:
    """A copy of it whose sixth training row has twelve questions."""
    shutil.copytree(copy, folder)
    turns = [message for row in rows(0, 12) for message in row["messages"][1:]]
    row = {"messages": [rows(0, 1)[0]["messages"][0], *turns]}
    trained_on(folder, [*rows(0, 5), row, *rows(5, 25)])
    return folder


def trained_on(folder: Path, lines: list[dict[str, Any]]) -> None:
    """As if the exported model had been trained on these rows."""
    [place] = MigrationFolder(folder).models()
    training = write(place.path / "training.jsonl", lines)
    record = json.loads((place.path / "model.json").read_text())
    record["files"][0]["sha256"] = sha256_file(training)
    (place.path / "model.json").write_text(json.dumps(record))


@contextmanager
def knowing(new: Platform, **models: dict[str, Any]) -> Iterator[Platform]:
    """The new platform, with models that a person's ftkit.toml describes."""
    settings = Settings(state_dir=new.settings.state_dir, poll_seconds=0.05, models=models)
    with connect(settings=settings) as platform:
        yield platform


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("rule", "count", "words"),
    [("drop", 30, "1 dropped"), ("truncate", 31, "1 truncated"), ("window", None, "1 divided into")],
)
def test_a_rule_is_tried_without_training(
    new: Platform, long: Path, rule: Any, count: int | None, words: str, here: Any, monkeypatch: Any
) -> None:
    with knowing(new, linear={"provider": "local", "limits": {"training_context": 60}}) as platform:
        plan = migration.plan_retrain(platform, long, base="linear", over_limit=rule)
    assert plan.fitting is not None
    assert (plan.fitting.limit, plan.fitting.over) == (60, 1)
    assert plan.fitting.first_lines == ([] if rule == "window" else [6])  # where something is lost
    assert plan.training_rows == (count or 30 + plan.fitting.windows) == len(lines(plan.training))
    assert lines(plan.training)[:5] == rows(0, 5)
    monkeypatch.setenv("FTKIT_STATE_DIR", str(new.settings.state_dir))
    call = f"migrate retrain --folder {long} --base linear --over-limit {rule} --max-row-tokens 60 --dry-run"
    done = here(*call.split())
    assert done.returncode == 0, done.stderr
    assert f"1 rows over 60 tokens: {'0 dropped' if rule != 'drop' else words}" in done.stdout
    assert words in done.stdout
    assert list(new.jobs.list(metadata={"none": "none"})) == []


def test_windows_hold_every_answer_once(new: Platform, long: Path) -> None:
    plan = migration.plan_retrain(new, long, base="linear", over_limit="window", max_row_tokens=60)
    made = lines(plan.training)[5 : 5 + (plan.fitting.windows if plan.fitting else 0)]
    taught = [m["content"] for row in made for m in row["messages"] if m["role"] == "assistant"]
    assert taught == [row["messages"][-1]["content"] for row in rows(0, 12)]
    assert all(row["messages"][0]["role"] == "system" for row in made)


def test_an_alias_of_the_catalog_has_the_limit_of_what_it_stands_for(new: Platform, long: Path) -> None:
    entry = {**NARROW, "aliases": ["acme/narrow-latest"], "limits": {"training_context": 60}}
    with knowing(new, **{"acme/narrow-1": entry}) as platform:
        found = limit_of(platform, "acme/narrow-latest", "drop", None)
        assert found is not None
        assert (found.model.id, found.tokens, found.rule) == ("acme/narrow-1", 60, "drop")
        plan = migration.plan_retrain(platform, long, base="acme/narrow-latest", over_limit="drop")
    assert plan.base == "acme/narrow-latest"  # that is how the platform knows it
    assert (plan.training_rows, plan.fitting and plan.fitting.limit) == (30, 60)


def test_a_dated_snapshot_has_the_limit_of_its_model(to_canned: To) -> None:
    found = limit_of(to_canned("openai"), "gpt-4.1-mini-2025-04-14", "error", None)
    assert found is not None
    assert found.tokens == 65_536


def test_two_platforms_limits_for_one_name_are_not_mixed_up(new: Platform) -> None:
    """The catalog lists a model of this name at several providers; the target's own limit counts."""
    theirs = {**NARROW, "limits": {"training_context": 7}}
    with knowing(new, **{"gpt-4.1-mini": theirs}) as platform:
        found = limit_of(platform, "gpt-4.1-mini", "drop", None)
    assert found is not None
    assert found.tokens == 7


def test_without_a_training_context_the_context_is_the_limit(new: Platform) -> None:
    with knowing(new, wide={**NARROW, "limits": {"inference_context": 99}}) as platform:
        found = limit_of(platform, "wide", None, None)
        assert found is None  # no rule, no limit: the validation says what is too long
        found = limit_of(platform, "wide", "truncate", None)
        assert found is not None
        assert found.tokens == 99
        assert limit_of(platform, "wide", None, 50) == found._replace(tokens=50, rule="error")


def test_a_limit_that_nobody_knows_is_asked_for(to_canned: To, new: Platform) -> None:
    with pytest.raises(UsageError, match=r"how long an example .* is not known") as caught:
        limit_of(to_canned("nebius"), "meta-llama/Llama-3.3-70B-Instruct", "drop", None)
    assert "--max-row-tokens" in str(caught.value)
    with pytest.raises(UsageError, match="how acme/new counts is not known") as caught:
        limit_of(to_canned("nebius"), "acme/new", "drop", 4096)
    assert '[models."acme/new"]' in str(caught.value)


def test_an_error_names_the_first_rows_and_the_rules(new: Platform, long: Path) -> None:
    with pytest.raises(DataError, match="1 row has more than 60 tokens") as caught:
        migration.plan_retrain(new, long, base="linear", over_limit="error", max_row_tokens=60)
    assert "training.jsonl:6" in str(caught.value)
    assert "--over-limit drop, truncate or window" in str(caught.value)


def test_a_refusal_of_the_validation_names_a_way_that_there_is(new: Platform, long: Path) -> None:
    with (
        knowing(new, linear={"provider": "local", "limits": {"training_context": 60}}) as platform,
        pytest.raises(ValidationFailed) as caught,
    ):
        migration.plan_retrain(platform, long, base="linear")
    assert "--over-limit drop, truncate or window" in str(caught.value.hint)
    assert "ftkit validate" in str(caught.value.hint)
    assert "--no-validate" not in str(caught.value.hint)  # that is no option here
    assert caught.value.report is not None


def test_a_validation_file_of_which_nothing_is_left_is_left_out(new: Platform, long: Path) -> None:
    system, _, answer = rows(0, 1)[0]["messages"]
    asked = [{"role": "user", "content": str(number)} for number in range(12)]
    trained_on(long, [{"messages": [system, question, answer]} for question in asked])
    plan = migration.plan_retrain(new, long, base="linear", over_limit="drop", max_row_tokens=12)
    assert (plan.training_rows, plan.validation_rows, plan.validation) == (12, None, None)


@pytest.fixture
def pairs(canned: Canned, to_canned: To, folder: Path) -> Path:
    """A folder with preferences, the third of which is long."""
    many = preferences(0, 20)
    many[2]["non_preferred_output"] = [{"role": "assistant", "content": "down " * 90}]
    serve_openai(canned, DPO_JOB, train=many, validation=preferences(100, 10))
    migration.export(to_canned("openai"), folder)
    return folder


@pytest.fixture
def learning(new: Platform) -> Iterator[Platform]:
    """The new platform, with a base that learns preferences as far as its catalog knows."""
    with knowing(
        new, pairs={**NARROW, "tunable": ["sft", "dpo"], "limits": {"training_context": 60}}
    ) as made:
        yield made


def test_long_preferences_are_dropped_whole(pairs: Path, learning: Platform) -> None:
    plan = migration.plan_retrain(learning, pairs, base="pairs", over_limit="drop")
    assert (plan.method, plan.training_rows, plan.validation_rows) == ("dpo", 19, 10)
    assert plan.fitting is not None
    assert (plan.fitting.over, plan.fitting.dropped, plan.fitting.first_lines) == (1, 1, [3])
    assert plan.fitting.dropped_tokens > 90
    assert lines(plan.training) == [row for n, row in enumerate(preferences(0, 20)) if n != 2]
    assert plan.hyperparameters == {"n_epochs": 4, "beta": 0.2}


def test_a_long_preference_is_an_error_where_that_is_the_rule(pairs: Path, learning: Platform) -> None:
    with pytest.raises(DataError, match=r"this preference has .* more than 60") as caught:
        migration.plan_retrain(learning, pairs, base="pairs", over_limit="error")
    assert "training.jsonl:3" in str(caught.value)


@pytest.mark.parametrize("rule", ["truncate", "window"])
def test_preferences_cannot_be_shortened(pairs: Path, learning: Platform, rule: Any) -> None:
    with pytest.raises(UsageError, match="cannot be shortened"):
        migration.plan_retrain(learning, pairs, base="pairs", over_limit=rule)


def test_preferences_taught_as_examples_are_fitted_as_those(pairs: Path, learning: Platform) -> None:
    plan = migration.plan_retrain(learning, pairs, base="pairs", method="supervised", over_limit="drop")
    assert (plan.training_rows, plan.method) == (20, "supervised")  # the long reply was the worse one

"""Recipes: reading, faults with places, overrides, renamed columns, copies and checks."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from ftkit.errors import ConfigurationError, UsageError
from ftkit.lifecycle import RunOptions, available_recipes, load_recipe
from ftkit.lifecycle.copying import check_recipe, copy_recipe
from ftkit.lifecycle.recipe import with_columns

GOOD = """\
name = "mine"
title = "Mine"
[source]
data = "rows.csv"
[example]
user = "{text}"
assistant = "{label}"
[split]
train = 20
test = 0.5
"""


def recipe_folder(tmp_path: Path, text: str = GOOD) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir(exist_ok=True)
    (folder / "recipe.toml").write_text(text)
    (folder / "rows.csv").write_text("text,label\n" + "".join(f"row {i},a\n" for i in range(30)))
    return folder


def test_installed_recipes_load() -> None:
    found, warnings = available_recipes()
    assert {"sentiment", "genre"} <= set(found)
    assert warnings == []
    for name in found:
        assert load_recipe(name).name == name


@pytest.mark.parametrize("name", ["sentiment", "genre"])
def test_installed_recipes_pass_their_check(name: str) -> None:
    result = check_recipe(name)
    assert result.problems == ()
    assert result.ok
    assert result.examples_made == result.rows_tried == 100


def test_from_a_folder_or_its_file(tmp_path: Path) -> None:
    folder = recipe_folder(tmp_path)
    assert load_recipe(folder) == load_recipe(folder / "recipe.toml")
    assert load_recipe(str(folder)).data_path == str(folder / "rows.csv")


def test_every_fault_with_its_line(tmp_path: Path) -> None:
    text = (
        GOOD.replace('user = "{text}"', "usr = 3").replace("train = 20", "train = -2")
        + "\n[benchmark]\nmodels = 7\n"
    )
    folder = recipe_folder(tmp_path, text)
    with pytest.raises(ConfigurationError) as caught:
        load_recipe(folder)
    lines = {fault.where.line for fault in caught.value.faults}
    assert lines == {5, 6, 9, 13}
    assert "unknown key 'example.usr'" in str(caught.value)


def test_syntax_fault_has_a_place(tmp_path: Path) -> None:
    folder = recipe_folder(tmp_path, GOOD.replace('title = "Mine"', "title = Mine"))
    with pytest.raises(ConfigurationError, match=r"recipe\.toml:2:9: not valid TOML"):
        load_recipe(folder)


def test_unknown_recipe_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean sentiment"):
        load_recipe("sentimentt")


def test_platform_tables_replace_the_models() -> None:
    recipe = load_recipe("sentiment")
    there = recipe.on_platform("kluster")
    assert there.train.model.startswith("klusterai/")
    assert set(there.benchmark.models) == set(recipe.platforms["kluster"].models or ())
    assert recipe.on_platform("local") is recipe


def test_sizes_given_replace_the_recipes_together() -> None:
    made = RunOptions(train=400, test=3600, seed=1).applied_to(load_recipe("sentiment"), "local")
    assert (made.split.train, made.split.validation, made.split.test, made.split.seed) == (400, None, 3600, 1)


def test_without_options_the_recipe_stays() -> None:
    recipe = load_recipe("sentiment")
    assert RunOptions().applied_to(recipe, "local") == recipe


def test_model_is_also_the_base_to_compare_with() -> None:
    made = RunOptions(model="other").applied_to(load_recipe("sentiment"), "local")
    assert made.benchmark.models == ("other",)
    made = RunOptions(model="other", base_models=("big",)).applied_to(load_recipe("sentiment"), "local")
    assert made.benchmark.models == ("big",)


def test_hyperparameters_are_laid_over() -> None:
    made = RunOptions(hyperparameters={"n_epochs": 3, "batch_size": None}).applied_to(
        load_recipe("sentiment"), "local"
    )
    assert made.train.hyperparameters.model_dump() == {
        "n_epochs": 3,
        "batch_size": "auto",
        "learning_rate_multiplier": "auto",
    }


@pytest.mark.parametrize("options", [{"train": 0}, {"test": 1.5}, {"limit": 0}, {"unknown": 1}])
def test_wrong_options(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RunOptions(**options)  # type: ignore[arg-type]


def test_renamed_columns() -> None:
    recipe = with_columns(load_recipe("sentiment"), {"text": "Headline"})
    assert recipe.example.user == "{Headline}"
    assert recipe.source.columns == ("label", "Headline")


def test_a_column_that_the_recipe_does_not_have() -> None:
    with pytest.raises(UsageError, match="It has: label, text"):
        with_columns(load_recipe("sentiment"), {"nope": "x"})


def test_copy_is_a_recipe_of_its_own(tmp_path: Path) -> None:
    made = copy_recipe("sentiment", tmp_path / "My Sentiment")
    recipe = load_recipe(made)
    assert recipe.name == "my-sentiment"
    assert Path(recipe.data_path).parent == made
    assert check_recipe(made).ok


def test_copy_never_overwrites(tmp_path: Path) -> None:
    copy_recipe("genre", tmp_path / "g")
    (tmp_path / "g" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="already"):
        copy_recipe("genre", tmp_path / "g")
    assert (tmp_path / "g" / "mine.txt").read_text() == "mine"


def test_check_names_what_is_wrong(tmp_path: Path) -> None:
    text = (
        GOOD
        + '[answers]\nlabels = ["b"]\n[train]\nmodel = "nothing"\n[benchmark]\nmetric = "wishes"\n'
        + '[platforms.moon]\nmodel = "x"\n'
    )
    result = check_recipe(recipe_folder(tmp_path, text))
    said = "\n".join(result.problems)
    assert not result.ok
    assert "knows no model 'nothing'" in said
    assert "no metric is called 'wishes'" in said
    assert "no platform is called 'moon'" in said
    assert "rows.csv:2: the reply 'a' is not one of the labels" in said

"""Recipes: reading, faults with places, overrides, renamed columns, copies and checks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ftkit.errors import ConfigurationError, DataError, FtkitError, StorageError, UsageError
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


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('user = "{text}"', 'user = "{text"', 6, "a lone '{' at character 1"),
        ('user = "{text}"', 'user = "{}"', 6, "an empty placeholder"),
        ('assistant = "{label}"', "", 5, "the answer to train on is missing"),
        (
            'user = "{text}"\nassistant = "{label}"',
            'user = "a"\nassistant = "b"',
            5,
            "no text names a column",
        ),
        ('name = "mine"', 'name = "My Recipe"', 1, "name"),
        ("test = 0.5", "test = 1.0", 10, "split.test"),
        ("test = 0.5", "test = 0", 10, "split.test"),
        ("test = 0.5", "seed = -1", 10, "split.seed"),
        ("[split]", "[split]\ntrain = 0.1", 10, "not valid TOML"),
        ("[split]", "[train.hyperparameters]\nn_epochs = 0\n[split]", 9, "n_epochs"),
        ("[split]", '[train]\nsuffix = "way too long for a suffix"\n[split]', 9, "train.suffix"),
        ("[split]", '[platforms.openai]\nmodels = ["a"]\n[split]', 8, "platforms.openai.model"),
    ],
)
def test_a_fault_is_said_with_its_line(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    folder = recipe_folder(tmp_path, GOOD.replace(old, new))
    with pytest.raises(ConfigurationError) as caught:
        load_recipe(folder)
    said = {fault.where.line: fault.message for fault in caught.value.faults}
    assert words in said.get(line, ""), said
    assert caught.value.hint


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"\xff\xfe\x00", "cannot be read"), (b"", "name: field required")],
    ids=["not UTF-8", "empty"],
)
def test_a_recipe_file_that_is_none(tmp_path: Path, content: bytes, words: str) -> None:
    folder = recipe_folder(tmp_path)
    (folder / "recipe.toml").write_bytes(content)
    with pytest.raises(FtkitError, match=words) as caught:
        load_recipe(folder)
    assert "recipe.toml" in str(caught.value)


def test_an_editors_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    folder = recipe_folder(tmp_path)
    (folder / "recipe.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load_recipe(folder).name == "mine"


def test_a_folder_of_ones_own_is_taken_before_an_installed_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_recipe("genre", tmp_path / "sentiment")
    monkeypatch.chdir(tmp_path)
    assert load_recipe("sentiment").title == load_recipe("genre").title


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"n_epochs": 500}, "n_epochs cannot be 500: .*less than or equal to 100"),
        ({"batch_size": 0}, "batch_size cannot be 0"),
        ({"learning_rate_multiplier": "fast"}, "learning_rate_multiplier cannot be 'fast'"),
        ({"epochs": 3}, "epochs cannot be 3: .*not permitted"),
    ],
)
def test_wrong_hyperparameters_are_a_wrong_call(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        RunOptions(hyperparameters=wrong).applied_to(load_recipe("sentiment"), "local")
    assert "n_epochs, batch_size, learning_rate_multiplier" in str(caught.value.hint)


@pytest.mark.parametrize("theirs", ["a{b", "a}", " "])
def test_a_column_that_no_template_can_name(theirs: str) -> None:
    with pytest.raises(UsageError, match="a template cannot name"):
        with_columns(load_recipe("sentiment"), {"text": theirs})


NAMES = st.text(st.characters(exclude_characters="{}", codec="utf-8"), min_size=1, max_size=12).filter(
    str.strip
)


@settings(max_examples=50, deadline=None)
@given(a=NAMES, b=NAMES)
def test_renamed_columns_give_the_same_examples(a: str, b: str) -> None:
    """Whatever a file calls its two columns, a row gives the example that it gave before."""
    assume(a.strip() != b.strip())
    recipe = load_recipe("sentiment")
    renamed = with_columns(recipe, {"text": a, "label": b})
    row = {"text": "profit rose", "label": "positive"}
    assert renamed.example.render({a.strip(): row["text"], b.strip(): row["label"]}) == recipe.example.render(
        row
    )


class Plugins:
    """A folder of installed distributions, each with one recipe entry point."""

    def __init__(self, site: Path) -> None:
        self.site = site

    def add(self, name: str, target: str) -> None:
        info = self.site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[ftkit.recipes]\n{name} = {target}\n")


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plugins:
    """A place for plug-ins that Python finds; its module ``plugin_recipes`` names a good and a bad folder."""
    site = tmp_path / "site"
    site.mkdir()
    folder = recipe_folder(tmp_path)
    module = f"plugin_recipes_{site.parent.name.strip('_')}"
    (site / f"{module}.py").write_text(f"good = {str(folder)!r}\nempty = {str(site)!r}\n")
    monkeypatch.syspath_prepend(site)
    made = Plugins(site)
    made.add("good", f"{module}:good")
    made.add("empty", f"{module}:empty")
    made.add("gone", f"{module}:nothing")
    made.add("nowhere", "no_such_module_at_all:x")
    return made


def test_a_broken_plug_in_is_a_named_warning(plugins: Plugins) -> None:
    found, warnings = available_recipes()
    assert {"sentiment", "good"} <= set(found)
    assert len(warnings) == 3
    assert {name for name in ("empty", "gone", "nowhere") for text in warnings if repr(name) in text} == {
        "empty",
        "gone",
        "nowhere",
    }
    assert load_recipe("good").name == "mine"
    with pytest.raises(UsageError, match="'nowhere'"):
        load_recipe("nowhere")


def test_a_plug_ins_recipe_is_copied_with_its_data(plugins: Plugins, tmp_path: Path) -> None:
    made = copy_recipe("good", tmp_path / "deep" / "Ünï 2")
    assert sorted(p.name for p in made.iterdir()) == ["recipe.toml", "rows.csv"]
    assert load_recipe(made).name == "n-2"


def test_the_list_goes_on_past_a_recipe_with_faults(
    plugins: Plugins, tmp_path: Path, here: Callable[..., Any]
) -> None:
    (tmp_path / "mine" / "recipe.toml").write_text("name = 3\n")
    done = here("recipes", "list", "--json")
    assert done.returncode == 0
    shown = {recipe["name"] for recipe in json.loads(done.stdout)}
    assert shown == set(available_recipes()[0]) - {"good"}
    said = [json.loads(line)["text"] for line in done.stderr.splitlines()]
    assert any("'good'" in text and "recipe.toml:1" in text for text in said)


def test_a_copy_of_a_folder_is_no_business_of_ours(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a folder of yours"):
        copy_recipe(str(recipe_folder(tmp_path)), tmp_path / "other")


@pytest.mark.parametrize("target", ["file/copy", "dangling"])
def test_a_copy_that_cannot_be_written_leaves_nothing(tmp_path: Path, target: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(StorageError) as caught:
        copy_recipe("genre", tmp_path / target)
    assert str(tmp_path / target) in str(caught.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_check_counts_rows_that_make_no_example(tmp_path: Path) -> None:
    folder = recipe_folder(tmp_path)
    (folder / "rows.csv").write_text("text,label\na,up\n,up\nb,\n")
    result = check_recipe(folder)
    assert (result.ok, result.rows_tried, result.examples_made) == (False, 3, 1)
    assert [problem.partition(" ")[0] for problem in result.problems] == [
        f"{folder / 'rows.csv'}:3:",
        f"{folder / 'rows.csv'}:4:",
    ]


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (None, UsageError, "no such file"),
        ("", DataError, "empty"),
        ("txet,label\na,up\nb,down\n", UsageError, "'text'"),
    ],
    ids=["missing", "empty", "wrong column"],
)
def test_check_of_data_that_cannot_be_used(
    tmp_path: Path, content: str | None, error: type[FtkitError], words: str
) -> None:
    folder = recipe_folder(tmp_path)
    (folder / "rows.csv").unlink() if content is None else (folder / "rows.csv").write_text(content)
    with pytest.raises(error, match=words):
        check_recipe(folder)


def test_check_with_several_right_answers_asks_for_no_label(tmp_path: Path) -> None:
    text = GOOD + '[answers]\nlabels = ["a", "b"]\nseparator = ","\n'
    folder = recipe_folder(tmp_path, text)
    (folder / "rows.csv").write_text('text,label\nx,"a, b"\n')
    assert check_recipe(folder).ok

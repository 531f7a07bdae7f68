"""What a recipe may be beside one tuning: kinds, tasks, generated data, judges; each fault with its line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from ftkit.errors import ConfigurationError, UsageError
from ftkit.lifecycle import Recipe, RunOptions, load_recipe
from ftkit.lifecycle.copying import check_recipe
from ftkit.lifecycle.keeping import Keeper
from ftkit.lifecycle.own_code import own_code
from ftkit.lifecycle.recipe import with_columns
from ftkit.lifecycle.tables import KeepTable

HEAD = 'name = "mine"\ntitle = "Mine"\n'
SOURCE = '[source]\ndata = "rows.csv"\n'
EXAMPLE = '[example]\nuser = "{text}"\nassistant = "{label}"\n'
GENERATE = '[generate]\nmodel = "linear"\nprompt = "About {text}"\nfields = { label = "str" }\n'
TASK = '[[tasks]]\nname = "%s"\nsystem = "%s"\nuser = "{text}"\nassistant = "{label}"\n'
OPENAI = '[platforms.openai]\nmodel = "gpt-4.1-nano-2025-04-14"\n'


def written(folder: Path, *parts: str) -> Path:
    """A folder with these parts as its recipe, and rows."""
    (folder / "recipe.toml").write_text(HEAD + "".join(parts))
    (folder / "rows.csv").write_text("text,label\n" + "".join(f"row {i},a\n" for i in range(30)))
    return folder


def loaded(folder: Path, *parts: str) -> Recipe:
    """That recipe."""
    return load_recipe(written(folder, *parts))


def faults_of(folder: Path, *parts: str) -> str:
    """What is wrong with that recipe."""
    with pytest.raises(ConfigurationError) as caught:
        loaded(folder, *parts)
    return "\n".join(f"{fault.where.line}: {fault.message}" for fault in caught.value.faults)


def test_a_recipe_tunes_unless_it_says_otherwise(tmp_path: Path) -> None:
    recipe = loaded(tmp_path, SOURCE, EXAMPLE)
    assert (recipe.kind, recipe.tunes, recipe.split.divides) == ("tune", True, True)
    assert recipe.in_words == "tunes linear"
    [task] = recipe.work
    assert (task.name, task.metric, task.user) == ("mine", "label", "{text}")


def test_a_comparison_takes_all_rows_unless_it_says_otherwise(tmp_path: Path) -> None:
    recipe = loaded(tmp_path, 'kind = "compare"\n', SOURCE, EXAMPLE)
    assert (recipe.tunes, recipe.split.divides, recipe.in_words) == (False, False, "compares models")
    recipe = loaded(tmp_path, 'kind = "compare"\n', SOURCE, EXAMPLE, "[split]\ntest = 0.5\n")
    assert recipe.split.divides


def test_a_generating_recipe_needs_no_example(tmp_path: Path) -> None:
    recipe = loaded(tmp_path, 'kind = "generate"\n', SOURCE, GENERATE)
    assert (recipe.work, recipe.metrics, recipe.in_words) == ((), (), "generates data")


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (('kind = "judge"\n', SOURCE, EXAMPLE), "3: kind"),
        ((SOURCE,), "the messages of a row are missing; write [example]"),
        (('kind = "generate"\n', SOURCE), "says how; write [generate]"),
        ((SOURCE, EXAMPLE, TASK % ("a", "A")), "[[tasks]] have messages of their own"),
        ((SOURCE, TASK % ("a", "A"), TASK % ("a", "B")), "two tasks have the same name"),
        ((SOURCE, TASK % ("a", "A"), TASK % ("b", "A")), "needs a system message of its own"),
        ((SOURCE, TASK % ("a", "A {text}"), TASK % ("b", "B")), "it names no column"),
        ((SOURCE, EXAMPLE, GENERATE, 'keep.columns = { label = "(" }\n'), "no regular expression"),
        ((SOURCE, EXAMPLE, GENERATE.replace("{text}", "{text")), "a lone '{'"),
        ((SOURCE, EXAMPLE, GENERATE.replace('{ label = "str" }', "{}")), "generate.fields"),
        ((SOURCE, EXAMPLE, "[benchmark.judge]\nmodels = []\n"), "benchmark.judge.models"),
        (
            (SOURCE, EXAMPLE, '[benchmark.judge]\nmodels = ["m"]\ncriteria = "x"\nrubric = "r.md"\n'),
            "not both",
        ),
        ((SOURCE, EXAMPLE, '[platforms.openai]\nmodels = ["m"]\n'), "or tune = false"),
    ],
)
def test_faults(tmp_path: Path, parts: tuple[str, ...], words: str) -> None:
    assert words in faults_of(tmp_path, *parts)


def test_a_platform_may_tune_nothing(tmp_path: Path) -> None:
    table = OPENAI.replace("model =", "tune = false\nmodel =")
    recipe = loaded(tmp_path, SOURCE, EXAMPLE, table)
    there = recipe.on_platform("openai")
    assert (there.kind, there.benchmark.models) == ("compare", ("gpt-4.1-nano-2025-04-14",))
    assert there.split == recipe.split, "the same rows are held out as where a model is tuned"
    again = RunOptions(tune=True).applied_to(recipe, "openai")
    assert (again.kind, again.train.model) == ("tune", "gpt-4.1-nano-2025-04-14")


def test_a_platform_has_writers_and_judges_of_its_own(tmp_path: Path) -> None:
    judge = '[benchmark.judge]\nmodels = ["hook:a:b"]\n'
    table = OPENAI + 'judges = ["gpt-4.1-2025-04-14"]\ngenerator = "gpt-4.1-2025-04-14"\n'
    recipe = loaded(tmp_path, SOURCE, EXAMPLE, GENERATE, judge, table)
    there = recipe.on_platform("openai")
    assert there.benchmark.judge is not None and there.generate is not None
    assert there.benchmark.judge.models == ("gpt-4.1-2025-04-14",)
    assert there.generate.model == "gpt-4.1-2025-04-14"
    rehearsed = RunOptions(rehearse="openai").applied_to(recipe, "local")
    assert rehearsed.train.model == "gpt-4.1-nano-2025-04-14"
    assert (rehearsed.generate, rehearsed.benchmark.judge) == (recipe.generate, recipe.benchmark.judge)


def test_a_rehearsal_of_a_platform_that_is_not_named(tmp_path: Path) -> None:
    recipe = loaded(tmp_path, SOURCE, EXAMPLE, OPENAI)
    with pytest.raises(UsageError, match="names no models for 'nebius'") as caught:
        RunOptions(rehearse="nebius").applied_to(recipe, "local")
    assert "openai" in str(caught.value.hint)


def test_on_the_platform_itself_there_is_no_rehearsal(tmp_path: Path) -> None:
    recipe = loaded(tmp_path, SOURCE, EXAMPLE, OPENAI)
    with pytest.raises(UsageError, match="no rehearsal"):
        RunOptions(rehearse="openai").applied_to(recipe, "openai")


def test_tune_is_the_callers_to_say(tmp_path: Path) -> None:
    recipe = loaded(tmp_path, SOURCE, EXAMPLE)
    assert RunOptions(tune=False).applied_to(recipe, "local").kind == "compare"
    assert RunOptions().applied_to(recipe, "local").kind == "tune"
    compared = loaded(tmp_path, 'kind = "compare"\n', SOURCE, EXAMPLE)
    tuned = RunOptions(tune=True).applied_to(compared, "local")
    assert tuned.tunes and tuned.split.test == 0.2, "something must be held out"


def test_columns_of_tasks_and_of_prompts_are_renamed(tmp_path: Path) -> None:
    tasks = with_columns(loaded(tmp_path, SOURCE, TASK % ("a", "A"), TASK % ("b", "B")), {"text": "Body"})
    assert [task.user for task in tasks.work] == ["{Body}", "{Body}"]
    recipe = loaded(tmp_path, SOURCE, EXAMPLE, GENERATE)
    renamed = with_columns(recipe, {"text": "Body"})
    assert renamed.generate is not None and renamed.generate.prompt == "About {Body}"
    assert renamed.example == recipe.example, "its columns are those of the generated rows"
    with pytest.raises(UsageError, match="has no column 'label'"):
        with_columns(recipe, {"label": "Kind"})


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ('[benchmark]\nmetric = { name = "json", shema = "x" }\n', "has no option 'shema'"),
        ('[benchmark]\nmetric = "own:score"\n', "cannot be imported"),
        ('[benchmark]\nmodels = ["hook:nowhere:call"]\n', "there is no module 'nowhere'"),
        ('[benchmark.judge]\nmodels = ["hook:helper:nothing"]\n', "hook:helper:nothing"),
        ('[benchmark.judge]\nmodels = ["linear"]\nrubric = "rubric.md"\n', "there is no file 'rubric.md'"),
        ('[benchmark.judge]\nmodels = ["gpt-9"]\n', "knows no model 'gpt-9'"),
        (GENERATE.replace('"linear"', '"gpt-9"'), "knows no model 'gpt-9'"),
    ],
)
def test_check_names_what_a_run_would_miss(tmp_path: Path, extra: str, words: str) -> None:
    folder = written(tmp_path, SOURCE, EXAMPLE, extra)
    (folder / "helper.py").write_text("call = 'no function'\n")
    result = check_recipe(folder)
    assert not result.ok
    assert words.replace("hook:helper:nothing", "helper:nothing") in "\n".join(result.problems)


def test_check_tries_each_task_and_the_held_out_rows(tmp_path: Path) -> None:
    task = TASK % ("a", "A") + 'labels = ["b"]\n'
    result = check_recipe(written(tmp_path, SOURCE, task, '[benchmark]\ndata = "rows.csv"\n'))
    assert result.rows_tried == 60
    assert all("the reply 'a' is not one of the labels" in problem for problem in result.problems)
    assert len(result.problems) == 60


def test_code_beside_a_recipe_is_importable_and_then_forgotten(tmp_path: Path) -> None:
    for name, number in (("one", 1), ("two", 2)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "beside_it.py").write_text(f"NUMBER = {number}\n")
        with own_code(folder):
            import beside_it  # type: ignore[import-not-found]

            assert number == beside_it.NUMBER
        assert "beside_it" not in sys.modules
        assert str(folder) not in sys.path
    with own_code(tmp_path):
        assert str(tmp_path) not in sys.path, "there is no code in it"


def kept_by(
    table: dict[str, Any], rows: list[dict[str, Any]], held_out: tuple[str, ...] = ()
) -> list[str | None]:
    keeper = Keeper(KeepTable(**table), ("text", "label"), [{"text": text} for text in held_out])
    return [keeper.problem(row) for row in rows]


def test_a_generated_row_must_be_complete() -> None:
    rows = [
        {"text": "a", "label": "x"},
        {"text": " ", "label": "x"},
        {"text": "b"},
        {"text": "c", "label": None},
    ]
    assert kept_by({}, rows) == [None, "text is empty", "label is empty", "label is empty"]


def test_a_generated_text_comes_once_and_is_not_held_out() -> None:
    rows = [{"text": text, "label": "x"} for text in ("Hello there", "hello  THERE!", "Other", "Held out.")]
    assert kept_by({"unique": ["text"]}, rows, ("held out",)) == [
        None,
        "it came before",
        None,
        "it is among the held-out rows",
    ]
    assert kept_by({}, rows, ("held out",)) == [None] * 4


def test_a_generated_text_has_a_length_and_a_form() -> None:
    rows = [
        {"text": text, "label": "x"} for text in ("one", "one two", "one two three four", "see {room} now")
    ]
    table = {"unique": ["text"], "words": [2, 3], "columns": {"text": "[^{}]*"}}
    assert kept_by(table, rows) == [
        "text is too short",
        None,
        "text is too long",
        "text is not as it should be",
    ]

"""Every shipped recipe: complete, checked, copied and really run on the local platform as its README says."""

from __future__ import annotations

import csv
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ftkit.cli.root import cli
from ftkit.gateway import connect
from ftkit.lifecycle import RunOptions, RunResult, available_recipes, load_recipe, run
from ftkit.lifecycle.copying import check_recipe, copy_recipe
from ftkit.settings import Settings

NAMES = ("curate", "genre", "judge", "keywords", "multi-task", "sentiment", "sentiment-reviews", "topics")
TASKS = ["sentiment", "topic", "urgency", "wish", "translation"]
LEAST_ABOVE_BASE = 0.15


def folder_of(name: str) -> Path:
    """Where an installed recipe is."""
    return load_recipe(name).folder


def readme_of(name: str) -> str:
    """A recipe's README."""
    return (folder_of(name) / "README.md").read_text("utf-8")


def commands_of(name: str) -> list[str]:
    """The commands that a README shows."""
    return re.findall(r"^    (ftkit .*)$", readme_of(name), re.MULTILINE)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The module's local platform; every run has its directory there."""
    home = tmp_path_factory.mktemp("shipped")
    made = Settings(state_dir=home / "state", runs_dir=home / "runs", poll_seconds=0.05)
    with connect("local", settings=made) as platform:
        yield made
        platform.stop_local()


def test_these_eight_are_installed() -> None:
    found, warnings = available_recipes()
    assert set(NAMES) <= set(found)
    assert warnings == []


@pytest.mark.parametrize("name", NAMES)
def test_it_passes_its_check(name: str) -> None:
    result = check_recipe(name)
    assert result.problems == ()
    assert result.ok
    assert result.examples_made == result.rows_tried > 50


@pytest.mark.parametrize("name", NAMES)
def test_it_has_a_folder_to_edit(name: str, tmp_path: Path) -> None:
    made = copy_recipe(name, tmp_path / "mine")
    recipe = load_recipe(made)
    assert recipe.name == "mine"
    assert Path(recipe.data_path).parent == made
    assert check_recipe(made).ok
    names = {path.name for path in made.iterdir()}
    assert {"recipe.toml", "README.md"} < names
    assert not any(name.endswith(".pyc") or name == "__pycache__" for name in names)


@pytest.mark.parametrize("name", NAMES)
def test_its_readme_begins_with_the_command_and_names_every_file(name: str) -> None:
    text = readme_of(name)
    assert commands_of(name)[0] == f"ftkit run {name}"
    assert text.startswith(f"# {name}: ")
    assert "Apache-2.0" in " ".join(text.split())
    for file in folder_of(name).iterdir():
        assert file.name in text or file.name == "README.md" or file.name.startswith("__"), file.name


def parsed(words: list[str]) -> click.Context:
    """A command line as click reads it, without doing anything."""
    command: click.Command = cli
    context = click.Context(cli, info_name="ftkit")
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None
        command = found
    return command.make_context(command.name or "", words, parent=context)


@pytest.mark.parametrize(("name", "line"), [(n, line) for n in NAMES for line in commands_of(n)])
def test_the_commands_of_its_readme_are_commands(
    name: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in ("answers.csv", "rubric.md"):
        (tmp_path / file).write_text("x")
    monkeypatch.chdir(tmp_path)
    assert parsed(shlex.split(line)[1:]).params


@pytest.mark.parametrize("name", NAMES)
def test_its_platforms_name_models_of_the_catalog(name: str) -> None:
    recipe, catalog = load_recipe(name), Settings().catalog
    assert "openai" in recipe.platforms
    for platform, table in recipe.platforms.items():
        wanted = {table.model, table.generator, *(table.models or ()), *(table.judges or ())} - {None}
        assert wanted
        for model in wanted:
            assert catalog.model(str(model), platform) is not None, (platform, model)


def test_the_judges_films_are_those_of_genre() -> None:
    assert (folder_of("judge") / "films.csv").read_bytes() == (folder_of("genre") / "films.csv").read_bytes()


@pytest.mark.parametrize(
    ("name", "file", "column"),
    [
        ("topics", "articles.csv", "topic"),
        ("sentiment-reviews", "reviews.csv", "sentiment"),
    ],
)
def test_readme_counts_equal_the_file(name: str, file: str, column: str) -> None:
    with (folder_of(name) / file).open(encoding="utf-8", newline="") as lines:
        counts = Counter(row[column] for row in csv.DictReader(lines))
    shown = dict(re.findall(r"^\| (\w+) \| (\d+) \|$", readme_of(name), re.MULTILINE))
    assert {label: int(count) for label, count in shown.items()} == counts
    assert f"| **all** | **{counts.total()}** |" in readme_of(name)


@pytest.mark.parametrize(
    ("name", "file", "texts"),
    [
        ("topics", "articles.csv", ("title", "text")),
        ("sentiment-reviews", "reviews.csv", ("review",)),
        ("keywords", "letters.csv", ("letter",)),
        ("multi-task", "messages.csv", ("text", "spanish")),
        ("curate", "held-out.csv", ("command",)),
    ],
)
def test_data_is_tidy_and_nothing_occurs_twice(name: str, file: str, texts: tuple[str, ...]) -> None:
    raw = (folder_of(name) / file).read_bytes()
    assert b"\r" not in raw and raw.endswith(b"\n")
    rows = list(csv.DictReader(raw.decode("utf-8").splitlines()))
    assert all(cell and cell == " ".join(cell.split()) for row in rows for cell in row.values())
    for column in texts:
        seen = Counter(re.sub(r"\W+", " ", row[column].casefold()).strip() for row in rows)
        assert [text for text, count in seen.items() if count > 1] == []


def test_keywords_are_of_the_vocabulary_and_in_its_order() -> None:
    recipe = load_recipe("keywords")
    listed = recipe.example.system if recipe.example else None
    parts = re.findall(r"(?:Things|Matters|Wants): ([^.]*)\.", listed or "")
    place = {word: number for number, part in enumerate(parts) for word in part.split(", ")}
    with (folder_of("keywords") / "letters.csv").open(encoding="utf-8", newline="") as lines:
        rows = [row["keywords"].split("; ") for row in csv.DictReader(lines)]
    assert len(rows) == 112
    assert len({word for row in rows for word in row}) == len(place) == 25
    for row in rows:
        assert 2 <= len(row) <= 4, row
        assert [place[word] for word in row] == sorted(place[word] for word in row), row


def run_here(name: str, settings: Settings) -> RunResult:
    """The recipe as it is shipped, on the module's platform."""
    return run(name, settings=settings)


def assert_better(result: RunResult) -> None:
    """The tuned model is above its base by more than a little, and the report is a page about it."""
    assert result.benchmark is not None and result.report is not None
    tuned, base = result.benchmark.model(str(result.tuned_model)), result.benchmark.model("linear")
    assert tuned.figure[0] > base.figure[0] + LEAST_ABOVE_BASE
    assert tuned.unusable == 0
    assert str(result.tuned_model) in result.report.read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["genre", "keywords", "sentiment", "sentiment-reviews", "topics"])
def test_it_runs(name: str, settings: Settings) -> None:
    assert_better(run_here(name, settings))


def test_judge_runs_and_the_judge_is_measured(settings: Settings) -> None:
    result = run_here("judge", settings)
    assert_better(result)
    assert result.benchmark is not None
    [report] = result.benchmark.judges
    [used] = report.judges
    assert used.judge == "hook:film_words:judge"
    assert used.undecided == 0
    overall = next(one for one in report.against_truth if one.model is None)
    assert overall.n == 2 * result.benchmark.rows
    assert overall.kappa is not None and overall.kappa > 0.5
    assert not report.reference_shown


@pytest.mark.slow
def test_multi_task_runs_all_five_side_by_side(settings: Settings) -> None:
    result = run_here("multi-task", settings)
    assert list(result.tasks) == TASKS
    assert result.benchmark is None
    assert {report.rows for report in result.tasks.values()} == {result.tasks["topic"].rows}
    for name in ("sentiment", "urgency", "wish"):
        report = result.tasks[name]
        assert report.model(str(result.tuned_model)).figure[0] > report.model("linear").figure[0]
        assert all(score.invalid == 0 for score in report.models), "answers are JSON of the form"
    assert result.tasks["translation"].model(str(result.tuned_model)).figure[0] < 0.4, "it cannot translate"
    overview = (result.directory / "report.html").read_text("utf-8")
    for name in TASKS:
        assert f'href="report-{name}.html"' in overview
        assert (result.directory / f"report-{name}.html").is_file()


def test_curate_runs_on_generated_rows_and_is_tested_on_others(settings: Settings) -> None:
    result = run_here("curate", settings)
    assert_better(result)
    made = result.generated
    assert made is not None
    assert made.model == "hook:phrases:writer"
    assert made.kept + sum(made.dropped.values()) == made.rows == 280
    assert result.benchmark is not None and result.benchmark.rows == 80
    assert result.steps["split"]["result"]["parts"]["train"]["rows"] == made.kept
    assert run_here("curate", settings).state == "already done"


@pytest.mark.slow
def test_sentiment_is_rehearsed_with_three_sizes(settings: Settings) -> None:
    result = run("sentiment", RunOptions(rehearse="openai", limit=120), settings=settings)
    assert result.benchmark is not None
    bases = [score for score in result.benchmark.models if score.role == "base"]
    assert [score.stand_in_for for score in bases] == [score.model for score in bases]
    assert len(bases) == 3
    assert result.base_model == "gpt-4.1-mini-2025-04-14"


@pytest.mark.slow
def test_untuned_a_recipe_compares_models_on_the_same_rows(settings: Settings) -> None:
    result = run("genre", RunOptions(rehearse="openai", limit=60), settings=settings)
    assert result.kind == "compare"
    assert (result.tuned_model, result.base_model, result.job) == (None, None, None)
    assert result.benchmark is not None
    assert len(result.benchmark.models) == 3
    assert "upload train" not in result.steps

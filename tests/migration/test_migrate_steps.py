"""What is next: for every stage the one command that goes on, as it can be typed."""

from __future__ import annotations

import shlex
from datetime import date
from pathlib import Path
from typing import Any

import click
import pytest
from houses import TODAY, compared, exported, list_models, recorded, retrained, tuned

from ftkit.cli.root import cli
from ftkit.errors import DataError, UsageError
from ftkit.lifecycle import migration
from ftkit.lifecycle.migration.folder import MODEL, RECORD, MigrationFolder
from ftkit.lifecycle.migration.results import Missing

NAME = "ft:gpt-4.1-mini-2025-04-14:acme::ab"


def step(folder: Path) -> str | None:
    """What the report says is next for the one model."""
    [model] = migration.report(folder, today=TODAY).models
    return model.next_step


def parsed(line: str | None) -> tuple[str, dict[str, Any]]:
    """The command's name and options, read by the command line itself."""
    assert line is not None
    first, group, name, *rest = shlex.split(line)
    assert (first, group) == ("ftkit", "migrate")
    context = click.Context(cli)
    found = cli.get_command(context, group)
    assert isinstance(found, click.Group)
    command = found.get_command(context, name)
    assert command is not None
    return name, command.make_context(name, rest).params


def test_each_stage_has_its_command(folder: Path) -> None:
    model = tuned(NAME)
    list_models(folder, model)
    name, given = parsed(step(folder))
    assert (name, given["folder"], given["app_platform"]) == ("export", folder, "openai")
    exported(folder, model)
    name, given = parsed(step(folder))
    assert (name, given["golden"], given["model"], given["app_platform"]) == ("record", None, None, "openai")
    recorded(folder, model)
    name, given = parsed(step(folder))
    assert (name, given["base"], given["app_platform"]) == ("retrain", "BASE", "PLATFORM")
    retrained(folder, model, None)
    name, given = parsed(step(folder))
    base = "meta-llama/Llama-3.3-70B-Instruct"
    assert (name, given["base"], given["app_platform"]) == ("retrain", base, "nebius")
    retrained(folder, model)
    name, given = parsed(step(folder))
    assert (name, given["app_platform"], given["new"]) == ("compare", "nebius", None)
    compared(folder, model)
    assert step(folder) is None


def test_a_comparison_that_shows_no_parity_is_for_a_person_to_judge(folder: Path) -> None:
    model = tuned(NAME)
    exported(folder, model)
    recorded(folder, model)
    retrained(folder, model)
    compared(folder, model, verdict="not shown", low=-0.04)
    assert step(folder) is None
    [told] = migration.report(folder, today=TODAY).models
    assert not told.done


@pytest.mark.parametrize(
    ("change", "command"),
    [
        ({"alive": None}, "export"),  # it could not be asked: it may live
        ({"alive": False}, "export"),  # its data may be there still
        ({"alive": False, "job": None}, None),  # neither data nor answers can be had
        ({"job": None}, "export"),  # its answers can be had
    ],
)
def test_a_model_that_was_not_exported(folder: Path, change: dict[str, Any], command: str | None) -> None:
    list_models(folder, tuned(NAME, **change))
    assert (parsed(step(folder))[0] if command else step(folder)) == command


@pytest.mark.parametrize(
    ("change", "command"),
    [
        ({"alive": False}, "retrain"),  # too late to record
        ({"model": None}, "retrain"),  # nobody knows what to ask
        ({"alive": None}, "record"),
    ],
)
def test_a_model_that_was_exported(folder: Path, change: dict[str, Any], command: str) -> None:
    exported(folder, tuned(NAME, **change))
    assert parsed(step(folder))[0] == command


def test_without_recorded_answers_there_is_nothing_to_compare(folder: Path) -> None:
    model = tuned(NAME, alive=False)
    exported(folder, model)
    retrained(folder, model)
    assert step(folder) is None


def test_without_a_validation_file_a_golden_set_is_asked_for(folder: Path) -> None:
    made = exported(folder, tuned(NAME))
    record = MigrationFolder(folder).models()[0].path / MODEL
    record.write_text(made.model_copy(update={"files": made.files[:1]}).model_dump_json())
    name, given = parsed(step(folder))
    assert (name, given["golden"]) == ("record", Path("FILE"))


def test_without_a_training_file_nothing_can_be_retrained(folder: Path) -> None:
    model = tuned(NAME)
    lost = Missing(kind="training", id="file-1", reason="the platform has no such file")
    made = exported(folder, model, (lost,))
    record = MigrationFolder(folder).models()[0].path / MODEL
    record.write_text(made.model_copy(update={"files": made.files[1:]}).model_dump_json())
    recorded(folder, model)
    assert step(folder) is None
    assert "training file-1 is missing" in migration.report(folder, today=TODAY).page.read_text()


def test_what_is_damaged_is_exported_again(folder: Path) -> None:
    model = tuned(NAME)
    place = exported(folder, model).folder
    recorded(folder, model)
    (place / "training.jsonl").unlink()
    assert parsed(step(folder))[0] == "export"
    assert migration.next_of(folder) != step(folder)  # which does not read the files


def test_in_a_folder_of_several_the_model_is_named(folder: Path) -> None:
    odd = "ft:a:b's model"
    first, second = tuned(NAME), tuned(odd)
    list_models(folder, first, second)
    for model in (first, second):
        exported(folder, model)
    for told in migration.report(folder, today=TODAY).models:
        assert parsed(told.next_step)[1]["model"] == told.model.name
        assert migration.next_of(folder, told.model.name) == told.next_step
    with pytest.raises(UsageError, match="which model"):
        migration.next_of(folder)
    with pytest.raises(UsageError, match="no exported model is called 'nobody'"):
        migration.next_of(folder, "nobody")


@pytest.mark.parametrize("by", ["model", "job", "folder"])
def test_a_model_is_found_by_its_job_and_its_folder_too(folder: Path, by: str) -> None:
    made = exported(folder, tuned(NAME, job="ftjob-77"))
    name = {"model": NAME, "job": "ftjob-77", "folder": made.folder.name}[by]
    place, found = MigrationFolder(folder).model(name)
    assert (place.path, found.model.name) == (made.folder, NAME)


def test_the_command_goes_with_a_folder_of_an_odd_name(tmp_path: Path) -> None:
    folder = tmp_path / "our house; rm -rf"
    list_models(folder, tuned(NAME))
    assert parsed(step(folder))[1]["folder"] == folder


def test_days_left_are_those_of_today(folder: Path) -> None:
    list_models(folder, tuned(NAME, days_left=999))
    [told] = migration.report(folder, today=date(2027, 1, 15)).models
    assert told.model.days_left == -1


@pytest.mark.parametrize("name", [MODEL, RECORD])
def test_a_record_of_another_version_is_named(folder: Path, name: str) -> None:
    model = tuned(NAME)
    place = exported(folder, model).folder
    recorded(folder, model)
    (place / name).write_text((place / name).read_text().replace('"model"', '"model_of_tomorrow"', 1))
    with pytest.raises(DataError, match="this record of a migration is damaged") as caught:
        migration.report(folder)
    assert name in str(caught.value)
    assert "Was it written by another version" in str(caught.value)

"""From one local platform to another, over HTTP, step by step; the old one is gone when it is compared."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from conftest import Old, example, rows, write

from ftkit.data import sha256_file
from ftkit.errors import BatchFailed, DataError, NotOnPlatform, UsageError
from ftkit.gateway import JobOrder, Platform, connect
from ftkit.lifecycle import migration
from ftkit.lifecycle.migration.folder import MigrationFolder
from ftkit.settings import Settings


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def of(told: migration.MigrationReport, old: Old) -> Any:
    """What is told of the old model; the platform of these tests has others, too."""
    return next(model for model in told.models if model.model.name == old.model)


@pytest.fixture
def exported(old: Old, folder: Path) -> Path:
    """The folder with the old model's copy in it."""
    with old.connect() as platform:
        migration.export(platform, folder, [old.model])
    return folder


@pytest.fixture
def recorded(old: Old, exported: Path) -> Path:
    """The folder with the old model's answers, too."""
    with old.connect() as platform:
        migration.record(platform, exported)
    return exported


def test_the_inventory_knows_the_model_and_where_it_comes_from(old: Old, folder: Path) -> None:
    with old.connect() as platform:
        found = migration.inventory(platform, folder)
    [model] = [one for one in found.models if one.name == old.model]
    assert (model.job, model.base, model.method, model.suffix, model.seed) == (
        old.job.id,
        "linear",
        "supervised",
        "house",
        3,
    )
    assert model.alive is True
    assert model.training_file is not None
    assert model.training_file.there is True
    assert model.training_file.bytes == old.train.stat().st_size
    assert model.shutdown is None
    assert model.days_left is None
    assert MigrationFolder(folder).inventory == found


def test_what_was_exported_is_what_was_uploaded(old: Old, folder: Path) -> None:
    with old.connect() as platform:
        found = migration.export(platform, folder, [old.job.id])
    assert found.complete
    [model] = found.models
    training, validation = model.file("training"), model.file("validation")
    assert training is not None
    assert validation is not None
    assert (model.folder / training.path).read_bytes() == old.train.read_bytes()
    assert (training.sha256, training.as_uploaded) == (sha256_file(old.train), True)
    assert validation.sha256 == sha256_file(old.validation)
    assert model.events == len(lines(model.folder / "events.jsonl")) > 0
    assert json.loads((model.folder / "job.json").read_text())["id"] == old.job.id
    for file in model.files:
        assert sha256_file(model.folder / file.path) == file.sha256
        assert (model.folder / file.path).stat().st_size == file.bytes


def test_exporting_again_brings_only_what_has_changed(old: Old, exported: Path) -> None:
    with old.connect() as platform:
        assert migration.export(platform, exported, [old.model]).models[0].fetched == 0
        [model] = MigrationFolder(exported).models()
        (model.path / "training.jsonl").write_text("not what it was\n")
        assert model.damaged() == ["training.jsonl has changed"]
        assert migration.export(platform, exported, [old.model]).models[0].fetched == 1
    assert model.damaged() == []
    assert (model.path / "training.jsonl").read_bytes() == old.train.read_bytes()


def test_a_model_that_is_not_there_is_named(old: Old, folder: Path) -> None:
    with old.connect() as platform, pytest.raises(UsageError, match="no tuned model 'nobody'") as caught:
        migration.export(platform, folder, ["nobody"])
    assert old.model in str(caught.value)


def test_the_validation_file_is_the_golden_set_where_none_is_named(old: Old, exported: Path) -> None:
    with old.connect() as platform:
        found = migration.record(platform, exported)
    assert (found.rows, found.answered, found.failed, found.expected) == (30, 30, 0, 30)
    place = MigrationFolder(exported).models()[0].path
    answers = lines(place / found.answers)
    prompts = lines(place / found.prompts)
    said = [answer["response"]["body"]["choices"][0]["message"]["content"] for answer in answers]
    assert said == [prompt["messages"][-1]["content"] for prompt in prompts]


def test_log_probabilities_are_kept_where_there_are_any(old: Old, exported: Path) -> None:
    with old.connect() as platform:
        found = migration.record(platform, exported, golden=write(exported / "g.jsonl", rows(300, 6)))
        assert found.with_logprobs == 6
        found = migration.record(platform, exported, golden=exported / "g.jsonl", logprobs=False, fresh=True)
        assert found.with_logprobs == 0


def test_what_is_recorded_is_not_asked_again_unless_the_prompts_change(old: Old, recorded: Path) -> None:
    with old.connect() as platform:
        before = len(list(platform.batches.list()))
        first = MigrationFolder(recorded).models()[0].recorded
        assert migration.record(platform, recorded) == first
        assert len(list(platform.batches.list())) == before
        other = write(recorded / "other.jsonl", rows(400, 5, replies=False))
        again = migration.record(platform, recorded, golden=other)
    assert (again.rows, again.expected) == (5, 0)


def test_the_first_rows_of_a_long_golden_set(old: Old, exported: Path) -> None:
    with old.connect() as platform:
        assert migration.record(platform, exported, limit=7).rows == 7


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "there are no rows"),
        ('{"prompt": "x"}\n', "a chat example is wanted"),
        ('{"messages": [{"role": "assistant", "content": "x"}]}\n', "there is no message to send"),
    ],
)
def test_a_golden_set_that_is_none(old: Old, exported: Path, content: str, words: str) -> None:
    (exported / "bad.jsonl").write_text(content)
    with old.connect() as platform, pytest.raises(DataError, match=words):
        migration.record(platform, exported, golden=exported / "bad.jsonl")


def test_the_whole_move(old: Old, recorded: Path, new: Platform) -> None:
    made = migration.retrain(new, recorded, base="linear")
    assert made.status == "succeeded"
    assert made.model is not None
    assert made.model != old.model
    assert (made.training_rows, made.validation_rows) == (60, 30)
    assert new.jobs.get(made.job).hyperparameters["n_epochs"] == 4
    same = migration.retrain(new, recorded, base="linear")
    assert same.job == made.job

    found = migration.compare(new, recorded)
    assert (found.rows, found.against, found.old, found.new) == (30, "right answers", old.model, made.model)
    assert found.old_score == found.new_score == 1.0
    assert found.agreement == 1.0
    assert 0 < found.within < 0.2
    assert found.report.exists()
    assert old.model in found.statement

    told = migration.report(recorded)
    [model] = told.models
    assert model.retrained == (made,)
    assert model.compared[0].statement == found.statement
    text = told.markdown.read_text()
    assert found.verdict in text
    assert f"`{made.model}`" in text


def test_it_is_compared_when_the_old_platform_is_gone(old: Old, recorded: Path, new: Platform) -> None:
    golden = MigrationFolder(recorded).models()[0].recorded
    assert golden is not None
    with connect("local", settings=old.settings) as platform:
        platform.stop_local()
    try:
        migration.retrain(new, recorded, base="linear", suffix="gone")
        found = migration.compare(new, recorded, margin=0.2)
        assert found.verdict == "equivalent"
        assert found.parity
    finally:
        with connect("local", settings=old.settings):
            pass  # it runs again for the tests after this one


def test_a_worse_model_is_found_out(old: Old, recorded: Path, new: Platform, tmp_path: Path) -> None:
    wrong = [example(row["messages"][1]["content"], "up") for row in rows(0, 40)]
    file = new.files.upload(write(tmp_path / "wrong.jsonl", wrong))
    job = new.jobs.wait(new.jobs.create(JobOrder(model="linear", training_file=file.id)).id)
    found = migration.compare(new, recorded, new=job.fine_tuned_model)
    assert found.verdict == "worse"
    assert not found.parity
    assert found.new_score == found.agreement == 0.5
    assert found.high < 0
    assert (found.only_old, found.only_new) == (15, 0)
    assert "worse than" in found.statement


def test_without_right_answers_the_old_ones_are_right(old: Old, exported: Path, new: Platform) -> None:
    golden = write(exported / "golden.jsonl", rows(500, 24, replies=False))
    with old.connect() as platform:
        migration.record(platform, exported, golden=golden)
    migration.retrain(new, exported, base="linear")
    found = migration.compare(new, exported)
    assert (found.against, found.rows, found.old_score) == ("old answers", 24, 1.0)
    assert "answers as" in found.statement
    assert found.agreement == found.new_score


def test_rows_that_belong_together_widen_the_interval(old: Old, exported: Path, new: Platform) -> None:
    grouped = [{**row, "author": number // 6} for number, row in enumerate(rows(600, 24))]
    with old.connect() as platform:
        migration.record(platform, exported, golden=write(exported / "golden.jsonl", grouped))
    migration.retrain(new, exported, base="linear")
    apart, together = migration.compare(new, exported), migration.compare(new, exported, group="author")
    assert together.within > apart.within


@pytest.mark.parametrize("rule", ["drop", "truncate", "window"])
def test_rows_too_long_for_the_new_base_are_treated_by_the_rule(
    old: Old, folder: Path, new: Platform, tmp_path: Path, rule: Any
) -> None:
    turns = [message for row in rows(0, 12) for message in row["messages"][1:]]
    long = {"messages": [rows(0, 1)[0]["messages"][0], *turns]}
    file = write(tmp_path / "long.jsonl", [*rows(0, 30), long])
    with old.connect() as platform:
        order = JobOrder(model="linear", training_file=platform.files.upload(file).id, suffix=rule)
        job = platform.jobs.wait(platform.jobs.create(order).id)
        migration.export(platform, folder, [job.id])
    tight = Settings(
        state_dir=new.settings.state_dir,
        poll_seconds=0.05,
        models={"linear": {"provider": "local", "limits": {"training_context": 60}}},
    )
    with connect(settings=tight) as platform:
        made = migration.retrain(platform, folder, base="linear", over_limit=rule, suffix=f"fit-{rule}")
    assert made.status == "succeeded"
    assert made.fitting is not None
    assert (made.fitting.limit, made.fitting.over) == (60, 1)
    assert made.training_rows == {"drop": 30, "truncate": 31}.get(rule, 30 + made.fitting.windows)
    trained = lines(made.folder / "training" / "train.jsonl")
    assert len(trained) == made.training_rows
    assert trained[:30] == rows(0, 30)


def test_rows_too_long_are_refused_where_no_rule_is_given(old: Old, exported: Path, new: Platform) -> None:
    tight = Settings(
        state_dir=new.settings.state_dir,
        models={"linear": {"provider": "local", "limits": {"training_context": 5}}},
    )
    with connect(settings=tight) as platform:
        with pytest.raises(DataError, match="has not passed validation"):
            migration.retrain(platform, exported, base="linear")
        with pytest.raises(DataError, match="60 rows have more than 5 tokens"):
            migration.retrain(platform, exported, base="linear", over_limit="error")
        with pytest.raises(DataError, match="no row"):
            migration.retrain(platform, exported, base="linear", over_limit="drop")


def test_what_is_missing_is_said_before_anything_is_done(
    old: Old, exported: Path, new: Platform, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="no exported model"):
        migration.retrain(new, tmp_path / "nothing", base="linear")
    with pytest.raises(UsageError, match="no migration"):
        migration.report(tmp_path / "nothing")
    with pytest.raises(UsageError, match="no model was retrained"):
        migration.compare(new, exported)
    with pytest.raises(UsageError, match="not recorded"):
        migration.compare(new, exported, new="linear")
    with pytest.raises(UsageError, match="margin"):
        migration.compare(new, exported, new="linear", margin=2)
    with pytest.raises(UsageError, match="golden set is not there"):
        migration.record(new, exported, golden=tmp_path / "nothing.jsonl")
    with pytest.raises(NotOnPlatform):
        migration.record(new, exported)  # it is the old platform's model
    assert list(new.jobs.list(metadata={"none": "none"})) == []


def test_a_record_that_was_touched_is_not_believed(old: Old, recorded: Path, new: Platform) -> None:
    place = MigrationFolder(recorded).models()[0].path
    answers = place / "golden" / "answers.jsonl"
    answers.write_text(answers.read_text().replace("up", "down"))
    with pytest.raises(DataError, match="damaged"):
        migration.compare(new, recorded, new="linear")
    told = migration.report(recorded)
    assert of(told, old).damaged == ("golden/answers.jsonl has changed",)
    assert "**Damaged:**" in told.markdown.read_text()


def test_a_training_file_that_was_touched_is_not_trained_on(old: Old, exported: Path, new: Platform) -> None:
    place = MigrationFolder(exported).models()[0].path
    (place / "training.jsonl").write_text("{}\n")
    with pytest.raises(DataError, match="has changed since it was exported"):
        migration.retrain(new, exported, base="linear")


def test_the_report_says_what_is_next_and_counts_the_days_anew(old: Old, folder: Path, new: Platform) -> None:
    with old.connect() as platform:
        found = migration.inventory(platform, folder)
        told = migration.report(folder)
        assert {model.model.name for model in told.models} == {model.name for model in found.models}
        assert "migrate export" in str(told.models[0].next_step)
        migration.export(platform, folder, [old.model])
        own = lambda: next(m for m in migration.report(folder).models if m.model.name == old.model)  # noqa: E731
        assert "migrate record" in str(own().next_step)
        migration.record(platform, folder, old.model)
    assert "--base BASE" in str(own().next_step)
    migration.retrain(new, folder, old.model, base="linear")
    assert "migrate compare" in str(own().next_step)
    migration.compare(new, folder, old.model, margin=0.2)
    assert own().next_step is None
    assert own().done
    assert migration.report(folder, today=date(2030, 1, 1)).as_of == date(2030, 1, 1)


def test_a_folder_may_be_moved(old: Old, recorded: Path, new: Platform, tmp_path: Path) -> None:
    migration.retrain(new, recorded, base="linear")
    moved = recorded.rename(tmp_path / "elsewhere")
    found = migration.compare(new, moved)
    told = migration.report(moved)
    assert of(told, old).damaged == ()
    assert of(told, old).compared[0].report == found.report
    assert found.report.is_relative_to(moved)


def test_a_damaged_record_is_said_with_its_place(old: Old, exported: Path) -> None:
    record = MigrationFolder(exported).models()[0].path / "model.json"
    record.write_text('{"model": 1}')
    with pytest.raises(DataError, match="this record of a migration is damaged") as caught:
        migration.report(exported)
    assert str(record) in str(caught.value)


def test_two_at_once_do_not_write_over_each_other(old: Old, exported: Path) -> None:
    place = MigrationFolder(exported).models()[0]
    with (
        place.alone("recording"),
        old.connect() as platform,
        ThreadPoolExecutor(1) as other,
        pytest.raises(UsageError, match="another recording is at work"),
    ):
        other.submit(migration.record, platform, exported).result()


def test_a_model_that_answers_nothing_is_no_record(old: Old, exported: Path) -> None:
    with old.connect() as platform, pytest.raises(BatchFailed, match="none of 30 prompts"):
        migration.record(platform, exported, parameters={"max_tokens": "many"}, logprobs=False)

"""A run called again goes on: after a crash at any step, with files gone, things lost, options changed."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftkit.display import SilentDisplay
from ftkit.errors import DataError, JobFailed, NotOnPlatform, PlatformUnreachable, UsageError
from ftkit.gateway import connect
from ftkit.lifecycle import Recipe, RunOptions, RunResult, run
from ftkit.lifecycle.journal import Journal
from ftkit.settings import Settings

BackAt = Callable[..., Path]


class Notes(SilentDisplay):
    """A display that remembers what a person would have read."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)

    def warn(self, text: str) -> None:
        self.texts.append(text)


class Counted:
    """What a platform has by now, to tell what a call has added to it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.before = self._now()

    def _now(self) -> dict[str, int]:
        with connect(settings=self.settings) as platform:
            kinds = {
                "files": platform.files.list(purpose="fine-tune"),
                "jobs": platform.jobs.list(),
                "batches": platform.batches.list(),
            }
            return {kind: len(list(things)) for kind, things in kinds.items()}

    def added(self) -> dict[str, int]:
        """How many of each kind are new since this object was made; kinds without news are left out."""
        return {kind: n - self.before[kind] for kind, n in self._now().items() if n != self.before[kind]}


def again(recipe: Recipe, out: Path, settings: Settings, **options: Any) -> RunResult:
    return run(recipe, RunOptions(out=out, **options), settings=settings)


STEPS = ["examples", "validate", "split", "upload train", "upload validation", "job", "tuned", "benchmark"]


def test_the_steps_of_a_run(finished: RunResult) -> None:
    entries = Journal(finished.directory).entries()
    assert list(entries) == STEPS
    assert {entry.status for entry in entries.values()} == {"done"}


@pytest.mark.parametrize(
    ("step", "answered", "added"),
    [
        ("upload train", False, {}),
        ("upload validation", True, {}),
        ("job", False, {}),
        ("job", True, {}),
        ("tuned", True, {}),
        ("benchmark", False, {}),
    ],
)
def test_after_a_crash_nothing_is_sent_twice(
    finished: RunResult,
    finished_recipe: Recipe,
    platform: Settings,
    back_at: BackAt,
    step: str,
    answered: bool,
    added: dict[str, int],
) -> None:
    copy, count = back_at(step, answered=answered), Counted(platform)
    result = again(finished_recipe, copy, platform)
    assert result.state == "resumed"
    assert result.job == finished.job
    assert count.added() == added
    assert result.benchmark.models[0].accuracy == finished.benchmark.models[0].accuracy
    assert list(Journal(copy).entries()) == STEPS


@pytest.mark.parametrize("name", ["run.json", "report.html"])
def test_a_deleted_result_is_made_again_from_what_is_there(
    finished: RunResult, finished_recipe: Recipe, platform: Settings, back_at: BackAt, name: str
) -> None:
    copy, count = back_at(), Counted(platform)
    (copy / name).unlink()
    result = again(finished_recipe, copy, platform)
    assert (result.state, result.job) == ("resumed", finished.job)
    assert (copy / name).exists()
    assert count.added() == {}


def test_a_damaged_record_is_said_and_made_again(
    finished: RunResult, finished_recipe: Recipe, platform: Settings, back_at: BackAt
) -> None:
    copy, notes = back_at(), Notes()
    (copy / "run.json").write_text('{"recipe": "updown"')
    result = run(finished_recipe, RunOptions(out=copy), settings=platform, display=notes)
    assert any("run.json is damaged" in text for text in notes.texts)
    assert RunResult.model_validate_json((copy / "run.json").read_bytes()).job == result.job == finished.job


@pytest.mark.parametrize(
    "name",
    ["examples.jsonl", "splits/train.jsonl", "splits/test.jsonl", "splits", "upload", "rejected.jsonl"],
)
def test_a_deleted_file_does_not_change_a_finished_run(
    finished: RunResult, finished_recipe: Recipe, platform: Settings, back_at: BackAt, name: str
) -> None:
    copy = back_at()
    gone = copy / name
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    result = again(finished_recipe, copy, platform)
    assert (result.state, result.job) == ("already done", finished.job)
    if name.endswith(("test.jsonl", "train.jsonl")):
        assert gone.read_bytes() == (finished.directory / name).read_bytes()


@pytest.mark.parametrize("name", ["examples.jsonl", "splits/train.jsonl", "splits/test.jsonl"])
def test_a_truncated_file_is_made_again(
    finished: RunResult, finished_recipe: Recipe, platform: Settings, back_at: BackAt, name: str
) -> None:
    copy = back_at()
    whole = (copy / name).read_bytes()
    (copy / name).write_bytes(whole[: len(whole) // 2])
    assert again(finished_recipe, copy, platform).state == "already done"
    assert (copy / name).read_bytes() == whole


def test_a_damaged_journal_stops_the_run_and_fresh_starts_over(
    finished_recipe: Recipe, platform: Settings, back_at: BackAt
) -> None:
    copy = back_at()
    (copy / "journal.json").write_bytes(b"\x00" * 20)
    with pytest.raises(DataError, match="journal cannot be read") as caught:
        again(finished_recipe, copy, platform)
    assert "--fresh" in str(caught.value.hint)
    assert again(finished_recipe, copy, platform, fresh=True).state == "new"


@pytest.mark.parametrize(
    ("change", "redone"),
    [
        ({"title": "Another"}, set()),
        ({"benchmark": {"max_tokens": 3}}, {"benchmark"}),
        ({"benchmark": {"models": ()}}, {"benchmark"}),
        ({"benchmark": {"metric": "exact"}}, {"benchmark"}),
        ({"train": {"suffix": "other"}}, {"job", "tuned", "benchmark"}),
        ({"split": {"seed": 4}}, set(STEPS) - {"examples", "validate"}),
    ],
    ids=["title", "tokens", "models", "metric", "suffix", "seed"],
)
def test_what_a_changed_recipe_does_again(
    finished: RunResult,
    finished_recipe: Recipe,
    platform: Settings,
    back_at: BackAt,
    change: dict[str, Any],
    redone: set[str],
) -> None:
    copy = back_at()
    plain = finished_recipe.model_dump() | {"folder": finished_recipe.folder}
    for name, value in change.items():
        plain[name] = {**plain[name], **value} if isinstance(value, dict) else value
    result = again(Recipe(**plain), copy, platform)
    before, after = Journal(finished.directory).entries(), Journal(copy).entries()
    assert {name for name in STEPS if after[name].key != before[name].key} == redone
    assert result.state == ("resumed" if redone else "already done")
    assert (result.job == finished.job) is ("job" not in redone)


def test_options_changed_and_changed_back_tune_nothing_again(recipe: Path, platform: Settings) -> None:
    """One directory for two sets of options: what exists is found by what it was made of."""

    def options(epochs: int) -> RunOptions:
        return RunOptions(out=recipe.parent / "out", hyperparameters={"n_epochs": epochs})

    first, other = (run(recipe, options(n), settings=platform).job for n in (2, 3))
    assert first != other
    count = Counted(platform)
    back = [run(recipe, options(n), settings=platform).job for n in (2, 3)]
    assert back == [first, other]
    assert {"jobs", "files"}.isdisjoint(count.added())


def test_another_directory_takes_the_job_that_exists_and_fresh_launches_one(
    recipe: Path, platform: Settings, tmp_path: Path
) -> None:
    first, count = run(recipe, settings=platform).job, Counted(platform)
    second = run(recipe, RunOptions(out=tmp_path / "second"), settings=platform)
    assert (second.state, second.job) == ("new", first)
    assert {"jobs", "files"}.isdisjoint(count.added())
    assert run(recipe, RunOptions(out=tmp_path / "second", fresh=True), settings=platform).job != first
    assert count.added()["jobs"] == 1 and "files" not in count.added()


def test_a_job_that_failed_is_tried_again_by_the_next_call(recipe: Path, platform: Settings) -> None:
    first = run(recipe, settings=platform)
    journal, faulty = Journal(first.directory), first.directory / "faulty.jsonl"
    faulty.write_text('{"messages": []}\n' * 12)
    with connect(settings=platform) as there:
        doomed = there.jobs.create(there.files.upload(faulty).id, "linear").id
        remember = journal.entries()["job"]
        journal.finish("job", remember.key, job=doomed)
        journal.forget("tuned")
        (known,) = (o for o in there.ledger.operations("job") if o.result_id == first.job)
        with there.ledger.claim("job", there.identity, known.request) as claim:
            claim.renew("as if it had been the doomed one")
            claim.finish(doomed)
    with pytest.raises(JobFailed, match="messages"):
        run(recipe, settings=platform)
    assert run(recipe, settings=platform).job not in (doomed, first.job)


@pytest.mark.parametrize("ledger_knows", [True, False])
def test_a_lost_job_is_found_by_the_ledger_or_made_again(
    recipe: Path, platform: Settings, ledger_knows: bool
) -> None:
    first, notes = run(recipe, settings=platform), Notes()
    text = (first.directory / "journal.json").read_text()
    (first.directory / "journal.json").write_text(text.replace(first.job, "ftjob-lost"))
    for name in ("tuned", "benchmark"):
        Journal(first.directory).forget(name)
    if not ledger_knows:
        with connect(settings=platform) as there:
            there.ledger.forget(there.ledger.get(first.job).key)
    count = Counted(platform)
    result = run(recipe, settings=platform, display=notes)
    assert any("uploading and tuning again" in text for text in notes.texts)
    assert (result.job == first.job) is ledger_knows
    assert count.added() == ({} if ledger_knows else {"jobs": 1, "batches": 1}), "files were found"


@pytest.mark.parametrize("forgotten", [False, True])
def test_lost_files_are_uploaded_again_where_there_is_no_job_on_them(
    recipe: Path, platform: Settings, forgotten: bool
) -> None:
    first = run(recipe, settings=platform)
    journal = Journal(first.directory)
    with connect(settings=platform) as there:
        for name in ("upload train", "upload validation"):
            there.files.delete(journal.entries()[name].result["file"])
        if forgotten:
            there.ledger.forget(there.ledger.get(first.job).key)
    for name in ("job", "tuned", "benchmark"):
        journal.forget(name)
    count = Counted(platform)
    result = run(recipe, settings=platform)
    assert result.state == "resumed"
    assert count.added() == ({"files": 2, "jobs": 1, "batches": 1} if forgotten else {})
    assert (result.job == first.job) is not forgotten


def test_files_that_vanished_and_came_again_are_the_same_to_a_job(recipe: Path, platform: Settings) -> None:
    """An id changes with every upload; what was learnt from the content does not."""
    first = run(recipe, settings=platform)
    journal = Journal(first.directory)
    with connect(settings=platform) as there:
        there.files.delete(journal.entries()["upload train"].result["file"])
    for name in ("upload train", "job", "tuned", "benchmark"):
        journal.forget(name)
    count = Counted(platform)
    assert run(recipe, settings=platform).job == first.job
    assert count.added() == {"files": 1}


def test_a_lost_model_is_said_with_the_way_to_tune_it_again(
    finished: RunResult, finished_recipe: Recipe, platform: Settings, back_at: BackAt
) -> None:
    copy, count = back_at("tuned", answered=True), Counted(platform)
    text = (copy / "journal.json").read_text()
    (copy / "journal.json").write_text(text.replace(finished.tuned_model, "ft:linear:lost"))
    with pytest.raises(NotOnPlatform, match="ft:linear:lost") as caught:
        again(finished_recipe, copy, platform)
    assert "--fresh" in str(caught.value.hint)
    assert count.added() == {}, "a new job may cost money: the person decides"


def test_fresh_while_the_old_run_is_at_work_moves_nothing(
    finished_recipe: Recipe, platform: Settings, back_at: BackAt
) -> None:
    copy = back_at()
    with (copy / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="another run is at work"):
            again(finished_recipe, copy, platform, fresh=True)
    assert (copy / "run.json").exists()
    assert [p for p in copy.parent.iterdir() if ".until-" in p.name] == []


def test_fresh_sets_no_folder_aside_that_is_none_of_a_run(finished_recipe: Recipe, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    nowhere = Settings(base_url="http://127.0.0.1:9/v1", platform="local", max_retries=0)
    with pytest.raises(PlatformUnreachable):
        again(finished_recipe, out, nowhere, fresh=True)
    assert (out / "mine.txt").read_text() == "mine"
    assert (out / "journal.json").exists()


def test_fresh_in_the_working_directory_is_refused(
    finished_recipe: Recipe, platform: Settings, back_at: BackAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(back_at())
    with pytest.raises(UsageError, match="working directory"):
        again(finished_recipe, Path(), platform, fresh=True)
    assert Path("run.json").exists()


def test_a_run_that_was_moved_says_where_it_is_now(
    finished_recipe: Recipe, platform: Settings, back_at: BackAt
) -> None:
    copy = back_at()
    result = again(finished_recipe, copy, platform)
    assert (result.directory, result.report) == (copy, copy / "report.html")


def test_two_platforms_in_one_runs_folder_keep_apart(
    finished: RunResult, finished_recipe: Recipe, platform: Settings, own_platform: Path
) -> None:
    runs = finished.directory.parent
    there = Settings(state_dir=own_platform, runs_dir=runs, poll_seconds=0.05)
    other = run(finished_recipe, settings=there)
    assert other.state == "new"
    assert other.directory != finished.directory
    here = platform.model_copy(update={"runs_dir": runs})
    assert run(finished_recipe, settings=here).state == "already done"


def test_another_platform_never_takes_over_the_first_ones_model(
    finished: RunResult, finished_recipe: Recipe, platform: Settings, back_at: BackAt
) -> None:
    """With ``--out`` both share a directory: what one platform tuned is nothing to the other."""
    elsewhere = platform.model_copy(
        update={"platform": "local", "base_url": "http://127.0.0.1:9/v1", "max_retries": 0}
    )
    with pytest.raises(PlatformUnreachable):
        again(finished_recipe, back_at(), elsewhere)

"""An export again and again: the same folder, damage noticed, nothing lost that was brought before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from canned_platform import Asked, Canned
from conftest import rows
from hosted import METRICS, OPENAI_JOB, TUNED, jsonl, page, serve_openai

from ftkit.data import sha256_file
from ftkit.errors import PlatformRefused
from ftkit.gateway import Platform
from ftkit.lifecycle import migration
from ftkit.lifecycle.migration.folder import BEGUN, MigrationFolder

To = Callable[..., Platform]
GONE = (404, {"error": {"message": "No such thing", "code": "not_found"}})


@pytest.fixture
def openai(canned: Canned, to_canned: To) -> Platform:
    """OpenAI with one tuned model."""
    serve_openai(canned)
    return to_canned("openai")


def contents(folder: Path) -> dict[str, str]:
    """Every file of a folder with its hash; locks hold nothing."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in files}


def fetched(canned: Canned) -> list[str]:
    """The files whose content was asked for."""
    return [path.split("/")[2] for path in canned.paths("GET") if path.endswith("/content")]


def test_twice_is_the_same_folder_and_transfers_nothing(
    canned: Canned, openai: Platform, folder: Path
) -> None:
    first = migration.export(openai, folder)
    before = contents(folder)
    canned.asked.clear()
    again = migration.export(openai, folder)
    assert contents(folder) == before
    assert fetched(canned) == []
    assert (
        again.models[0].model_copy(update={"fetched": 3, "exported_at": first.models[0].exported_at})
        == (first.models[0])
    )


def test_every_file_is_told_with_its_hash_and_no_other_lies_there(openai: Platform, folder: Path) -> None:
    [model] = migration.export(openai, folder).models
    told = {file.path: file.sha256 for file in model.files}
    assert contents(model.folder) == {**told, "model.json": sha256_file(model.folder / "model.json")}
    assert set(told) == {
        "training.jsonl",
        "validation.jsonl",
        "results/1-file-result.csv",
        "job.json",
        "events.jsonl",
        "checkpoints.jsonl",
    }


@pytest.mark.parametrize("name", ["training.jsonl", "results/1-file-result.csv", "events.jsonl"])
@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_damage_is_noticed_and_mended(openai: Platform, folder: Path, name: str, damage: str) -> None:
    [model] = migration.export(openai, folder).models
    before, path = contents(folder), model.folder / name
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b" ")
    told = migration.report(folder).models[0]
    assert told.damaged == (f"{name} {'is gone' if damage == 'gone' else 'has changed'}",)
    assert "ftkit migrate export" in str(told.next_step)
    migration.export(openai, folder)
    assert {
        name: digest for name, digest in contents(folder).items() if not name.startswith("report")
    } == before
    assert migration.report(folder).models[0].damaged == ()


def test_what_the_platform_has_lost_since_stays_here(canned: Canned, openai: Platform, folder: Path) -> None:
    migration.export(openai, folder)
    before = contents(folder)
    canned.answer("GET", "/files", page())
    for path in ("/files/file-train", "/files/file-val", "/files/file-result"):
        canned.answer("GET", path, GONE)
        canned.answer("GET", f"{path}/content", GONE)
    canned.answer("GET", "/fine_tuning/jobs/ftjob-1/events", GONE)
    canned.answer("GET", "/fine_tuning/jobs/ftjob-1/checkpoints", GONE)
    again = migration.export(openai, folder)
    assert again.complete
    assert again.models[0].events == 3
    changed = {name for name, digest in contents(folder).items() if before.get(name) != digest}
    assert changed <= {"inventory.json", f"models/{again.models[0].folder.name}/model.json"}  # "there" is no
    assert migration.report(folder).models[0].damaged == ()


def test_what_is_damaged_here_and_lost_there_is_missing(
    canned: Canned, openai: Platform, folder: Path
) -> None:
    [model] = migration.export(openai, folder).models
    (model.folder / "training.jsonl").write_text("{}\n")
    canned.answer("GET", "/files/file-train", GONE)
    canned.answer("GET", "/files/file-train/content", GONE)
    again = migration.export(openai, folder)
    assert [(one.kind, one.id) for one in again.models[0].missing] == [("training", "file-train")]
    text = migration.report(folder).page.read_text()
    assert "training file-train is missing" in text


def test_a_job_that_the_platform_forgets_is_remembered(
    canned: Canned, openai: Platform, folder: Path
) -> None:
    [first] = migration.export(openai, folder).models
    canned.answer("GET", "/fine_tuning/jobs", page())
    canned.answer("GET", "/fine_tuning/jobs/ftjob-1", GONE)
    [again] = migration.export(openai, folder).models
    assert (again.model.job, again.model.base, again.model.alive) == ("ftjob-1", OPENAI_JOB["model"], True)
    assert "has forgotten the job ftjob-1" in again.model.notes[-1]
    assert {one.path for one in again.files} == {one.path for one in first.files}
    assert again.missing == ()
    [third] = migration.export(openai, folder).models
    assert third.model.notes == again.model.notes  # said once


def test_a_model_that_has_ended_is_told_so_and_its_copy_stays(
    canned: Canned, openai: Platform, folder: Path
) -> None:
    migration.export(openai, folder)
    canned.answer("GET", "/models", page())
    [model] = migration.export(openai, folder).models
    assert model.model.alive is False
    assert len(model.files) == 6
    assert "migrate retrain" in str(migration.report(folder).models[0].next_step)  # nobody is left to record


def test_a_platform_that_goes_away_on_the_way_costs_no_second_transfer(
    canned: Canned, openai: Platform, folder: Path
) -> None:
    canned.answer("GET", "/files/file-val/content", (503, {"error": {"message": "overloaded"}}))
    with pytest.raises(PlatformRefused):
        migration.export(openai, folder)
    assert MigrationFolder(folder).models() == []  # nothing is called an export that is none
    canned.answer("GET", "/files/file-val/content", (200, jsonl(rows(100, 10))))
    [model] = migration.export(openai, folder).models
    assert fetched(canned).count("file-train") == 1
    assert not (model.folder / BEGUN).exists()


def test_what_broke_off_and_was_damaged_is_brought_again(
    canned: Canned, openai: Platform, folder: Path
) -> None:
    canned.answer("GET", "/files/file-val/content", (503, {"error": {"message": "overloaded"}}))
    with pytest.raises(PlatformRefused):
        migration.export(openai, folder)
    [begun] = folder.rglob(BEGUN)
    (begun.parent / "training.jsonl").write_text("cut sho")
    begun.write_text("{")  # nor can its record be read
    canned.answer("GET", "/files/file-val/content", (200, jsonl(rows(100, 10))))
    [model] = migration.export(openai, folder).models
    assert (model.folder / "training.jsonl").read_bytes() == jsonl(rows(0, 20))


def test_models_whose_names_differ_in_signs_alone_do_not_share_a_folder(
    canned: Canned, openai: Platform, folder: Path
) -> None:
    other = {**OPENAI_JOB, "id": "ftjob-5", "fine_tuned_model": TUNED.replace(":news:", "-news-")}
    canned.answer("GET", "/fine_tuning/jobs", page(OPENAI_JOB, other))
    canned.answer("GET", "/fine_tuning/jobs/ftjob-5", other)
    canned.answer("GET", "/fine_tuning/jobs/ftjob-5/events", page())
    canned.answer("GET", "/fine_tuning/jobs/ftjob-5/checkpoints", page())
    first = migration.export(openai, folder)
    assert len({model.folder for model in first.models}) == 2
    before = contents(folder)
    migration.export(openai, folder)
    assert contents(folder) == before
    assert {one.model.name for one in migration.report(folder).models} == {TUNED, other["fine_tuned_model"]}


def test_result_files_in_plain_text_and_with_odd_names(
    canned: Canned, openai: Platform, folder: Path
) -> None:
    job = {**OPENAI_JOB, "result_files": ["file/../../x", "file-b"]}
    canned.answer("GET", "/fine_tuning/jobs", page(job))
    canned.answer("GET", "/fine_tuning/jobs/ftjob-1", job)
    canned.answer("GET", "/files/file-b/content", (200, METRICS.encode()))
    [model] = migration.export(openai, folder).models
    assert (model.folder / "results" / "2-file-b.csv").read_text() == METRICS
    assert all(path.is_relative_to(folder) for path in folder.rglob("*"))
    assert [one.id for one in model.missing if one.kind == "result"] in (["file/../../x"], [])


@pytest.mark.slow
def test_a_killed_export_goes_on_where_it_was(canned: Canned, folder: Path, to_canned: To) -> None:
    serve_openai(canned)
    reached = folder.parent / "reached"

    def never(asked: Asked) -> Any:
        reached.touch()
        time.sleep(60)
        return GONE

    canned.answer("GET", "/files/file-val/content", never)
    environment = {
        **os.environ,
        "FTKIT_BASE_URL": canned.address,
        "OPENAI_API_KEY": "none",
        "FTKIT_STATE_DIR": str(folder.parent / "canned"),
    }
    line = ["migrate", "export", "--platform", "openai", "--folder", str(folder), "--json"]
    process = subprocess.Popen([sys.executable, "-m", "ftkit", *line], env=environment)
    until = time.monotonic() + 60
    while not reached.exists():
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    assert MigrationFolder(folder).models() == []
    canned.answer("GET", "/files/file-val/content", (200, jsonl(rows(100, 10))))
    found = migration.export(to_canned("openai"), folder)
    assert found.complete
    assert fetched(canned).count("file-train") == 1
    assert contents(found.models[0].folder).keys() >= {"training.jsonl", "validation.jsonl", "model.json"}

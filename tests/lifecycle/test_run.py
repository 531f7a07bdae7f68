"""The main job on the real local platform: through, done, resumed, afresh, and from Python."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest

import ftkit
from ftkit.errors import DataError, UsageError, ValidationFailed
from ftkit.lifecycle import RunOptions, RunResult
from ftkit.settings import Settings

pytestmark = pytest.mark.usefixtures("platform")


def test_a_run_from_data_to_report(recipe: Path, tmp_path: Path) -> None:
    result = ftkit.run(recipe)
    assert result.state == "new"
    tuned, base = result.benchmark.models
    assert tuned.model == result.tuned_model
    assert tuned.model.startswith("ft:linear:")
    assert base.model == "linear"
    assert tuned.n == base.n == 20
    assert tuned.accuracy > base.accuracy
    assert tuned.low <= tuned.accuracy <= tuned.high
    report = result.report.read_text()
    assert "<svg" in report
    assert result.tuned_model in report
    assert result.directory.is_relative_to(tmp_path / "runs")


def test_the_record_holds_what_was_done(recipe: Path, rows: Path) -> None:
    result = ftkit.run(recipe)
    record = json.loads((result.directory / "run.json").read_text())
    steps = record["steps"]
    assert RunResult.model_validate(record).tuned_model == result.tuned_model
    assert steps["examples"]["result"]["rows"] == 60
    assert re.fullmatch(r"[0-9a-f]{64}", steps["examples"]["result"]["source_hash"])
    assert set(steps["split"]["result"]["parts"]) == {"train", "validation", "test"}
    assert steps["job"]["result"]["job"] == result.job
    assert steps["upload train"]["result"]["file"]
    assert record["parameters"]["split"]["seed"] == 3
    assert record["versions"]["openai"]
    assert record["benchmark"]["models"][0]["n"] == 20


def test_a_second_call_says_done_and_asks_nobody(recipe: Path, own_platform: Path) -> None:
    first = ftkit.run(recipe)
    server = own_platform / "local" / "server.json"
    assert not server.exists(), "the platform that the run started is stopped again"
    before = (first.directory / "run.json").read_bytes()
    second = ftkit.run(recipe)
    assert second.state == "already done"
    assert second.benchmark == first.benchmark
    assert (first.directory / "run.json").read_bytes() == before
    assert not server.exists()
    with sqlite3.connect(own_platform / "local" / "platform.db") as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_platform_that_already_ran_is_left_running(recipe: Path, platform: Settings) -> None:
    before = (platform.local_state / "server.json").read_text()
    ftkit.run(recipe)
    assert (platform.local_state / "server.json").read_text() == before


def test_fresh_starts_over_and_keeps_the_old_run(recipe: Path) -> None:
    first = ftkit.run(recipe)
    again = ftkit.run(recipe, RunOptions(fresh=True))
    assert again.state == "new"
    assert again.job != first.job
    assert again.directory == first.directory
    kept = [p for p in first.directory.parent.iterdir() if ".until-" in p.name]
    assert len(kept) == 1
    assert json.loads((kept[0] / "run.json").read_text())["job"] == first.job


def test_changed_data_is_run_again_in_the_same_directory(recipe: Path, rows: Path) -> None:
    first = ftkit.run(recipe)
    rows.write_text(rows.read_text() + "up,profit rose at last\n")
    second = ftkit.run(recipe)
    assert second.directory == first.directory
    assert second.state == "resumed"
    assert second.job != first.job
    assert second.steps["examples"]["result"]["rows"] == 61


def test_several_right_answers(tmp_path: Path) -> None:
    films = tmp_path / "films.csv"
    lines = ["Name,Plot,Kinds"]
    lines += [f'F{i},a detective hunts a thief through city {i},"Crime, Drama"' for i in range(30)]
    lines += [f'G{i},two friends joke on a silly trip number {i},"Comedy"' for i in range(30)]
    films.write_text("\n".join(lines) + "\n")
    columns = {"title": "Name", "description": "Plot", "genre": "Kinds"}
    result = ftkit.run("genre", RunOptions(data=str(films), columns=columns, test=20))
    trained = next((result.directory / "upload").glob("genre-train-*.jsonl")).read_text().splitlines()
    replies = {json.loads(line)["messages"][-1]["content"] for line in trained}
    assert replies == {"Crime", "Comedy"}
    assert result.benchmark.models[0].accuracy == 1.0
    assert result.benchmark.metric == "one_of"


def test_rows_that_make_no_example_are_kept_with_reasons(recipe: Path, rows: Path) -> None:
    rows.write_text(rows.read_text() + 'up,\n"",something\n')
    result = ftkit.run(recipe)
    done = result.steps["examples"]["result"]
    assert (done["rows"], done["accepted"], done["rejected"]) == (62, 60, 2)
    rejected = [json.loads(x) for x in (result.directory / "rejected.jsonl").read_text().splitlines()]
    assert ["'text'" in r["reason"] or "'label'" in r["reason"] for r in rejected] == [True, True]


def test_a_label_outside_the_set_stops_before_the_upload(
    recipe: Path, rows: Path, own_platform: Path
) -> None:
    rows.write_text(rows.read_text() + "sideways,nothing happened\n")
    with pytest.raises(ValidationFailed, match=r"."):
        ftkit.run(recipe)
    assert not own_platform.exists()


def test_no_rows_to_train_on(recipe: Path) -> None:
    with pytest.raises((DataError, UsageError), match="row"):
        ftkit.run(recipe, RunOptions(train=500, test=10))


def test_two_runs_in_one_directory(recipe: Path, tmp_path: Path) -> None:
    import fcntl

    out = tmp_path / "out"
    out.mkdir()
    with (out / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="another run is at work"):
            ftkit.run(recipe, RunOptions(out=out))

"""What decides is read from what a run left behind: figures, marks of the same rows, golden rows."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from ftkit.benchmarking.statistics import parity_of_shares
from ftkit.errors import DataError
from ftkit.lifecycle import RunResult
from ftkit.lifecycle.retraining.evidence import contest_of, contests_of, golden_of


def test_a_run_without_a_champion_is_held_against_its_base(finished: RunResult) -> None:
    tuned = str(finished.tuned_model)
    [contest] = contests_of(finished, tuned, None)
    assert (contest.task, contest.rows, contest.against) == ("updown", 20, "linear")
    assert [(figure.model, figure.role) for figure in contest.figures] == [
        (tuned, "challenger"),
        ("linear", "base"),
    ]
    own, base = contest.figure("challenger"), contest.figure("base")
    assert own is not None and base is not None and contest.difference is not None
    assert contest.difference == pytest.approx(own.value - base.value)
    assert contest.gained - contest.lost == pytest.approx(contest.difference * 20)


def test_parity_is_that_of_the_rows_only_one_has_right(finished: RunResult) -> None:
    [contest] = contests_of(finished, str(finished.tuned_model), None)
    assert contest.parity == parity_of_shares(contest.gained, contest.lost, 20)
    assert contest.parity is not None and contest.low is not None
    assert contest.parity.low > contest.low, "a test one way reaches less far than one both ways"


def test_the_champion_is_the_one_to_beat_where_it_was_asked(finished: RunResult) -> None:
    [contest] = contests_of(finished, str(finished.tuned_model), "linear")
    assert contest.against == "linear" and contest.figure("champion") is not None
    assert contest.figure("base") is None


def test_a_model_is_not_held_against_itself(finished: RunResult) -> None:
    tuned = str(finished.tuned_model)
    [contest] = contests_of(finished, tuned, tuned)
    assert contest.against is None and contest.parity is None and contest.p is None


def test_the_recall_of_each_label_is_the_challengers(finished: RunResult) -> None:
    report = finished.benchmark
    assert report is not None
    tuned = str(finished.tuned_model)
    contest = contest_of("updown", report, finished.directory / "benchmark", tuned, None)
    assert contest.recall == {one.label: one.recall for one in report.model(tuned).per_label}
    assert set(contest.recall) == {"up", "down"}


def answers(folder: Path, marks: dict[str, str], prompt: str = "what of {row}") -> Path:
    """A table of answers: for each model, one letter for each row, ``r`` for a right one."""
    folder.mkdir()
    with (folder / "answers.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "model", "prompt", "expected", "answer", "correct"])
        for row in range(len(next(iter(marks.values())))):
            for model, letters in marks.items():
                right = int(letters[row] == "r")
                writer.writerow([row, model, prompt.format(row=row), "up", "up" if right else "no", right])
    return folder


def test_golden_rows_that_have_become_wrong_are_counted_and_shown(tmp_path: Path) -> None:
    golden = golden_of([answers(tmp_path / "a", {"new": "rwwr", "old": "rrwr"})], "new", "old")
    assert (golden.rows, golden.right, golden.right_before, golden.regressions) == (4, 2, 3, 1)
    assert golden.prompts == ("what of 1",)


def test_what_was_wrong_before_is_no_regression(tmp_path: Path) -> None:
    golden = golden_of([answers(tmp_path / "a", {"new": "wwrr", "old": "wwww"})], "new", "old")
    assert (golden.regressions, golden.right_before, golden.prompts) == (0, 0, ())


def test_without_an_earlier_model_nothing_has_become_wrong(tmp_path: Path) -> None:
    golden = golden_of([answers(tmp_path / "a", {"new": "wr"})], "new", None)
    assert (golden.rows, golden.right, golden.right_before, golden.regressions) == (2, 1, None, None)


def test_golden_rows_of_several_tasks_are_told_apart(tmp_path: Path) -> None:
    folders = [
        answers(tmp_path / "a", {"new": "rw", "old": "rr"}),
        answers(tmp_path / "b", {"new": "wr", "old": "rr"}),
    ]
    golden = golden_of(folders, "new", "old")
    assert (golden.rows, golden.right, golden.regressions) == (4, 2, 2)


def test_only_the_first_of_many_golden_rows_are_shown_and_not_all_of_their_words(tmp_path: Path) -> None:
    folder = answers(tmp_path / "a", {"new": "w" * 50, "old": "r" * 50}, prompt="{row} " + "long " * 100)
    golden = golden_of([folder], "new", "old")
    assert golden.regressions == 50 and len(golden.prompts) == 20
    assert all(len(prompt) == 200 for prompt in golden.prompts)


def test_a_damaged_table_is_said(tmp_path: Path) -> None:
    folder = answers(tmp_path / "a", {"new": "rr", "old": "rr"})
    (folder / "answers.csv").write_text("row,model\n0,new\n")
    with pytest.raises(DataError, match="no table of answers"):
        golden_of([folder], "new", "old")

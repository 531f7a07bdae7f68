"""``ftkit retrain`` as a person and a scheduler see it: words, tables, JSON, files and exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from retrain_helpers import add_rows, name_of, with_policy

from ftkit.lifecycle import Retrained
from ftkit.registry import open_registry
from ftkit.settings import Settings

ROWS_EACH = 120  # enough that the tuned model is surely better than its base
Here = Callable[..., Any]


@pytest.fixture
def name(recipe: Path) -> str:
    return name_of(recipe)


@pytest.fixture
def call(platform: Settings, recipe: Path, here: Here) -> Here:
    """``ftkit retrain RECIPE`` on the module's platform; runs are the test's own."""

    with_policy(recipe)

    def run(*arguments: str) -> Any:
        return here("retrain", str(recipe), "--quiet", *arguments)

    return run


@pytest.mark.slow
def test_four_nights_as_a_person_reads_them(
    call: Here, recipe: Path, rows: Path, here: Here, name: str, tmp_path: Path
) -> None:
    """Without a champion; without new data; with new data; with a regression on golden rows."""
    first = call()
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith(f"{name}: promoted\n")
    assert "Reason       there was no round before" in first.stdout
    assert "New model    ft:linear:" in first.stdout and "Round        1\n" in first.stdout
    assert "Before" not in first.stdout and "In use" not in first.stdout
    second = call()
    assert second.returncode == 11
    assert second.stdout.startswith(f"{name}: nothing to do\n  the data is that of the last round on 2")
    assert second.stdout.splitlines()[2].startswith("In use       ft:linear:")
    assert second.stdout.count("\n") == 3, "it is short: a scheduler's log has one each night"
    add_rows(rows, 30)
    third = call()
    assert third.returncode in (0, 10)
    assert "Reason       30 new rows" in third.stdout
    assert ("Before" if third.returncode == 0 else "In use") in third.stdout
    golden = "label,text\nup,profit rose in the golden case\n"
    (recipe / "golden.csv").write_text(golden)
    add_rows(rows, 300, "down")
    with_policy(recipe, 'golden = "golden.csv"')
    fourth = call("--summary", str(tmp_path / "summary.md"))
    assert fourth.returncode == 10
    assert "1 of 1 golden rows have become wrong, where 0 may" in fourth.stdout
    assert "- profit rose in the golden case" in (tmp_path / "summary.md").read_text()
    told = here("retrain", "history", str(recipe), "--quiet")
    cells = [line.split() for line in told.stdout.splitlines()]
    assert [line[0] for line in cells if line and line[0].isdigit()] == ["1", "2", "3"]
    assert "promoted" in told.stdout and "golden rows have become wrong" in " ".join(told.stdout.split())


def test_json_is_the_whole_result(call: Here, name: str) -> None:
    done = call("--json")
    result = Retrained.model_validate({k: v for k, v in json.loads(done.stdout).items() if k != "exit_code"})
    assert (result.outcome, result.name, result.round) == ("promoted", name, 1)
    assert result.decision is not None and result.contests[0].parity is not None
    assert result.directory is not None
    record = json.loads((result.directory / "decision.json").read_text())
    printed = json.loads(done.stdout)
    assert {k: v for k, v in record.items() if k != "seconds"} == {
        k: v for k, v in printed.items() if k != "seconds"
    }


def test_a_dry_run_is_a_table_of_costs_and_leaves_nothing_on_the_platform(call: Here, recipe: Path) -> None:
    done = call("--dry-run")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].endswith(": planned") and lines[1] == "  nothing was sent: this is a dry run"
    assert any(line.startswith("Estimate     the job trains on") for line in lines)
    assert "Asking       the new model: 20 requests, nothing" in lines
    assert "Asking       linear: 20 requests, nothing" in lines
    assert "In all       nothing" in lines
    assert call("--dry-run", "--json").returncode == 0


def test_what_nobody_knows_the_price_of_is_called_unknown(call: Here, tmp_path: Path, recipe: Path) -> None:
    """No request goes out: nothing listens at the address."""
    file = recipe / "recipe.toml"
    file.write_text(file.read_text().replace("[train]", '[train]\nmodel = "somebodys-model"'))
    (tmp_path / "ftkit.toml").write_text('[models.somebodys-model]\nprovider = "custom"\n')
    elsewhere = ("--platform", "custom", "--base-url", "http://127.0.0.1:9/v1", "--dry-run")
    done = call(*elsewhere)
    assert done.returncode == 0, done.stderr
    assert "costs an unknown sum" in done.stdout and "In all       an unknown sum" in done.stdout
    assert "cost: the catalog has no training price of somebodys-model" in done.stdout
    blocked = call(*elsewhere, "--max-cost", "5")
    assert blocked.returncode == 12 and "what this job costs is not known" in blocked.stdout
    told = json.loads(call(*elsewhere, "--json").stdout)
    assert told["estimate"]["dollars"] is None and told["asking"][0]["dollars"] is None


@pytest.mark.parametrize(
    ("rules", "code", "exit_zero"), [([], 0, 0), (["min_score = 1.0", "min_gain = 1.0"], 10, 0)]
)
def test_exit_zero_is_for_schedulers_that_know_one_good_code(
    call: Here, recipe: Path, rules: list[str], code: int, exit_zero: int
) -> None:
    with_policy(recipe, *rules)
    assert call().returncode == code
    assert call("--exit-zero").returncode == exit_zero
    assert call().returncode == 11


def test_a_failed_round_has_the_code_of_its_error_and_leaves_a_record(
    call: Here, rows: Path, tmp_path: Path
) -> None:
    rows.write_text("label,text\nup,\n")
    done = call("--summary", str(tmp_path / "summary.md"))
    assert done.returncode == 1 and "no row of the data makes an example" in done.stderr
    assert ": failed" in (tmp_path / "summary.md").read_text()
    assert call("--json").returncode == 1
    assert call("--exit-zero").returncode == 1, "a failure is a failure"


def test_a_summary_that_cannot_be_written_does_not_undo_the_round(
    call: Here, here: Here, recipe: Path, tmp_path: Path, platform: Settings, name: str
) -> None:
    done = here("retrain", str(recipe), "--summary", str(tmp_path / "no-such-folder" / "summary.md"))
    assert done.returncode == 0 and "the summary is not there" in done.stderr
    assert open_registry(platform).resolve(name).version == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--max-cost", "-1"], 2, "-1"),
        (["--tell", "sometimes"], 2, "sometimes"),
        (["--webhook", "ftp://example.org"], 2, "http"),
        (["--data", "no-such-file.csv"], 2, "no-such-file.csv"),
        (["--column", "text"], 2, "text"),
    ],
)
def test_wrong_calls_are_told_before_anything_is_done(
    call: Here, arguments: list[str], code: int, said: str, tmp_path: Path
) -> None:
    done = call(*arguments)
    assert done.returncode == code, done.stderr
    assert said in done.stderr and "Traceback" not in done.stderr


def test_help_names_every_exit_code(here: Here) -> None:
    words = " ".join(here("retrain", "run", "--help").stdout.split())
    for told in ("0 promoted", "10 kept", "11 nothing to do", "12 blocked"):
        assert told in words

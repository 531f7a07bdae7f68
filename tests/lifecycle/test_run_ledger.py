"""A run and the ledger: limits of cost, what is begun elsewhere, and a run that is killed beside another."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ftkit.errors import UsageError, ValidationFailed
from ftkit.gateway import connect
from ftkit.ledger import open_ledger
from ftkit.lifecycle import RunOptions, run
from ftkit.lifecycle.journal import Journal
from ftkit.settings import Settings

QUICK = 0.05  # seconds between two looks
PRICED = {"linear": {"provider": "local", "price": {"train": 1000.0}}}


def jobs_of(settings: Settings) -> list[str]:
    with connect(settings=settings) as there:
        return [job.id for job in there.jobs.list()]


def test_a_run_keeps_to_the_cost_it_may_have(recipe: Path, platform: Settings) -> None:
    priced = Settings(state_dir=platform.state_dir, poll_seconds=QUICK, models=PRICED)
    before = jobs_of(platform)
    with pytest.raises(UsageError, match=r"which is more than \$0\.01"):
        run(recipe, RunOptions(max_cost=0.01), settings=priced)
    assert jobs_of(platform) == before
    result = run(recipe, RunOptions(max_cost=1000), settings=priced)
    assert result.state == "resumed" and result.job not in before


def test_a_run_keeps_to_the_budget_and_takes_what_is_paid_already(recipe: Path, platform: Settings) -> None:
    first = run(recipe, settings=platform)
    priced = Settings(state_dir=platform.state_dir, poll_seconds=QUICK, models=PRICED, budget=0.001)
    assert run(recipe, RunOptions(out=recipe.parent / "second"), settings=priced).job == first.job
    with pytest.raises(UsageError, match=r"budget of \$0\.00"):
        run(recipe, RunOptions(fresh=True), settings=priced)


def test_the_ledger_holds_what_a_run_did_and_what_it_cost(recipe: Path, platform: Settings) -> None:
    result = run(recipe, settings=platform)
    with connect(settings=platform) as there:
        job = there.ledger.get(result.job)
        entries = Journal(result.directory).entries()
        uploads = [
            there.ledger.get(entries[f"upload {part}"].result["file"]) for part in ("train", "validation")
        ]
    assert (job.state, job.kind, job.attempts) == ("done", "job", 1)
    assert job.result["status"] == "succeeded" and job.result["trained_tokens"] > 0
    assert job.request["training_file"] == f"sha256:{uploads[0].request['sha256']}"
    assert job.request["validation_file"] == f"sha256:{uploads[1].request['sha256']}"
    assert {upload.kind for upload in uploads} == {"upload"}


def test_a_file_that_would_be_refused_is_not_sent(recipe: Path, platform: Settings) -> None:
    """The examples pass together, but too few of them are left to train on."""
    limits = {"local": {"limits": {"min_examples": 55}}}
    strict = Settings(state_dir=platform.state_dir, poll_seconds=QUICK, providers=limits)
    with connect(settings=platform) as there:
        before = len(list(there.files.list()))
    with pytest.raises(ValidationFailed, match="FT112"):
        run(recipe, settings=strict)
    with connect(settings=platform) as there:
        assert len(list(there.files.list())) == before


def test_two_runs_at_once_of_the_same_data_share_one_job(
    recipe: Path, own_platform: Path, tmp_path: Path
) -> None:
    with connect(settings=Settings(state_dir=own_platform)):
        command = [sys.executable, "-m", "ftkit", "run", str(recipe), "-q", "--out"]
        runs = [
            subprocess.Popen(
                [*command, str(tmp_path / name)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            for name in ("one", "two")
        ]
        for process in runs:
            assert process.wait(120) == 0, process.communicate()[1]
    settings = Settings(state_dir=own_platform)
    assert len(jobs_of(settings)) == 1
    ledger = open_ledger(settings)
    tuning = [o for o in ledger.operations() if o.kind == "job" or o.request.get("purpose") == "fine-tune"]
    assert [(o.kind, o.attempts) for o in tuning] == [("upload", 1), ("upload", 1), ("job", 1)]
    ledger.close()


@pytest.mark.parametrize("kind", ["upload", "job"])
def test_a_run_killed_while_it_holds_an_operation_is_gone_on_with_elsewhere(
    recipe: Path, own_platform: Path, tmp_path: Path, kind: str
) -> None:
    """Killed at once after the intent; a run in another directory takes over what the dead one had begun."""
    settings = Settings(state_dir=own_platform, poll_seconds=QUICK)
    with connect(settings=settings):
        command = [sys.executable, "-m", "ftkit", "run", str(recipe), "-q", "--out", str(tmp_path / "killed")]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ledger = open_ledger(settings)
        _when(lambda: any(o.kind == kind for o in ledger.operations()))
        process.send_signal(signal.SIGKILL)
        process.wait()
        begun = [(o.kind, o.name) for o in ledger.operations()]
        result = run(recipe, RunOptions(out=tmp_path / "other"), settings=settings)
        assert jobs_of(settings) == [result.job]
        names = [(o.kind, o.name) for o in ledger.operations()]
        assert names[: len(begun)] == begun, "the same attempts, by the same names"
        ledger.close()


def _when(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.001)


def test_a_ledger_that_cannot_be_used_stops_a_run_before_anything_is_sent(
    recipe: Path, platform: Settings, tmp_path: Path
) -> None:
    state = tmp_path / "other-state"
    state.mkdir()
    (state / "ledger.db").write_text("no database " * 100)
    with connect(settings=platform) as there:
        address, before = there.base_url, len(list(there.files.list()))
        elsewhere = Settings(state_dir=state, platform="local", base_url=address, poll_seconds=QUICK)
        with pytest.raises(Exception, match="not a database"):
            run(recipe, settings=elsewhere)
        assert len(list(there.files.list())) == before
    assert (state / "ledger.db").read_text().startswith("no database")

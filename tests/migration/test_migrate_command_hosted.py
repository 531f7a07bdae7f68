"""``ftkit migrate`` on hosted platforms: what a person reads who has never done it before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from canned_platform import Canned
from hosted import OPENAI_JOB, TUNED, page, serve_openai
from test_migrate_methods import DPO_JOB, RFT_JOB, graded, preferences

ORPHAN = "ft:gpt-3.5-turbo-1106:acme::zz99"
GONE = (404, {"error": {"message": "No such File object: file-val"}})


@pytest.fixture
def on(here: Any, canned: Canned, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Calls a step on the prepared platform; no traceback and no key is ever printed."""
    monkeypatch.setenv("FTKIT_MAX_RETRIES", "0")
    monkeypatch.setenv("FTKIT_POLL_SECONDS", "0.01")

    def call(line: str, *, connected: bool = True) -> Any:
        for name, value in (("FTKIT_BASE_URL", canned.address), ("OPENAI_API_KEY", "sk-secret-0123456789")):
            monkeypatch.setenv(name, value) if connected else monkeypatch.delenv(name, raising=False)
        done = here("migrate", *line.split())
        assert "Traceback" not in done.stderr
        assert "secret" not in done.stdout + done.stderr
        return done

    return call


def test_an_inventory_warns_of_all_that_a_person_must_know(on: Any, canned: Canned, folder: Path) -> None:
    failed = {**OPENAI_JOB, "id": "ftjob-0", "status": "failed", "fine_tuned_model": None}
    running = {**OPENAI_JOB, "id": "ftjob-2", "status": "running", "fine_tuned_model": None}
    serve_openai(canned, jobs=(failed, running), models=({"id": ORPHAN, "object": "model"},))
    canned.answer("GET", "/batches", (403, {"error": {"message": "missing scope"}}))
    done = on(f"inventory --platform openai --folder {folder}")
    assert done.returncode == 0, done.stderr
    assert "2 tuned models on OpenAI; 1 job still running; 1 job ended without a model" in done.stdout
    assert f"{ORPHAN}: no job on the platform tells of it" in done.stdout
    assert "its last day is that of its family, and may be another" in done.stdout
    assert "the batches could not be listed" in done.stdout
    assert "Fine-tuning is being wound down" in done.stdout
    assert done.stdout.rstrip().endswith(f"Next  ftkit migrate export --folder {folder} --platform openai")


def test_a_platform_without_tuned_models(on: Any, canned: Canned) -> None:
    serve_openai(canned)
    canned.answer("GET", "/fine_tuning/jobs", page())
    canned.answer("GET", "/models", page())
    done = on("inventory --platform openai")
    assert done.returncode == 0, done.stderr
    assert "0 tuned models on OpenAI" in done.stdout
    assert "Next" not in done.stdout


def test_what_is_missing_ends_an_export_with_code_one(on: Any, canned: Canned, folder: Path) -> None:
    serve_openai(canned)
    canned.answer("GET", "/files/file-val", GONE)
    canned.answer("GET", "/files/file-val/content", GONE)
    done = on(f"export --platform openai --folder {folder}")
    assert done.returncode == 1
    assert f"{TUNED}: validation is missing:" in done.stdout
    assert "No such File object: file-val" in done.stdout
    assert f"Next  ftkit migrate record --folder {folder} --golden FILE --platform openai" in done.stdout
    done = on(f"export --platform openai --folder {folder} --json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["models"][0]["missing"][0]["kind"] == "validation"


def test_several_models_are_exported_at_once_and_named_after_that(
    on: Any, canned: Canned, folder: Path
) -> None:
    serve_openai(canned, models=({"id": ORPHAN, "object": "model"},))
    done = on(f"export --platform openai --folder {folder}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith(f"Next  ftkit migrate report --folder {folder}")
    done = on(f"record --platform openai --folder {folder}")
    assert done.returncode == 2
    assert "which model?" in done.stderr
    assert TUNED in done.stderr and ORPHAN in done.stderr
    told = on(f"report --folder {folder}")
    assert "0 of 2 models are shown to have a successor that is as good." in told.stdout
    assert f"--model {TUNED}" in told.stdout


def test_dry_runs_need_no_key_and_no_platform(on: Any, canned: Canned, folder: Path) -> None:
    serve_openai(canned)
    assert on(f"export --platform openai --folder {folder}").returncode == 0
    canned.asked.clear()
    done = on(f"record --folder {folder} --platform openai --max-tokens 9 --dry-run", connected=False)
    assert done.returncode == 0, done.stderr
    assert f"{TUNED} would be asked 10 rows of" in done.stdout
    assert "By batch that costs $0.0" in done.stdout
    base = "meta-llama/Llama-3.3-70B-Instruct"
    line = f"retrain --folder {folder} --platform nebius --base {base} --dry-run"
    done = on(f"{line} --max-row-tokens 4000", connected=False)
    assert done.returncode == 0, done.stderr
    assert f"{TUNED} → {base}, by supervised training" in done.stdout
    assert "Not taken along: batch_size 1, learning_rate_multiplier 1.8" in done.stdout
    assert "the catalog has no training price" in done.stdout
    done = on(f"{line} --max-cost 5", connected=False)
    assert done.returncode == 2
    assert "what this job costs is not known" in done.stderr
    assert canned.paths() == []


def test_a_real_run_without_a_key_names_its_variable(on: Any, canned: Canned, folder: Path) -> None:
    serve_openai(canned)
    assert on(f"export --platform openai --folder {folder}").returncode == 0
    line = f"retrain --folder {folder} --platform nebius --base meta-llama/Llama-3.3-70B-Instruct"
    done = on(line, connected=False)
    assert done.returncode == 4
    assert "NEBIUS_API_KEY" in done.stderr


@pytest.mark.parametrize(
    ("job", "words"),
    [(DPO_JOB, "--method supervised teaches the better replies"), (RFT_JOB, "train on its answers")],
)
def test_other_ways_of_training_are_refused_with_a_way_out(
    on: Any, canned: Canned, folder: Path, job: dict[str, Any], words: str
) -> None:
    made = preferences if job is DPO_JOB else graded
    serve_openai(canned, job, train=made(0, 20), validation=made(100, 10))
    assert on(f"export --platform openai --folder {folder}").returncode == 0
    done = on(f"retrain --folder {folder} --base linear --dry-run", connected=False)
    assert done.returncode == 3
    assert "linear trains by supervised only" in done.stderr
    assert words in done.stderr
    done = on(f"retrain --folder {folder} --base linear --method supervised --dry-run", connected=False)
    assert done.returncode == (0 if job is DPO_JOB else 2), done.stderr

"""Hosted platforms, as they tell of themselves: OpenAI, kluster and Nebius, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from canned_platform import Canned
from conftest import rows, write
from hosted import DAY, METRICS, OPENAI_JOB, TUNED, chat, file, jsonl, page, serve_openai

from ftkit.errors import PlatformRefused
from ftkit.gateway import Platform
from ftkit.lifecycle import migration
from ftkit.lifecycle.migration.folder import MigrationFolder
from ftkit.lifecycle.migration.retraining import carried_over

To = Callable[..., Platform]
OPENAI_FAILED = {**OPENAI_JOB, "id": "ftjob-0", "status": "failed", "fine_tuned_model": None}
OPENAI_RUNNING = {**OPENAI_JOB, "id": "ftjob-2", "status": "running", "fine_tuned_model": None}


@pytest.fixture
def openai(canned: Canned, to_canned: To) -> Platform:
    """OpenAI with one tuned model, its checkpoint, an orphan, a failed and a running job."""
    checkpoint = {"id": f"{TUNED}:ckpt-step-60", "object": "model", "created": 1739489000}
    orphan = {"id": "ft:gpt-4o-2024-08-06:acme::zz99", "object": "model", "created": 1739000000}
    serve_openai(canned, jobs=(OPENAI_RUNNING, OPENAI_FAILED), models=(checkpoint, orphan))
    return to_canned("openai")


def test_openais_models_with_their_last_days(openai: Platform) -> None:
    found = migration.inventory(openai, today=DAY)
    assert (found.unfinished, found.failed, found.as_of) == (("ftjob-2",), 1, DAY)
    assert found.notice is not None
    assert {model.name for model in found.models} == {TUNED, "ft:gpt-4o-2024-08-06:acme::zz99"}
    [model] = [one for one in found.models if one.name == TUNED]
    assert (model.base, model.job, model.seed, model.trained_tokens) == (
        "gpt-4.1-mini-2025-04-14",
        "ftjob-1",
        42,
        5768,
    )
    assert (model.shutdown, model.shutdown_source, model.days_left) == (date(2027, 1, 14), "catalog", 54)
    assert model.no_new_jobs_after == date(2027, 1, 6)
    assert model.checkpoints == (f"{TUNED}:ckpt-step-60",)
    assert model.alive
    assert model.last_used is not None
    assert (model.last_used.timestamp(), model.last_used_by) == (1740000000, "batch b2")
    assert model.training_file is not None
    assert model.training_file.there is True
    assert model.validation_file is not None
    assert model.validation_file.there is False


def test_a_model_without_a_job_is_there_and_says_so(openai: Platform) -> None:
    found = migration.inventory(openai, today=DAY)
    [orphan] = [one for one in found.models if one.job is None]
    assert (orphan.model, orphan.base) == ("ft:gpt-4o-2024-08-06:acme::zz99", "gpt-4o-2024-08-06")
    assert orphan.alive
    assert "cannot be exported" in orphan.notes[0]


def test_the_platforms_own_last_day_goes_before_the_catalogs(canned: Canned, openai: Platform) -> None:
    told = {"id": TUNED, "object": "model", "created": 1739489043, "shutdown_date": "2026-12-01"}
    canned.answer("GET", "/models", page(told))
    found = migration.inventory(openai, today=DAY)
    assert (found.models[0].shutdown, found.models[0].shutdown_source) == (date(2026, 12, 1), "platform")
    assert found.models[0].days_left == 10


def test_lists_that_cannot_be_read_stop_nothing(canned: Canned, openai: Platform) -> None:
    for path in ("/models", "/files", "/batches"):
        canned.answer("GET", path, (403, {"error": {"message": "missing scope", "code": "forbidden"}}))
    found = migration.inventory(openai, today=DAY)
    assert len(found.notes) == 3
    assert (found.models[0].alive, found.models[0].last_used) == (None, None)
    canned.answer("GET", "/fine_tuning/jobs", (403, {"error": {"message": "missing scope"}}))
    with pytest.raises(PlatformRefused):
        migration.inventory(openai, today=DAY)


def test_openais_data_events_and_results_come_home(openai: Platform, folder: Any) -> None:
    found = migration.export(openai, folder, [TUNED])
    [model] = found.models
    assert {file.kind for file in model.files} == {
        "training",
        "validation",
        "result",
        "job",
        "events",
        "checkpoints",
    }
    result = model.file("result")
    assert result is not None
    assert (model.folder / result.path).read_text() == METRICS  # it came as Base64
    events = [json.loads(line) for line in (model.folder / "events.jsonl").read_text().splitlines()]
    assert [event["message"] for event in events] == ["Step 1", "Step 2", "Step 3"]
    training = model.file("training")
    assert training is not None
    assert training.as_uploaded is None  # nobody knows here what was uploaded


def test_a_deleted_file_is_missing_and_the_rest_comes(canned: Canned, openai: Platform, folder: Any) -> None:
    gone = (404, {"error": {"message": "No such File object: file-val", "code": "not_found"}})
    canned.answer("GET", "/files/file-val", gone)
    canned.answer("GET", "/files/file-val/content", gone)
    found = migration.export(openai, folder, ["ftjob-1"])
    assert not found.complete
    [missing] = found.models[0].missing
    assert (missing.kind, missing.id) == ("validation", "file-val")
    assert found.models[0].file("training") is not None
    assert "**Missing:** validation file-val" in migration.report(folder).markdown.read_text()


def test_answers_are_recorded_also_without_log_probabilities(
    canned: Canned, openai: Platform, folder: Any
) -> None:
    migration.export(openai, folder, [TUNED])
    found = migration.record(openai, folder, via="realtime")
    assert (found.rows, found.answered, found.with_logprobs) == (10, 10, 0)
    bodies = [asked.json for asked in canned.asked if asked.path.endswith("/chat/completions")]
    assert bodies[-1]["temperature"] == 0
    assert bodies[-1]["model"] == TUNED


def test_from_openai_to_the_local_platform(
    canned: Canned, openai: Platform, new: Platform, folder: Any
) -> None:
    migration.export(openai, folder, [TUNED])
    migration.record(openai, folder, via="realtime")
    made = migration.retrain(new, folder, base="linear")
    assert made.hyperparameters == {"n_epochs": 3}
    assert made.left_behind == {"batch_size": 1, "learning_rate_multiplier": 1.8}
    asked = len(canned.asked)
    found = migration.compare(new, folder, margin=0.5)
    assert len(canned.asked) == asked  # the old model plays its part from the record
    assert found.verdict == "equivalent"
    assert f"of {TUNED} " in found.statement


KLUSTER_BASE = "klusterai/Meta-Llama-3.1-8B-Instruct-Turbo"
KLUSTER_TUNED = "ft:meta-llama:Llama-3.1-8B-Instruct:67ae7b2b5cf2a8f0e4a1c9d0"
KLUSTER_JOB = {
    "object": "fine_tuning.job",
    "id": "67ae7b2b5cf2a8f0e4a1c9d0",
    "model": KLUSTER_BASE,
    "created_at": "1739488043",
    "finished_at": "1739489043",
    "fine_tuned_model": KLUSTER_TUNED,
    "organization_id": None,
    "seed": None,
    "nickname": "mine",
    "status": "succeeded",
    "training_file": "67ae7b1c5cf2a8f0e4a1c9cf",
    "validation_file": None,
    "method": {"type": "supervised", "supervised": {"batch_size": 3, "n_epochs": 2}},
    "error": {},
}


@pytest.fixture
def kluster(canned: Canned, to_canned: To) -> Platform:
    """kluster.ai with one tuned model."""
    content = jsonl(rows(0, 20))
    info = {
        "id": KLUSTER_JOB["training_file"],
        "object": "file",
        "bytes": len(content),
        "created_at": "1739488000",
    }
    canned.answer("GET", "/fine_tuning/jobs", {"data": [KLUSTER_JOB], "count": 1, "page": 1})
    canned.answer("GET", f"/fine_tuning/jobs/{KLUSTER_JOB['id']}", KLUSTER_JOB)
    canned.answer("GET", "/models", [{"id": KLUSTER_BASE}, {"id": KLUSTER_TUNED}])
    canned.answer("GET", f"/models/{KLUSTER_TUNED}", {"id": KLUSTER_TUNED})
    canned.answer("GET", "/files", {"data": [info], "count": 1})
    canned.answer("GET", f"/files/{info['id']}", info)
    canned.answer("GET", f"/files/{info['id']}/content", (200, content))
    canned.answer("GET", "/batches", {"data": [], "count": 0})
    canned.answer("POST", "/chat/completions", chat)
    return to_canned("kluster")


def test_from_kluster_to_its_stand_in(kluster: Platform, new: Platform, folder: Any) -> None:
    found = migration.export(kluster, folder)
    [model] = found.models
    assert (model.model.suffix, model.model.hyperparameters) == ("mine", {"batch_size": 3, "n_epochs": 2})
    assert {file.kind for file in model.files} == {"training", "job"}  # it has no events
    assert found.complete
    golden = write(folder / "golden.jsonl", rows(200, 4))
    recorded = migration.record(kluster, folder, golden=golden, via="realtime")
    assert recorded.answered == 4
    made = migration.retrain(new, folder, base=KLUSTER_BASE)
    assert (made.base, made.hyperparameters) == (KLUSTER_BASE, {"n_epochs": 2})
    assert made.left_behind == {"batch_size": 3}
    assert migration.compare(new, folder, margin=0.5).parity


def test_nebius_names_its_models_otherwise(canned: Canned, to_canned: To, folder: Any) -> None:
    base = "meta-llama/Meta-Llama-3.1-8B-Instruct"
    tuned = f"{base}-LoRa:news-ab12"
    job = {
        "id": "ftjob-9",
        "model": base,
        "created_at": 1739488043,
        "status": "succeeded",
        "training_file": "file-1",
        "hyperparameters": {"n_epochs": 3, "lora": True, "learning_rate": 1e-5},
    }
    canned.answer("GET", "/fine_tuning/jobs", page(job))
    canned.answer("GET", "/fine_tuning/jobs/ftjob-9", job)
    canned.answer("GET", "/models", page({"id": base}, {"id": tuned}))
    canned.answer("GET", "/files", page(file("file-1", 3)))
    canned.answer("GET", "/batches", page())
    platform = to_canned("nebius")
    found = migration.inventory(platform, folder)
    assert {model.name: model.model for model in found.models} == {"ftjob-9": None, tuned: tuned}
    [of_job] = [model for model in found.models if model.job]
    assert "names no model" in of_job.notes[0]
    [of_model] = [model for model in found.models if not model.job]
    assert of_model.base == base
    assert MigrationFolder(folder).inventory == found


def test_hyperparameters_go_where_they_mean_the_same(
    canned: Canned, openai: Platform, to_canned: To, folder: Any
) -> None:
    [exported] = migration.export(openai, folder, [TUNED]).models
    given, left = carried_over(exported, to_canned("nebius"), {"lora": True})
    assert given == {"n_epochs": 3, "lora": True}
    assert left == {"batch_size": 1, "learning_rate_multiplier": 1.8}
    given, left = carried_over(exported, openai, {"batch_size": 4})
    assert given == {"n_epochs": 3, "batch_size": 4, "learning_rate_multiplier": 1.8}
    assert left == {}

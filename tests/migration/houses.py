"""Records of a migration, made by hand: what the report reads, without any platform."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from conftest import rows, write

from ftkit.data import sha256_file
from ftkit.lifecycle.migration.folder import (
    INVENTORY,
    MODEL,
    PARITY,
    RECORD,
    RETRAIN,
    MigrationFolder,
    write_record,
)
from ftkit.lifecycle.migration.results import (
    Compared,
    ExportedFile,
    ExportedModel,
    Inventory,
    Missing,
    Recorded,
    Retrained,
    TunedModel,
)
from ftkit.splitting import Fitting

TODAY = date(2026, 11, 21)
THEN = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def tuned(name: str, **change: Any) -> TunedModel:
    """A tuned model of OpenAI's."""
    given: dict[str, Any] = {
        "model": name,
        "platform": "openai",
        "base": "gpt-4.1-mini-2025-04-14",
        "job": "ftjob-1",
        "method": "supervised",
        "hyperparameters": {"n_epochs": 3, "batch_size": 1},
        "trained_tokens": 57_680,
        "alive": True,
        "shutdown": date(2027, 1, 14),
        "shutdown_source": "catalog",
        "days_left": 54,
        "last_used": THEN,
        "last_used_by": "batch b2",
    }
    return TunedModel(name=name, **{**given, **change})


def list_models(folder: Path, *models: TunedModel) -> None:
    """An inventory."""
    made = Inventory(
        platform="openai", title="OpenAI", address="https://api.openai.com/v1", as_of=TODAY, models=models
    )
    write_record(folder / INVENTORY, made)


def exported(folder: Path, model: TunedModel, missing: tuple[Missing, ...] = ()) -> ExportedModel:
    """An export of a model, with its training and validation file."""
    place = MigrationFolder(folder).folder_of(model.name).path
    place.mkdir(parents=True, exist_ok=True)
    files = []
    for kind, start, count in (("training", 0, 20), ("validation", 100, 10)):
        path = write(place / f"{kind}.jsonl", rows(start, count))
        files.append(
            ExportedFile(
                kind=kind,  # type: ignore[arg-type]
                path=path.name,
                sha256=sha256_file(path),
                bytes=path.stat().st_size,
                id=f"file-{kind}",
            )
        )
    made = ExportedModel(model=model, folder=place, files=tuple(files), missing=missing, exported_at=THEN)
    write_record(place / MODEL, made)
    return made


def recorded(folder: Path, model: TunedModel, **change: Any) -> Recorded:
    """The old model's answers to ten rows."""
    place = MigrationFolder(folder).folder_of(model.name).path
    (place / "golden").mkdir(exist_ok=True)
    files = {}
    for name in ("prompts", "answers"):
        path = write(place / "golden" / f"{name}.jsonl", rows(100, 10))
        files |= {name: f"golden/{name}.jsonl", f"{name}_sha256": sha256_file(path)}
    given: dict[str, Any] = {
        "rows": 10,
        "answered": 9,
        "failed": 1,
        "expected": 10,
        "with_logprobs": 9,
        "parameters": {"temperature": 0},
        "prompt_tokens": 90,
        "completion_tokens": 9,
        "recorded_at": THEN,
    }
    made = Recorded(model=model.name, platform="openai", source="v.jsonl", **files, **{**given, **change})
    write_record(place / RECORD, made)
    return made


def retrained(folder: Path, model: TunedModel, new: str | None = "acme/new:1", **change: Any) -> Retrained:
    """A retraining on Nebius."""
    place = MigrationFolder(folder).folder_of(model.name).path / "retrained" / "nebius-llama"
    fit = dict.fromkeys(
        ("overlap", "dropped", "dropped_tokens", "divided", "windows", "lost_messages", "lost_answers"), 0
    )
    given: dict[str, Any] = {
        "model": new,
        "base": "meta-llama/Llama-3.3-70B-Instruct",
        "platform": "nebius",
        "job": "ftjob-9",
        "status": "succeeded" if new else "running",
        "method": "supervised",
        "hyperparameters": {"n_epochs": 3},
        "left_behind": {"batch_size": 1},
        "training_rows": 20,
        "validation_rows": 10,
        "fitting": Fitting(
            limit=8192, over_limit="truncate", over=2, truncated=2, lost_tokens=90, first_lines=[3], **fit
        ),
        "dollars": 1.5,
    }
    made = Retrained(old=model.name, folder=place, **{**given, **change})
    write_record(place / RETRAIN, made)
    return made


def compared(folder: Path, model: TunedModel, new: str = "acme/new:1", **change: Any) -> Compared:
    """A comparison that shows parity, where nothing else is asked for."""
    place = MigrationFolder(folder).folder_of(model.name).path / "compared" / new.replace("/", "-")
    given: dict[str, Any] = {
        "against": "right answers",
        "rows": 2000,
        "old_score": 0.91,
        "new_score": 0.913,
        "difference": 0.003,
        "low": -0.004,
        "high": 0.011,
        "confidence": 0.95,
        "within": 0.011,
        "margin": 0.015,
        "verdict": "equivalent",
        "agreement": 0.964,
        "agreement_low": 0.955,
        "agreement_high": 0.971,
        "only_old": 20,
        "only_new": 26,
        "statement": f"On 2,000 rows {new} is within 1.1 points of {model.name} with 95 % confidence.",
        "notes": ("3 prompts were left out: nothing says what is right there",),
    }
    made = Compared(
        old=model.name,
        new=new,
        platform="nebius",
        metric="label",
        folder=place,
        report=place / "report.html",
        **{**given, **change},
    )
    write_record(place / PARITY, made)
    return made


def whole_house(folder: Path, name: str = "ft:gpt-4.1-mini-2025-04-14:acme:news:ab12cd") -> Path:
    """A migration with models at every stage."""
    done, unsure = tuned(name), tuned("ft:gpt-4o-2024-08-06:acme:tickets:zz99", base="gpt-4o-2024-08-06")
    worse = tuned("ft:gpt-4.1-2025-04-14:acme:tone:c3", base="gpt-4.1-2025-04-14", last_used=None)
    waiting = tuned(
        "ft:gpt-3.5-turbo-1106:acme::old",
        alive=False,
        job=None,
        shutdown=date(2026, 10, 23),
        days_left=-29,
        notes=("no job on the platform tells of it: its data cannot be exported",),
    )
    list_models(folder, waiting, done, unsure, worse)
    for model in (done, unsure, worse):
        exported(folder, model)
        recorded(folder, model)
        retrained(folder, model)
    compared(folder, done)
    shown = {"low": -0.041, "high": 0.012, "difference": -0.014, "within": 0.041, "verdict": "not shown"}
    compared(
        folder, unsure, **shown, rows=300, rows_needed=1834, statement="That it is as good is not shown."
    )
    bad = {"low": -0.062, "high": -0.021, "difference": -0.041, "verdict": "worse", "within": 0.062}
    compared(folder, worse, **bad, statement="It is shown to be worse.")
    lost = Missing(kind="result", id="file-9", reason="the platform has no such file")
    place = MigrationFolder(folder).folder_of(worse.name).path
    exported(folder, worse, (lost,))
    (place / "training.jsonl").write_text("{}\n")
    return folder

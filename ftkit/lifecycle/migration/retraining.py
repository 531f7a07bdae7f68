"""Trains the old model's data on another base: on another platform, or on one's own machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.benchmarking.requests import slug
from ftkit.data import read_jsonl
from ftkit.errors import DataError, UsageError
from ftkit.gateway.orders import JobOrder, method_of
from ftkit.gateway.values import as_map
from ftkit.lifecycle.launching import Launched, launch
from ftkit.lifecycle.migration.folder import RETRAIN, MigrationFolder, ModelFolder, write_record
from ftkit.lifecycle.migration.results import ExportedModel, Retrained
from ftkit.splitting import SplitOptions, SplitResult, split

if TYPE_CHECKING:
    from ftkit.gateway import Job, Platform
    from ftkit.splitting.result import OverLimit

TAKEN_ALONG = ("n_epochs", "beta")
"""Hyperparameters that mean the same everywhere. A batch size fits one machine, and a multiplier multiplies
another number on every platform: they go only to a platform of the same name."""


def retrain(
    platform: Platform,
    folder: str | Path,
    model: str | None = None,
    *,
    base: str,
    over_limit: OverLimit | None = None,
    hyperparameters: Mapping[str, Any] | None = None,
    suffix: str | None = None,
    seed: int | None = None,
    max_cost: float | None = None,
    wait: bool = True,
    again: bool = False,
) -> Retrained:
    """Tune ``base`` on ``platform`` with the exported data of ``model``; the same call gives the same job.

    Every row is counted again as ``base`` counts: ``over_limit`` says what becomes of rows that are too long
    for it (``error``, ``drop``, ``truncate``, ``window``; see ``SplitOptions``), None leaves that to the
    validation, which refuses them. Epochs are taken along; ``hyperparameters`` are set beside or over them.
    Without ``wait`` the call ends when the job is launched. ``max_cost`` is in US dollars.

    Raises UsageError and DataError as the splitter does, ValidationFailed where the data does not go with the
    new platform, and JobFailed.
    """
    place, exported = MigrationFolder(folder).model(model)
    new = place.path / "retrained" / slug(f"{platform.name}-{base}")
    with place.alone("retraining"):
        data = _fitted(platform, place, exported, new, base, over_limit)
        given, left = carried_over(exported, platform, hyperparameters or {})
        method = exported.model.method or "supervised"
        order = JobOrder(
            model=base,
            training_file=str(data.training),
            validation_file=str(data.validation) if data.validation is not None else None,
            suffix=suffix or exported.model.suffix,
            seed=seed if seed is not None else exported.model.seed,
            method=method_of(method, given, **_grader(place, method)),  # type: ignore[arg-type]
        )
        launched = launch(platform, order, max_cost=max_cost, again=again)
        made = _told(exported, platform, base, launched, data, new, given, left)
        write_record(new / RETRAIN, made)
    if not wait:
        return made
    return _to_its_end(platform, made)


@dataclass(frozen=True)
class _Data:
    """The data as the new base takes it."""

    training: Path
    validation: Path | None
    rows: int
    validation_rows: int | None
    split: SplitResult | None
    notes: tuple[str, ...] = ()


def _fitted(
    platform: Platform,
    place: ModelFolder,
    exported: ExportedModel,
    new: Path,
    base: str,
    over_limit: OverLimit | None,
) -> _Data:
    """The exported files, rows that are too long treated by the rule."""
    training, validation = exported.file("training"), exported.file("validation")
    if training is None:
        raise UsageError(
            f"there is no training file of {exported.model.name} in the folder",
            where=str(place.path),
            hint="What the platform has no more cannot be exported: train on the file that you have, "
            "ftkit jobs create --training-file FILE.",
        )
    files = [place.checked(file) for file in (training, validation) if file is not None]
    if over_limit is None:
        return _Data(files[0], next(iter(files[1:]), None), *(_counts(files)), split=None)
    made = [
        split(
            file,
            train=1.0,
            out=new / file.stem,
            options=SplitOptions(
                group=("row",), shuffle=False, model=_counting(platform, base), over_limit=over_limit
            ),
            settings=platform.settings,
            display=platform.display,
        )
        for file in files
    ]
    parts = [result.parts["train"] for result in made]
    if not parts[0].rows:
        raise DataError("no row of the training file fits the new base", where=str(files[0]))
    kept = [part for part in parts if part.rows]
    return _Data(
        training=made[0].manifest.parent / "train.jsonl",
        validation=made[1].manifest.parent / "train.jsonl" if len(kept) > 1 else None,
        rows=parts[0].rows,
        validation_rows=kept[1].rows if len(kept) > 1 else None,
        split=made[0],
        notes=tuple(note for result in made for note in result.notes),
    )


def _counting(platform: Platform, base: str) -> str:
    """The model of the catalog to count by. Raises UsageError where no limit of the base is known."""
    from ftkit.lifecycle.gate import counted_as

    entry = counted_as(platform.settings, platform.provider, base)
    if entry is None or entry.tokenizer is None:
        raise UsageError(
            f"the limits of {base} are not known, so no row can be called too long",
            hint=f'Set them in ftkit.toml, [models."{base}"]: provider, tokenizer, limits.training_context.',
        )
    return entry.id


def _counts(files: list[Path]) -> tuple[int, int | None]:
    counts = [sum(1 for _ in read_jsonl(file)) for file in files]
    return counts[0], counts[1] if len(counts) > 1 else None


def carried_over(
    exported: ExportedModel, platform: Platform, wanted: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The hyperparameters of the new job, and those of the old one that it does not get."""
    old, dialect = exported.model.hyperparameters, platform.provider.dialect
    known = dialect.hyperparameters.get(exported.model.method or "supervised")
    same = platform.name == exported.model.platform
    taken = {
        name: value
        for name, value in old.items()
        if (same or name in TAKEN_ALONG)
        and value is not None
        and (known is None or name in known)
        and (value != "auto" or dialect.takes_auto)
    }
    given = {**taken, **{name: value for name, value in wanted.items() if value is not None}}
    left = {name: value for name, value in old.items() if value is not None and name not in given}
    return given, left


def _grader(place: ModelFolder, method: str) -> dict[str, Any]:
    """What a reinforcement job needs beside its data: it stands in the job as it was exported."""
    if method != "reinforcement":
        return {}
    try:
        job = json.loads((place.path / "job.json").read_text())
    except (OSError, ValueError) as error:
        raise DataError("the exported job cannot be read", where=str(place.path / "job.json")) from error
    said = as_map(as_map(as_map(job).get("method")).get("reinforcement"))
    return {name: said[name] for name in ("grader", "response_format") if said.get(name) is not None}


def _told(
    exported: ExportedModel,
    platform: Platform,
    base: str,
    job: Launched,
    data: _Data,
    new: Path,
    given: dict[str, Any],
    left: dict[str, Any],
) -> Retrained:
    dollars = job.estimate.dollars
    return Retrained(
        old=exported.model.name,
        model=job.fine_tuned_model,
        base=base,
        platform=platform.name,
        job=job.id,
        status=job.status,
        method=exported.model.method or "supervised",
        hyperparameters=given,
        left_behind=left,
        training_rows=data.rows,
        validation_rows=data.validation_rows,
        fitting=data.split.fitting if data.split is not None else None,
        folder=new,
        dollars=dollars.high if dollars is not None else None,
        notes=data.notes,
    )


def _to_its_end(platform: Platform, made: Retrained) -> Retrained:
    """Wait for the job and write down what came of it. Raises JobFailed."""
    job: Job = platform.jobs.wait(made.job)
    ended = made.model_copy(update={"model": job.fine_tuned_model, "status": job.status})
    write_record(made.folder / RETRAIN, ended)
    name = platform.name
    job.raise_if_failed("" if name == "local" else f" --platform {name}")
    return ended

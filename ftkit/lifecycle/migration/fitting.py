"""Makes the exported data what a new base takes: by its way of training, no row longer than its limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from ftkit.data import read_jsonl
from ftkit.errors import DataError, UsageError
from ftkit.lifecycle.migration.folder import ModelFolder, make_folder
from ftkit.lifecycle.migration.preferences import fit_preferences, is_preference, write_preferred
from ftkit.lifecycle.migration.results import ExportedModel
from ftkit.lifecycle.migration.target import Target
from ftkit.splitting import SplitOptions, split
from ftkit.splitting.result import Fitting

if TYPE_CHECKING:
    from ftkit.catalog import Model
    from ftkit.gateway import Platform
    from ftkit.splitting.result import OverLimit

TRAIN = "train.jsonl"
Another = Literal["supervised"]
"""The method that data of another one can be made into."""


class Limit(NamedTuple):
    """Rows with more than ``tokens`` as ``model`` counts are treated by the ``rule``."""

    model: Model
    tokens: int
    rule: OverLimit


@dataclass(frozen=True)
class Data:
    """The files as the new base takes them, their rows, what became of long ones, what to know of it."""

    training: Path
    validation: Path | None
    rows: int
    validation_rows: int | None
    fitting: Fitting | None = None
    notes: tuple[str, ...] = ()


def data_for(
    place: ModelFolder,
    exported: ExportedModel,
    new: Path,
    method: str,
    limit: Limit | None,
    target: Target,
) -> Data:
    """The exported files for training by ``method``; what is made of them is written into ``new``.

    Raises UsageError where there are none or they cannot be made so, DataError where one has changed, a row
    is longer than an ``error`` limit, or no row is left.
    """
    training, validation = exported.file("training"), exported.file("validation")
    if training is None:
        raise UsageError(
            f"there is no training file of {exported.model.name} in the folder",
            where=str(place.path),
            hint="What the platform has no more cannot be exported: train on the file that you have, "
            "ftkit jobs create --training-file FILE.",
        )
    parts = [
        _Part(new / file.kind, place.checked(file)) for file in (training, validation) if file is not None
    ]
    if method != (exported.model.method or "supervised"):
        parts = [part._replace(file=_as_supervised(part.file, part.folder)) for part in parts]
    if limit is None:
        return _data([(part.file, _rows(part.file)) for part in parts])
    return _fitted(parts, limit, target)


class _Part(NamedTuple):
    """A file on its way to the new base; what is made of it goes into the folder."""

    folder: Path
    file: Path


def limit_of(
    target: Target | Platform, base: str, rule: OverLimit | None, tokens: int | None
) -> Limit | None:
    """How long a row may be for ``base``; None where no rule is wanted.

    ``tokens`` goes before what the catalog says. Raises UsageError where neither is known.
    """
    if rule is None and tokens is None:
        return None
    from ftkit.lifecycle.gate import counted_as

    entry = counted_as(target.settings, target.provider, base)
    if entry is None or entry.tokenizer is None:
        raise UsageError(
            f"how {base} counts is not known, so no row can be called too long",
            hint=f'Set it in ftkit.toml, [models."{base}"]: provider = "{target.name}", tokenizer = "...".',
        )
    most = tokens or entry.limits.training_context or entry.limits.inference_context
    if most is None:
        raise UsageError(
            f"how long an example of {base} may be is not known", hint="Give the limit: --max-row-tokens N."
        )
    return Limit(entry, most, rule or "error")


def _fitted(parts: Sequence[_Part], limit: Limit, target: Target) -> Data:
    """The files with their long rows treated by the rule."""
    made = [_fit(part.file, part.folder, limit, target) for part in parts]
    if not made[0].rows:
        raise DataError("no row of the training file fits the new base", where=str(parts[0].file))
    found = _data([(one.path, one.rows) for one in made if one.rows])
    return Data(
        found.training,
        found.validation,
        found.rows,
        found.validation_rows,
        made[0].fitting,
        tuple(note for one in made for note in one.notes),
    )


class _Fitted(NamedTuple):
    path: Path
    rows: int
    fitting: Fitting | None
    notes: tuple[str, ...] = ()


def _fit(file: Path, folder: Path, limit: Limit, target: Target) -> _Fitted:
    """One file, with its long rows treated by the rule."""
    make_folder(folder)
    first = next(read_jsonl(file), None)
    if first is not None and is_preference(first.data):
        fitting = fit_preferences(file, folder / TRAIN, limit.model, limit.tokens, limit.rule)
        return _Fitted(folder / TRAIN, _rows(folder / TRAIN), fitting)
    result = split(
        file,
        train=1.0,
        out=folder,
        options=SplitOptions(
            group=("row",),
            shuffle=False,
            model=limit.model.id,
            max_row_tokens=limit.tokens,
            over_limit=limit.rule,
        ),
        settings=target.settings,
        display=target.display,
    )
    return _Fitted(folder / TRAIN, result.parts["train"].rows, result.fitting, tuple(result.notes))


def _as_supervised(file: Path, folder: Path) -> Path:
    """The file as chat examples. Raises UsageError where it holds no replies to learn."""
    first = next(read_jsonl(file), None)
    if first is None or not is_preference(first.data):
        raise UsageError(
            "only preferences can be made chat examples: rows for a grader hold no replies to learn",
            where=str(file),
            hint="Have the old model answer these prompts while it lives, and train on its answers: "
            "ftkit generate, then ftkit jobs create.",
        )
    make_folder(folder)
    return write_preferred(file, folder / "preferred.jsonl")


def _data(files: Sequence[tuple[Path, int]]) -> Data:
    (training, rows), *rest = files
    validation, validation_rows = rest[0] if rest else (None, None)
    return Data(training, validation, rows, validation_rows)


def _rows(file: Path) -> int:
    return sum(1 for _ in read_jsonl(file))

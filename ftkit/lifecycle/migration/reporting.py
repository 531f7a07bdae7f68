"""Tells how far a migration has come: for each model what is done, what was shown, what is next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from ftkit.data import atomic_write
from ftkit.errors import UsageError
from ftkit.lifecycle.migration.folder import MigrationFolder, ModelFolder, write_record
from ftkit.lifecycle.migration.results import (
    Compared,
    ExportedModel,
    MigrationReport,
    Moved,
    Recorded,
    Retrained,
    TunedModel,
)

MARKDOWN, JSON = "report.md", "report.json"


def report(folder: str | Path, *, today: date | None = None) -> MigrationReport:
    """Read all records of ``folder``, check the files' hashes, and write ``report.md`` and ``report.json``.

    Raises UsageError where nothing was done there, DataError where a record is damaged.
    """
    home, day = MigrationFolder(folder), today or datetime.now(UTC).date()
    known = home.inventory
    if known is None and not home.models():
        raise UsageError(
            "there is no migration here", where=str(home.path), hint="First: ftkit migrate inventory."
        )
    listed = {model.name: model for model in known.models} if known is not None else {}
    listed |= {one.model.name: one.model for place in home.models() if (one := place.exported) is not None}
    moved = [_moved(home.folder_of(name), model, home, day) for name, model in listed.items()]
    made = MigrationReport(folder=home.path, as_of=day, models=tuple(moved), markdown=home.path / MARKDOWN)
    write_record(home.path / JSON, made)
    atomic_write(made.markdown, to_markdown(made))
    return made


def _moved(place: ModelFolder, model: TunedModel, home: MigrationFolder, today: date) -> Moved:
    left = (model.shutdown - today).days if model.shutdown is not None else None
    found = Moved(
        model=model.model_copy(update={"days_left": left}),
        exported=place.exported,
        recorded=place.recorded,
        retrained=tuple(place.retrained),
        compared=tuple(place.compared),
        damaged=tuple(place.damaged()),
    )
    return found.model_copy(update={"next_step": _next(found, home)})


def _next(moved: Moved, home: MigrationFolder) -> str | None:
    """The command to go on with."""
    model = moved.model
    where = f"--folder {shlex.quote(str(home.path))} --model {shlex.quote(model.name)}"
    here = "" if model.platform == "local" else f" --platform {model.platform}"
    if moved.exported is None or moved.damaged:
        return f"ftkit migrate export {where}{here}"
    if moved.recorded is None and model.alive is not False and model.model is not None:
        return f"ftkit migrate record {where}{here}"
    if not any(one.model for one in moved.retrained):
        known = next(iter(moved.retrained), None)
        base = shlex.quote(known.base) if known is not None else "BASE"
        there = known.platform if known is not None else "PLATFORM"
        return f"ftkit migrate retrain {where} --base {base} --platform {there}"
    if moved.recorded is None or moved.done:
        return None
    newest = next(one for one in moved.retrained if one.model)
    if any(one.new == newest.model for one in moved.compared):
        return None  # compared, and found not to be as good: that is for a person to decide
    return f"ftkit migrate compare {where} --platform {newest.platform}"


def to_markdown(found: MigrationReport) -> str:
    """The report as Markdown."""
    done, day = sum(model.done for model in found.models), found.as_of.isoformat()
    shown = f"{done} of {len(found.models)} models are shown to have a successor that is as good ({day})."
    lines = [
        *("# Migration", "", shown, ""),
        "| Model | Last day | Days left | Exported | Recorded | Retrained | Compared |",
        "|---|---|---:|---|---|---|---|",
        *(_row(model) for model in found.models),
    ]
    for model in found.models:
        lines += ["", f"## {_code(model.model.name)}", "", *_section(model)]
    return "\n".join(lines) + "\n"


def _row(moved: Moved) -> str:
    model = moved.model
    left = "–" if model.days_left is None else str(model.days_left)
    cells = [
        _code(model.name),
        model.shutdown.isoformat() if model.shutdown is not None else "not known",
        left,
        "–" if moved.exported is None else f"{len(moved.exported.files)} files",
        "–" if moved.recorded is None else f"{moved.recorded.answered:,} answers",
        ", ".join(_code(one.model or one.status) for one in moved.retrained) or "–",
        ", ".join(one.verdict for one in moved.compared) or "–",
    ]
    return f"| {' | '.join(cells)} |"


def _section(moved: Moved) -> Iterator[str]:
    model = moved.model
    facts = {
        "Platform": model.platform,
        "Base": model.base,
        "Job": model.job,
        "Hyperparameters": ", ".join(f"{n} {v}" for n, v in model.hyperparameters.items()),
        "Trained tokens": f"{model.trained_tokens:,}" if model.trained_tokens is not None else None,
        "Last used": f"{model.last_used:%Y-%m-%d} ({model.last_used_by})" if model.last_used else None,
    }
    yield from (f"- {name}: {_plain(value)}" for name, value in facts.items() if value)
    yield from (f"- {_plain(note)}" for note in model.notes)
    for part in (_exported(moved.exported), _recorded(moved.recorded)):
        yield from part
    for one in moved.retrained:
        yield from _retrained(one)
    for compared in moved.compared:
        yield from _compared(compared)
    for fault in moved.damaged:
        yield f"- **Damaged:** {_plain(fault)}"
    if moved.next_step:
        yield from ("", "Next:", "", f"    {moved.next_step}")


def _exported(one: ExportedModel | None) -> Iterator[str]:
    if one is None:
        return
    yield from ("", "| File | Bytes | SHA-256 |", "|---|---:|---|")
    for file in one.files:
        yield f"| {_code(file.path)} | {file.bytes:,} | {_code(file.sha256)} |"
    yield ""
    for missing in one.missing:
        yield f"- **Missing:** {missing.kind} {missing.id or ''}: {_plain(missing.reason)}"


def _recorded(one: Recorded | None) -> Iterator[str]:
    if one is None:
        return
    failed = f", {one.failed:,} without one" if one.failed else ""
    chances = f", {one.with_logprobs:,} with log probabilities" if one.with_logprobs else ""
    yield f"- Recorded {one.recorded_at:%Y-%m-%d}: {one.answered:,} answers{failed}{chances}"


def _retrained(one: Retrained) -> Iterator[str]:
    rows = f"{one.training_rows:,} rows"
    yield f"- Retrained on {one.platform} from {_code(one.base)} ({rows}): {_code(one.model or one.status)}"
    if one.fitting is not None and one.fitting.over:
        fit = one.fitting
        yield (
            f"- {fit.over:,} rows were longer than {fit.limit:,} tokens: {fit.dropped:,} dropped, "
            f"{fit.truncated:,} truncated, {fit.divided:,} divided into {fit.windows:,}"
        )
    if one.left_behind:
        yield f"- Not taken along: {', '.join(f'{n} {v}' for n, v in one.left_behind.items())}"


def _compared(one: Compared) -> Iterator[str]:
    same = f"{one.agreement * 100:.1f} %"
    ends = f"{one.agreement_low * 100:.1f} – {one.agreement_high * 100:.1f} %"
    yield f"- **{one.verdict}**: {_plain(one.statement)} Both say the same on {same} of the rows ({ends})."
    yield from (f"- {_plain(note)}" for note in one.notes)


def _code(text: str) -> str:
    """A name as code, also within a table."""
    return f"`{text.replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def _plain(text: str) -> str:
    """A text of others: nothing in it is markup."""
    for sign in ("\\", "`", "*", "_", "<", "[", "|"):
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())

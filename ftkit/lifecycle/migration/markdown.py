"""Writes a migration's report as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from ftkit.lifecycle.migration.results import (
    Compared,
    ExportedModel,
    MigrationReport,
    Moved,
    Recorded,
    Retrained,
)


def to_markdown(found: MigrationReport) -> str:
    """The report as Markdown."""
    shown = f"{found.summary} ({found.as_of.isoformat()})."
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
    if one.files:
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

"""What a split has to say: what is not as asked for, and what may mislead."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ftkit.splitting.amounts import PARTS, Request, as_counts
from ftkit.splitting.columns import Columns
from ftkit.splitting.result import Part, SplitOptions, Strata


def notes_of(
    parts: Mapping[str, Part],
    columns: Columns,
    sampled: int,
    strata: Strata | None,
    options: SplitOptions,
    folder: Path,
) -> list[str]:
    """The notes on ``parts``, written into ``folder``, of ``sampled`` rows that were to be divided."""
    asked: dict[str, Request] = {name: part.requested for name, part in parts.items()}
    if options.exact:
        asked = as_counts(asked, sampled)
    notes = [note for name, part in parts.items() if (note := _part_note(name, part, asked[name], options))]
    if columns.without:
        notes.append(
            f"{columns.without:,} rows have no {options.group[0]!r}: they are grouped by their prompts"
        )
    if strata is not None and strata.count * 2 > len(columns) > 1:
        notes.append(
            f"{strata.count:,} values of {strata.by} in {len(columns):,} rows: most are alone of their kind"
        )
    for name in PARTS:
        if name not in parts and (folder / f"{name}.jsonl").exists():
            notes.append(f"{folder / name}.jsonl was there before and is no part of this split")
    return notes


def _part_note(name: str, part: Part, wanted: Request, options: SplitOptions) -> str | None:
    rows = part.rows if part.source_rows is None else part.source_rows
    if not isinstance(wanted, int):
        return None if rows else f"{name}: no row fell into this part"
    asked = f"{name}: {rows:,} rows instead of {wanted:,}"
    if rows == wanted:
        return None
    if options.over_limit is not None and rows < wanted:
        return f"{asked}, without those that are too long"
    thinned = (name == "train" and options.max_tokens) or (name in options.balance_parts and options.balance)
    if thinned and rows < wanted:
        return f"{asked}, after the balance or the budget"
    if options.keep is not None:
        return f"{asked}, for kept rows stay"
    what = "with the same prompt" if options.group == ("prompt",) else "of one group"
    return f"{asked}, because examples {what} are not divided"

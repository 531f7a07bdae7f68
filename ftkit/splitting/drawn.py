"""Draws a split for a notebook: its parts, their strata, what was left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit.display.html.card import card
from ftkit.display.html.elements import Html, bar, code, element, fields, notes, table

if TYPE_CHECKING:
    from ftkit.splitting.result import SplitResult, Strata

_MOST_STRATA = 12


def split_html(result: SplitResult) -> str:
    """The parts with their shares, the strata in each, and how they came about."""
    counted = any(part.tokens is not None for part in result.parts.values())
    rows = [
        (
            name,
            f"{part.rows:,}",
            element("span", bar(part.share), f" {part.share:.1%}"),
            *([f"{part.tokens:,}" if part.tokens is not None else None] if counted else []),
            code(part.path),
        )
        for name, part in result.parts.items()
    ]
    headers = ("part", "rows", "share", *(["tokens"] if counted else []), "file")
    about = f"{result.rows:,} rows in {result.groups:,} groups by {' or '.join(result.options.group)}"
    parts = table(headers, rows, right=(1, 3) if counted else (1,))
    return str(card("Split", parts, _strata(result), _made(result), notes(result.notes), about=about))


def _made(result: SplitResult) -> Html:
    out = ", ".join(f"{rows:,} by {why.replace('_', '-')}" for why, rows in result.left_out.items() if rows)
    kept = result.parent
    return fields(
        (
            ("source", code(result.source)),
            ("seed", str(result.seed)),
            ("unused rows", f"{result.unused:,}" if result.unused else None),
            ("left out", out),
            ("over the limit", _fitting(result)),
            ("continues", f"{kept.manifest}: {kept.kept:,} rows stayed in their parts" if kept else None),
            ("manifest", code(result.manifest)),
        )
    )


def _fitting(result: SplitResult) -> str | None:
    found = result.fitting
    if found is None:
        return None
    done = {"dropped": found.dropped, "truncated": found.truncated, "divided": found.divided}
    words = ", ".join(f"{rows:,} {what}" for what, rows in done.items() if rows)
    return f"{found.over:,} rows of more than {found.limit:,} tokens{f': {words}' if words else ''}"


def _strata(result: SplitResult) -> Html:
    strata: Strata | None = result.strata
    if strata is None:
        return Html()
    parts = list(result.parts)
    listed = strata.listed[:_MOST_STRATA]
    rows = [
        (stratum.label or "(no value)", f"{stratum.rows:,}", *(f"{stratum.shares[p]:.1%}" for p in parts))
        for stratum in listed
    ]
    more = strata.count - len(listed)
    caption = f"By {strata.by}; widest difference from all rows {strata.widest:.2%}"
    shown = table((strata.by, "rows", *parts), rows, right=range(1, 2 + len(parts)), caption=caption)
    return element("div", shown, f"and {more:,} more" if more > 0 else "")

"""``ftkit local``: what the local platform's state directory holds, and what of it may go."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ftkit.cli.frame import App, command, table
from ftkit.cli.remote import show_fields, when

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.local import CleanResult, LocalStatus

_MOST_SHOWN = 50
_STATE = click.option(
    "--state", type=click.Path(path_type=Path), help="State directory.  [default: .ftkit/local]"
)


@click.group()
def local() -> None:
    """What the local platform keeps: how much, and what of it may go.

    Both work whether the platform runs or not.
    """


@command("status", examples=["ftkit local status", "ftkit local status --state /srv/ftkit --json"])
@_STATE
def status(app: App, state: Path | None) -> None:
    """Show the server, the space that is used, and what is kept."""
    from ftkit.local import local_status

    found = local_status(state or app.settings.local_state)
    app.emit(found, lambda console: _show_status(console, found))


@command(
    "clean",
    examples=[
        "ftkit local clean",
        "ftkit local clean --older-than 7d --keep 5 --yes",
        "ftkit local clean --older-than 90d --models --yes",
    ],
)
@_STATE
@click.option(
    "--older-than",
    default="30d",
    show_default=True,
    metavar="AGE",
    help="Only what ended or came so long ago: 12h, 30d, 8w.",
)
@click.option(
    "--keep",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Not the newest N of each kind, however old.",
)
@click.option("--models", is_flag=True, help="Tuned models, too.")
@click.option("--yes", is_flag=True, help="Do it; without this, it is only said what would go.")
def clean(app: App, state: Path | None, older_than: str, keep: int, models: bool, yes: bool) -> None:
    """Remove what is no longer needed: old files, batches, jobs, checkpoints, and what nothing names.

    Nothing that an unfinished job or batch uses goes, and no tuned model without --models.
    """
    from ftkit.local import clean as clean_local
    from ftkit.local.units import read_age

    found = clean_local(
        state or app.settings.local_state,
        older_than=read_age(older_than),
        keep=keep,
        models=models,
        dry_run=not yes,
    )
    app.emit(found, lambda console: _show_cleaned(console, found))


for _command in (status, clean):
    local.add_command(_command)


def _show_status(console: Console, found: LocalStatus) -> None:
    server = found.server
    parts = ", ".join(f"{name} {_size(size)}" for name, size in found.disk.items())
    fields = {
        "state": found.state,
        "server": f"{server.url} (process {server.pid}, ftkit {server.version})" if server else "not running",
        "space": f"{_size(found.total_bytes)} ({parts})",
        **found.counts,
        "at work": f"{found.open_jobs} jobs, {found.open_batches} batches",
        "may go": f"{found.removable} things older than 30 days, {_size(found.removable_bytes)}",
    }
    show_fields(console, fields)


def _show_cleaned(console: Console, found: CleanResult) -> None:
    shown = found.removed[:_MOST_SHOWN]
    if shown:
        rows = ((piece.kind, piece.id, piece.name, _size(piece.bytes), when(piece.at)) for piece in shown)
        table(console, ["what", "id", "name", "size", "from"], rows, right=[3])
    if len(found.removed) > len(shown):
        console.print(f"... and {len(found.removed) - len(shown)} more")
    console.print(_summary(found), soft_wrap=True)


def _summary(found: CleanResult) -> str:
    kinds = Counter(piece.kind for piece in found.removed)
    what = ", ".join(f"{count} {_PLURALS[kind]}" for kind, count in kinds.items()) or "nothing"
    if found.leftovers:
        what += f", {found.leftovers} leftovers"
    size = _size(found.bytes + found.leftovers_bytes)
    if not found.dry_run:
        return f"removed: {what}; {size}"
    return f"would remove: {what}; {size}" + (". Say --yes to do it." if size != "0 B" or kinds else "")


_PLURALS = {
    "file": "files",
    "batch": "batches",
    "job": "jobs",
    "checkpoint": "checkpoints",
    "model": "models",
    "upload": "uploads",
}


def _size(size: int) -> str:
    """Bytes in a person's unit."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"

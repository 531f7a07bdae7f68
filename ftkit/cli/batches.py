"""``ftkit batches``: batches of requests on a platform."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ftkit.cli.frame import App, command, table
from ftkit.cli.remote import detaching, same_platform, show_fields, when

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.gateway import Answer, Batch, Platform


@click.group()
def batches() -> None:
    """Batches of requests on a platform."""


@command(
    "submit",
    platform=True,
    examples=[
        "ftkit batches submit requests.jsonl --watch",
        "ftkit batches submit requests.jsonl --window 1h",
    ],
)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--window", default="24h", show_default=True, help="Time in which the answers are wanted.")
@click.option("--watch", "watching", is_flag=True, help="Stay until the batch has ended.")
def submit(app: App, path: Path, window: str, watching: bool) -> None:
    """Check the file of requests PATH, upload it and start a batch."""
    with app.connect() as platform:
        batch = platform.batches.submit(path, window)
        if watching:
            app.display.note(f"batch {batch.id} created")
            batch = _follow(app, platform, batch.id)
    app.emit(batch, lambda console: _show_batch(console, batch))
    batch.raise_if_failed(same_platform(app))


@command("list", platform=True, examples=["ftkit batches list"])
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many.")
def list_batches(app: App, limit: int) -> None:
    """List the batches, the newest first."""
    with app.connect() as platform:
        found = list(islice(platform.batches.list(), limit))
    app.emit(found, lambda console: _show_list(console, found))


@command("show", platform=True, examples=["ftkit batches show batch_abc123"])
@click.argument("batch_id")
def show(app: App, batch_id: str) -> None:
    """Show one batch."""
    with app.connect() as platform:
        batch = platform.batches.get(batch_id)
    app.emit(batch, lambda console: _show_batch(console, batch))


@command("watch", platform=True, examples=["ftkit batches watch batch_abc123"])
@click.argument("batch_id")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Give up after so many seconds.")
def watch(app: App, batch_id: str, timeout: float | None) -> None:
    """Follow a batch to its end; exit code 1 where it failed, expired or was cancelled.

    Ctrl-C stops watching; the batch goes on.
    """
    with app.connect() as platform:
        batch = _follow(app, platform, batch_id, timeout)
    app.emit(batch, lambda console: _show_batch(console, batch))
    batch.raise_if_failed(same_platform(app))


@command(
    "results",
    platform=True,
    examples=[
        "ftkit batches results batch_abc123 --out answers.jsonl",
        "ftkit batches results batch_abc123 --json | jq .text",
    ],
)
@click.argument("batch_id")
@click.option("--out", type=click.Path(path_type=Path), help="Write the answers to this JSON lines file.")
def results(app: App, batch_id: str, out: Path | None) -> None:
    """Print a batch's answers and failures, one a line, each with its custom_id."""
    with app.connect() as platform:
        if out is None:
            app.emit_lines(platform.batches.results(batch_id), _answer_line)
            return
        saved = platform.batches.save_results(batch_id, out)
    app.emit(
        saved, lambda console: console.print(f"{out}: {saved.answers:,} answers, {saved.failed:,} failed")
    )


@command("cancel", platform=True, examples=["ftkit batches cancel batch_abc123"])
@click.argument("batch_id")
def cancel(app: App, batch_id: str) -> None:
    """Ask the platform to stop a batch; what is answered by then can be read."""
    with app.connect() as platform:
        batch = platform.batches.cancel(batch_id)
    app.emit(batch, lambda console: console.print(f"batch {batch.id}: {batch.status}"))


for _command in (submit, list_batches, show, watch, results, cancel):
    batches.add_command(_command)


def _follow(app: App, platform: Platform, batch_id: str, timeout: float | None = None) -> Batch:
    with detaching(app, f"batch {batch_id}", f"ftkit batches watch {batch_id}"):
        return platform.batches.wait(batch_id, timeout)


def _answer_line(answer: Answer) -> str:
    text = answer.text if answer.ok else f"error: {answer.error}"
    return f"{answer.custom_id}\t{' '.join((text or '').splitlines())}"


def _show_batch(console: Console, batch: Batch) -> None:
    fields = dict(batch)
    fields["errors"] = "; ".join(str(problem) for problem in batch.errors)
    show_fields(console, {k: v for k, v in fields.items() if k != "raw"})


def _show_list(console: Console, found: Iterable[Batch]) -> None:
    rows = ((b.id, b.status, b.total, b.completed, b.failed, when(b.created_at)) for b in found)
    table(console, ["id", "status", "requests", "completed", "failed", "created"], rows, right=[2, 3, 4])

"""``ftkit upload`` and ``ftkit files``: files on a platform."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ftkit.cli.frame import App, command, table
from ftkit.cli.remote import show_fields, when

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.gateway import FileInfo


@command(
    "upload",
    platform=True,
    examples=[
        "ftkit upload train.jsonl",
        "ftkit upload parts",
        "ftkit upload requests.jsonl --purpose batch --platform openai",
    ],
)
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--purpose",
    type=click.Choice(["fine-tune", "batch"]),
    default="fine-tune",
    show_default=True,
    help="What the file is for.",
)
def upload(app: App, path: Path, purpose: str) -> None:
    """Upload the file PATH and print its id on the platform.

    Of a split (its folder or manifest) the train part is uploaded and, where there is one, the
    validation part, and the ids are printed in this order.
    """
    from ftkit.splitting import training_files

    train, validation = training_files(path)
    with app.connect() as platform:
        infos = [platform.files.upload(part, purpose) for part in (train, validation) if part is not None]
    result = infos[0] if train == path else infos
    app.emit(result, lambda console: console.print("\n".join(info.id for info in infos)))


@click.group()
def files() -> None:
    """Files on a platform."""


@command("list", platform=True, examples=["ftkit files list", "ftkit files list --purpose batch --json"])
@click.option("--purpose", help="Only files of this purpose.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")
def list_files(app: App, purpose: str | None, limit: int) -> None:
    """List the files on the platform."""
    with app.connect() as platform:
        found = list(islice(platform.files.list(purpose), limit))
    app.emit(found, lambda console: _show_list(console, found))


@command("show", platform=True, examples=["ftkit files show file-abc123"])
@click.argument("file_id")
def show_file(app: App, file_id: str) -> None:
    """Show one file."""
    with app.connect() as platform:
        info = platform.files.get(file_id)
    app.emit(info, lambda console: show_fields(console, dict(info)))


@command(
    "content",
    platform=True,
    examples=["ftkit files content file-abc123 | head", "ftkit files content file-abc123 --out copy.jsonl"],
)
@click.argument("file_id")
@click.option("--out", type=click.Path(path_type=Path), help="Write to this file instead of stdout.")
def content(app: App, file_id: str, out: Path | None) -> None:
    """Print what a file holds, or write it to a file, whole or not at all."""
    with app.connect() as platform:
        if out is None:
            for chunk in platform.files.content(file_id):
                sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            return
        platform.files.download(file_id, out)
    size = out.stat().st_size
    app.emit({"path": out, "bytes": size}, lambda console: console.print(f"{out}: {size:,} bytes"))


@command("delete", platform=True, examples=["ftkit files delete file-abc123"])
@click.argument("file_id")
def delete(app: App, file_id: str) -> None:
    """Delete a file on the platform."""
    with app.connect() as platform:
        platform.files.delete(file_id)
    app.emit({"id": file_id, "deleted": True}, lambda console: console.print(f"deleted {file_id}"))


for _command in (list_files, show_file, content, delete):
    files.add_command(_command)


def _show_list(console: Console, found: Iterable[FileInfo]) -> None:
    rows = ((f.id, f.filename, f.purpose, f.bytes, f.status, when(f.created_at)) for f in found)
    table(console, ["id", "name", "purpose", "bytes", "status", "created"], rows, right=[3])

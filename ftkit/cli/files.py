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
        "ftkit upload train.jsonl --model gpt-4.1-mini --platform openai",
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
@click.option("--model", help="The model to be tuned: its limits hold for the file too.")
@click.option(
    "--validate/--no-validate", default=True, help="Refuse files that have errors. [default: validate]"
)
@click.option("--again", is_flag=True, help="Upload also what is on the platform already.")
@click.option("--wait/--no-wait", default=True, help="Wait until it is processed. [default: wait]")
@click.option("--parts/--no-parts", default=None, help="In parts, or whole. [default: large files in parts]")
def upload(
    app: App,
    path: Path,
    purpose: str,
    model: str | None,
    validate: bool,
    again: bool,
    wait: bool,
    parts: bool | None,
) -> None:
    """Upload the file PATH, once, and print its id on the platform.

    A file is known by its content: what is on the platform already is not sent again, and an upload
    that was cut off is gone on with. A file for fine-tuning is validated for the platform first.

    Of a split (its folder or manifest) the train part is uploaded and, where there is one, the
    validation part, and the ids are printed in this order.
    """
    from ftkit.lifecycle.sending import plan_upload

    plan = plan_upload(app.settings, path, purpose, model=model, validate=validate, display=app.display)
    with app.connect() as platform:
        infos = plan.carry_out(platform, wait=wait, again=again, parts=parts)
    result = infos[0] if plan.files[0] == path else infos
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

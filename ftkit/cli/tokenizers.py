"""``ftkit tokenizers``: which vocabularies are on this machine, and bringing them here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ftkit.cli.frame import App, command, table

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.tokens import VocabularyStatus


@click.group("tokenizers")
def tokenizers() -> None:
    """List, fetch and import vocabularies: tokens are counted exactly, or not at all."""


@command("list", examples=["ftkit tokenizers list"])
def list_tokenizers(app: App) -> None:
    """List the tokenizers that need a vocabulary, and whether it is here."""
    from ftkit.tokens import vocabularies

    found = vocabularies()
    app.emit(found, lambda console: _show(console, found))


@command(
    "fetch",
    examples=[
        "ftkit tokenizers fetch o200k_base cl100k_base",
        "ftkit tokenizers fetch llama3      # under the Llama 3 Community License",
    ],
)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--source",
    type=click.Choice(["publisher", "package"]),
    help="Only from the publisher's address, or only out of a package by pip.",
)
def fetch_vocabulary(app: App, names: tuple[str, ...], source: str | None) -> None:
    """Fetch vocabularies into ftkit's cache, checked by SHA-256.

    From the publisher's address, and where that is blocked, out of a package of the package index
    that carries the same bytes (llama-index-core, llama-models), downloaded by pip.
    """
    from ftkit.tokens import fetch

    fetched = [fetch(name, source, app.display.note) for name in names]
    app.emit(fetched, lambda console: _show(console, fetched))


@command(
    "import",
    examples=[
        "ftkit tokenizers import o200k_base.tiktoken",
        "ftkit tokenizers import llama_models-0.3.0-py3-none-any.whl",
    ],
)
@click.argument("file", type=click.Path(path_type=Path))
def import_vocabulary(app: App, file: Path) -> None:
    """Import the vocabularies in FILE, which is one itself or a wheel that carries some."""
    from ftkit.tokens import import_file

    imported = import_file(file)
    app.emit(imported, lambda console: _show(console, imported))


def _show(console: Console, found: Sequence[VocabularyStatus]) -> None:
    rows = [(s.name, _state(s), s.path or f"ftkit tokenizers fetch {s.name}") for s in found]
    table(console, ["Tokenizer", "State", "File, or the command that brings it"], rows)


def _state(status: VocabularyStatus) -> str:
    if status.present:
        return (
            f"here, in {status.place}"
            if status.place != "FTKIT_TOKENIZER_DIR"
            else "here, by FTKIT_TOKENIZER_DIR"
        )
    return status.problem or "missing"


for _made in (list_tokenizers, fetch_vocabulary, import_vocabulary):
    tokenizers.add_command(_made)

"""Writes docs/commands.md from the commands' own help, or with --check says whether it is current."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
from generated_page import write_or_check

from ftkit.cli.root import cli

PAGE = Path(__file__).resolve().parent.parent / "docs" / "commands.md"
HEAD = "# Commands\n\nWritten by `make format` from each command's `--help`; not edited by hand.\n"


def helps(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    """(path, help text) of a command and of all below it."""
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from helps(
                    below, click.Context(below, info_name=name, parent=context, terminal_width=100)
                )


def page() -> str:
    """The whole page."""
    context = click.Context(cli, info_name="ftkit", terminal_width=100)
    parts = [HEAD]
    for path, text in helps(cli, context):
        parts.append(f"\n## {path}\n\n```text\n{text.rstrip()}\n```\n")
    return "".join(parts)


def main() -> int:
    """0 where the page is written or current, 1 where ``--check`` finds it stale."""
    return write_or_check(PAGE, page())


if __name__ == "__main__":
    sys.exit(main())

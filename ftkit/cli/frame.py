"""What every command shares: its options, its settings, its display and the way it prints a result.

A command's body parses, calls one library function and hands the result to :meth:`App.emit`.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console

    from ftkit.display import Display
    from ftkit.gateway import Platform
    from ftkit.settings import Settings


@dataclass
class App:
    """The shared options of one call, and what is made from them when it is needed."""

    json: bool = False
    quiet: bool = False
    config: Path | None = None
    platform: str | None = None
    base_url: str | None = None

    @cached_property
    def settings(self) -> Settings:
        """All settings, the command line's strongest."""
        from ftkit.settings import load_settings

        # an address typed alone is no address of the platform that a file names: its key stays home
        platform = self.platform or ("custom" if self.base_url else None)
        return load_settings(self.config, platform=platform, base_url=self.base_url)

    @cached_property
    def display(self) -> Display:
        """Where progress goes: stderr."""
        from ftkit.display import QuietDisplay, choose_display

        shown = choose_display("json" if self.json else "auto")
        return QuietDisplay(shown) if self.quiet else shown

    @cached_property
    def console(self) -> Console:
        """A rich console on stdout; without a terminal it is wide, so that no id is cut."""
        from rich.console import Console

        width = None if sys.stdout.isatty() else 160
        return Console(highlight=False, emoji=False, width=width)

    def connect(self) -> Platform:
        """The platform that the options and settings name."""
        from ftkit.gateway import connect

        return connect(settings=self.settings, display=self.display)

    def emit(
        self, result: BaseModel | Sequence[BaseModel] | dict[str, Any], human: Callable[[Console], None]
    ) -> None:
        """Print a result: as JSON with ``--json``, else by ``human`` on the console."""
        if self.json:
            click.echo(to_json(result))
        else:
            human(self.console)

    def emit_lines(self, results: Iterable[BaseModel], human: Callable[[Any], str]) -> None:
        """Print results as they come: one JSON object, or one line of text, each."""
        for result in results:
            click.echo(result.model_dump_json() if self.json else human(result))


def to_json(result: BaseModel | Sequence[BaseModel] | dict[str, Any]) -> str:
    """A result (or a list of them) as indented JSON."""
    if isinstance(result, dict):
        return json.dumps(result, indent=2, ensure_ascii=False, default=str)
    if isinstance(result, Sequence):
        return json.dumps([r.model_dump(mode="json") for r in result], indent=2, ensure_ascii=False)
    return result.model_dump_json(indent=2)


def table(
    console: Console, headers: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[int] = ()
) -> None:
    """Print a plain table; ``right`` are the columns of numbers. None is shown as ``-``."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, header in enumerate(headers):
        grid.add_column(header, justify="right" if index in right else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(c if isinstance(c, Text) else Text("-" if c is None else str(c)) for c in row))
    console.print(grid)


class _Command(click.Command):
    """A command whose help ends with examples, printed as they are."""

    examples: Sequence[str] = ()

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
        super().format_epilog(ctx, formatter)


_COMMON: list[Callable[[Any], Any]] = [
    click.option(
        "--json", "app_json", is_flag=True, help="Print the result as JSON; progress as JSON lines on stderr."
    ),
    click.option(
        "-q", "--quiet", "app_quiet", is_flag=True, help="No progress and no notices: warnings alone."
    ),
    click.option(
        "--config",
        "app_config",
        type=click.Path(path_type=Path),
        help="Use this file instead of the nearest ftkit.toml.",
    ),
]
_PLATFORM: list[Callable[[Any], Any]] = [
    click.option(
        "--platform", "app_platform", metavar="NAME", help="Platform to use (local, openai, nebius, ...)."
    ),
    click.option(
        "--base-url", "app_base_url", metavar="URL", help="Address of an OpenAI-compatible platform."
    ),
]


def command(
    name: str, *, examples: Sequence[str], platform: bool = False
) -> Callable[[Callable[..., Any]], click.Command]:
    """A command with the shared options; its function gets an :class:`App` first.

    ``platform`` adds ``--platform`` and ``--base-url``. The docstring is the help text.
    """

    def wrap(function: Callable[..., Any]) -> click.Command:
        @functools.wraps(function)
        def call(**given: Any) -> Any:
            shared = {key[4:]: given.pop(key) for key in list(given) if key.startswith("app_")}
            return function(App(**shared), **given)

        options: list[Callable[[Any], Any]] = [*(_PLATFORM if platform else []), *_COMMON]
        for option in reversed(options):
            call = option(call)
        made = click.command(name, cls=_Command)(call)
        made.examples = examples
        return made

    return wrap

"""``ftkit completion``: the script that teaches a shell ftkit's commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from ftkit.cli.frame import App, command


@command(
    "completion",
    examples=[
        'eval "$(ftkit completion bash)"',
        "ftkit completion fish > ~/.config/fish/completions/ftkit.fish",
    ],
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(app: App, shell: str) -> None:
    """Print the completion script of a SHELL, to be evaluated by it."""
    from ftkit.cli.root import cli

    kind = get_completion_class(shell)
    assert kind is not None, "click ships these three"
    script = kind(cli, {}, "ftkit", "_FTKIT_COMPLETE").source()
    app.emit({"shell": shell, "script": script}, lambda _: click.echo(script))

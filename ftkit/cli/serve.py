"""``ftkit serve``: the local platform in the foreground."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ftkit.cli.frame import App, command


@command(
    "serve",
    examples=[
        "ftkit serve",
        "ftkit serve --port 9000 --state /srv/ftkit --api-key-file keys.txt",
        "ftkit serve --stand-in klusterai/Meta-Llama-3.1-8B-Instruct-Turbo",
    ],
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="Port to listen on; 0 for any.",
)
@click.option("--state", type=click.Path(path_type=Path), help="State directory.  [default: .ftkit/local]")
@click.option(
    "--api-key-file", type=click.Path(path_type=Path), help="File with the accepted keys, one a line."
)
@click.option("--idle-exit", type=click.FloatRange(min=1), help="End after so many seconds without use.")
@click.option(
    "--workers", type=click.IntRange(min=1), default=2, show_default=True, help="Processes at work."
)
@click.option("--stand-in", "stand_ins", multiple=True, metavar="NAME", help="Answer for this model, too.")
def serve(app: App, state: Path | None, stand_ins: tuple[str, ...], **options: Any) -> None:
    """Run the local OpenAI-compatible platform until Ctrl-C."""
    from ftkit.local import ServeOptions
    from ftkit.local import serve as serve_local

    serve_local(ServeOptions(state=state or app.settings.local_state, stand_ins=stand_ins, **options))

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
        "ftkit serve --model tiny=transformers:./tiny-llama --stand-in gpt-4o-mini=tiny",
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
@click.option(
    "--model", "models", multiple=True, metavar="NAME=ENGINE:SOURCE", help="Serve and tune this model, too."
)
@click.option(
    "--models",
    "models_files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="TOML file of models and stand-ins; models.toml in the state directory is always read.",
)
@click.option(
    "--stand-in",
    "stand_ins",
    multiple=True,
    metavar="NAME[=MODEL]",
    help="Answer for this hosted model, too, by linear or by MODEL.",
)
@click.option(
    "--keep-days", type=click.FloatRange(min=0.01), help="Remove what ended or came so many days ago."
)
@click.option(
    "--max-disk", metavar="SIZE", help="Take no uploads and no new work when so much is held: 50GB."
)
@click.option("--verbose", is_flag=True, help="Log every request on stderr, without content or keys.")
@click.option(
    "--log", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Form of the log."
)
@click.option("--requests-per-minute", type=click.IntRange(min=1), help="Most requests of one key.")
@click.option(
    "--most-queued",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Most jobs and batches that wait or run.",
)
@click.option(
    "--most-connections",
    type=click.IntRange(min=1),
    default=2000,
    show_default=True,
    help="Most open connections.",
)
def serve(app: App, state: Path | None, models: tuple[str, ...], **options: Any) -> None:
    """Run the local OpenAI-compatible platform until Ctrl-C.

    Its status page is at the root of its address. On an address that other machines reach, every request
    needs a key: one of --api-key-file, or a random one that is made in the state directory.
    """
    from ftkit.local import Limits, ServeOptions, read_model
    from ftkit.local import serve as serve_local
    from ftkit.local.units import read_size

    found = tuple(map(read_model, models))
    options["max_disk"] = read_size(options["max_disk"]) if options["max_disk"] else None
    limits = Limits(
        requests_per_minute=options.pop("requests_per_minute"),
        queued=options.pop("most_queued"),
        connections=options.pop("most_connections"),
    )
    serve_local(ServeOptions(state=state or app.settings.local_state, models=found, limits=limits, **options))

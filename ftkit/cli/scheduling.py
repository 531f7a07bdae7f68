"""``ftkit retrain schedule``: ready files for cron, systemd, GitHub Actions, Kubernetes and Airflow."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftkit.cli.frame import App, command

if TYPE_CHECKING:
    from ftkit.lifecycle.scheduling import Schedule

KINDS = ("cron", "systemd", "github-actions", "kubernetes", "airflow")


@command(
    "schedule",
    examples=[
        "ftkit retrain schedule systemd sentiment --out .",
        "ftkit retrain schedule github-actions ./my-recipe --secret OPENAI_API_KEY --out .",
        'ftkit retrain schedule cron sentiment --cron "30 2 * * 1-5" -- --max-cost 20',
    ],
)
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("recipe")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--cron", metavar="FIELDS", help="When, as five fields of a crontab; if not said, once a night."
)
@click.option("--timezone", metavar="NAME", help="The time zone of --cron, such as Europe/Berlin.")
@click.option("--name", help="Name of the files, units or jobs.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Directory to call it in; if not said, this one.",
)
@click.option("--env-file", type=click.Path(path_type=Path), help="File of NAME=value lines with the keys.")
@click.option(
    "--secret", "secrets", multiple=True, metavar="NAME", help="A variable that the scheduler keeps."
)
@click.option("--image", help="Container image that holds ftkit and the recipe.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write the files there.")
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
def schedule(app: App, kind: str, out: Path | None, overwrite: bool, **given: Any) -> None:
    """Make the files that let a scheduler of KIND call `ftkit retrain RECIPE`, and say what to do with them.

    ARGUMENTS after -- go to every call. --env-file is for cron and systemd, --secret for GitHub Actions and
    Kubernetes, --image for Kubernetes. Without --out the files are printed.
    """
    from ftkit.lifecycle.scheduling import ScheduleOptions
    from ftkit.lifecycle.scheduling import schedule as make_schedule

    named = {name: value for name, value in given.items() if value is not None}
    options = ScheduleOptions(program=_program(kind), **named)
    made = make_schedule(kind, options)
    if out is not None:
        made = made.write(out, overwrite=overwrite)
    app.emit(made, lambda _: _print(made))


def _program(kind: str) -> str:
    """This very command where the scheduler runs on this machine: it does not know the PATH of a person."""
    if kind not in ("cron", "systemd"):
        return "ftkit"
    beside = Path(sys.executable).with_name("ftkit")
    return str(beside) if beside.is_file() else shutil.which("ftkit") or "ftkit"


def _print(made: Schedule) -> None:
    for file in () if made.written else made.files:
        click.echo(f"# --- {file.path}\n{file.text}")
    for place in made.written:
        click.echo(f"written: {place}")
    click.echo("Then, there:" if made.written else "Write with --out DIR what is above. Then, there:")
    for step in made.steps:
        click.echo(f"  {step}")

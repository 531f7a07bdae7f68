"""``ftkit doctor``: what is set up, what is missing, and the command that mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ftkit.cli.frame import App, command, table

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.lifecycle.doctor import Diagnosis


@command("doctor", platform=True, examples=["ftkit doctor", "ftkit doctor --platform openai --json"])
@click.option(
    "--all-platforms", is_flag=True, help="Look at every platform of the catalog, not only the chosen one."
)
def doctor(app: App, all_platforms: bool) -> None:
    """Look at configuration, keys (present or not, never shown), platform, vocabularies and versions.

    Leaves with 0 where nothing needed is missing, else with 1.
    """
    from ftkit.lifecycle.doctor import diagnose

    diagnosis = diagnose(app.settings, all_platforms=all_platforms)
    app.emit(diagnosis, lambda console: _print(console, diagnosis))
    if not diagnosis.ok:
        raise SystemExit(1)


def _print(console: Console, diagnosis: Diagnosis) -> None:
    from rich.text import Text

    marks = {
        "ok": Text("ok", "green"),
        "missing": Text("missing", "red"),
        "unused": Text("-", "dim"),
        "warning": Text("warning", "yellow"),
    }
    rows = [(c.area, c.name, marks[c.state], c.detail) for c in diagnosis.checks]
    table(console, ["Area", "What", "State", "Detail"], rows)
    for check in diagnosis.checks:
        if check.mend and check.state in ("missing", "warning"):
            console.print(f"{check.name}: {check.mend}", soft_wrap=True, markup=False)

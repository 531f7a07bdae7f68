"""``ftkit ledger``: the memory of what was uploaded, launched and submitted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from ftkit.cli.frame import App, command, table
from ftkit.cli.remote import show_fields, when
from ftkit.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.ledger import Kind, Ledger, Operation, State

KINDS = ("upload", "job", "batch", "retraining")
STATES = ("begun", "done", "abandoned", "renewed")
_KEY_SHOWN = 12  # digits of a key in a list; enough to name it by


@click.group()
def ledger() -> None:
    """The memory of what was uploaded, launched and submitted.

    It lets a call that is repeated find what exists, so that nothing is sent or paid twice.
    """


@command(
    "list",
    platform=True,
    examples=["ftkit ledger list", "ftkit ledger list --kind job --state begun --json"],
)
@click.option("--kind", type=click.Choice(KINDS), help="Only these.")
@click.option("--state", type=click.Choice(STATES), help="Only those; begun means that no end is known.")
def list_operations(app: App, kind: Kind | None, state: State | None) -> None:
    """List the operations, of all platforms or of one, in the order they were first begun."""
    found = list(_ledger(app).operations(kind, _platform(app), state))
    app.emit(found, lambda console: _show_list(console, found))


@command("show", examples=["ftkit ledger show 3f9c02", "ftkit ledger show ftjob-abc123"])
@click.argument("operation")
def show(app: App, operation: str) -> None:
    """Tell the story of one operation: by its key, a beginning of it, its name or its id on the platform."""
    found = _ledger(app).get(operation)
    app.emit(found, lambda console: _show(console, found))


@command("forget", examples=["ftkit ledger forget 3f9c02 --yes"])
@click.argument("operation")
@click.option("--yes", is_flag=True, help="Do it; without this, it is only said what would happen.")
def forget(app: App, operation: str, yes: bool) -> None:
    """Remove one operation from memory. Nothing on the platform is deleted or stopped.

    The same request is then sent again by the next call, and paid again.
    """
    memory = _ledger(app)
    found = memory.get(operation)
    what = f"the {found.kind} {found.result_id or found.name}"
    if not yes:
        raise UsageError(
            f"forgetting {what} deletes nothing on the platform, but the next call sends it again",
            hint=f"Say --yes to forget it: ftkit ledger forget {found.key[:_KEY_SHOWN]} --yes",
        )
    memory.forget(found.key)
    app.emit(found, lambda console: console.print(f"forgotten: {what}", soft_wrap=True))


@command("export", platform=True, examples=["ftkit ledger export > ledger.jsonl"])
@click.option("--kind", type=click.Choice(KINDS), help="Only these.")
@click.option("--state", type=click.Choice(STATES), help="Only those.")
def export(app: App, kind: Kind | None, state: State | None) -> None:
    """Print every operation with its history, one JSON object a line."""
    for operation in _ledger(app).operations(kind, _platform(app), state, history=True):
        click.echo(operation.model_dump_json())


for _command in (list_operations, show, forget, export):
    ledger.add_command(_command)


def _ledger(app: App) -> Ledger:
    from ftkit.ledger import open_ledger

    return open_ledger(app.settings, display=app.display)


def _platform(app: App) -> str | None:
    """The identity of the platform that was named in this call; None where none was."""
    if app.platform is None and app.base_url is None:
        return None
    from ftkit.gateway.connection import identity_of

    return identity_of(app.settings)


def _show_list(console: Console, found: Iterable[Operation]) -> None:
    rows = (
        (o.key[:_KEY_SHOWN], o.kind, o.state, o.result_id, o.platform, when(o.done_at or o.intended_at))
        for o in found
    )
    table(console, ["key", "what", "state", "id", "platform", "last"], rows)


def _show(console: Console, found: Operation) -> None:
    fields = dict(found) | {"request": _in_words(found.request), "result": _in_words(found.result)}
    del fields["history"]
    show_fields(console, fields)
    rows = (
        (when(line.at), line.what, line.note, line.pid, line.host, line.version) for line in found.history
    )
    table(console, ["when", "what", "note", "process", "host", "ftkit"], rows, right=[3])


def _in_words(facts: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None)

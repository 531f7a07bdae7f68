"""``ftkit cache``: the answers that are kept, so that no request is paid for twice."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from pydantic import BaseModel

from ftkit.cli.frame import App, command, table
from ftkit.cli.remote import when

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.inference import Known


class KeptAnswers(BaseModel):
    """The answers of one model that are kept. Tokens are sums, ``bytes`` is the space of the answers."""

    backend: str
    model: str
    answers: int
    prompt_tokens: int
    completion_tokens: int
    bytes: int
    first: datetime
    last: datetime


class Cleared(BaseModel):
    """How many answers were, or would be, deleted."""

    answers: int
    done: bool


@click.group()
def cache() -> None:
    """The answers that are kept, so that the same request to the same model is never paid for twice.

    They lie in answers.db of the state directory, under a hash of who answers and of the whole request.
    """


@command("list", examples=["ftkit cache list", "ftkit cache list --json"])
def list_answers(app: App) -> None:
    """List what is kept, by platform and model."""
    from ftkit.inference import project_cache

    with project_cache(app.settings) as kept:
        found = [_shown(known) for known in kept.known()]
    app.emit(found, lambda console: _show(console, found))


@command(
    "clear",
    platform=True,
    examples=[
        "ftkit cache clear --yes",
        "ftkit cache clear --platform openai --model gpt-4.1-mini --yes",
        "ftkit cache clear --older-than 30d --yes",
    ],
)
@click.option("--model", help="Only the answers of this model, as `ftkit cache list` names it.")
@click.option("--older-than", metavar="AGE", help="Only what came so long ago: 12h, 30d, 8w.")
@click.option("--yes", is_flag=True, help="Do it; without this, it is only said what would go.")
def clear(app: App, model: str | None, older_than: str | None, yes: bool) -> None:
    """Delete kept answers: all, or those of one platform, of one model, or old ones.

    The batches that gave them stay on the platform: the same requests may be answered from there.
    `ftkit benchmark --fresh` asks anew whatever is kept.
    """
    from ftkit.inference import project_cache
    from ftkit.local.units import read_age

    before = None
    if older_than is not None:
        before = int((datetime.now(UTC) - read_age(older_than)).timestamp())
    with project_cache(app.settings) as kept:
        count = kept.forget(app.platform, model, before, dry_run=not yes)
    result = Cleared(answers=count, done=yes)
    words = "deleted" if yes else "would be deleted; say --yes to do it"
    app.emit(result, lambda console: console.print(f"{count:,} answers {words}"))


for _command in (list_answers, clear):
    cache.add_command(_command)


def _shown(known: Known) -> KeptAnswers:
    moments = [datetime.fromtimestamp(seconds, UTC) for seconds in (known.first, known.last)]
    return KeptAnswers(
        backend=known.backend,
        model=known.model,
        answers=known.answers,
        prompt_tokens=known.prompt_tokens,
        completion_tokens=known.completion_tokens,
        bytes=known.bytes,
        first=moments[0],
        last=moments[1],
    )


def _show(console: Console, found: list[KeptAnswers]) -> None:
    if not found:
        console.print("no answers are kept")
        return
    headers = ["platform", "model", "answers", "tokens in", "out", "MB", "first", "last"]
    rows = (
        (
            one.backend,
            one.model,
            f"{one.answers:,}",
            f"{one.prompt_tokens:,}",
            f"{one.completion_tokens:,}",
            f"{one.bytes / 1e6:.1f}",
            when(one.first),
            when(one.last),
        )
        for one in found
    )
    table(console, headers, rows, right=[2, 3, 4, 5])

"""``ftkit batches``: batches of requests on a platform."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftkit.cli.frame import App, command, table
from ftkit.cli.remote import detaching, same_platform, show_fields, when
from ftkit.errors import Interrupted

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.gateway import Answer, Batch, Platform
    from ftkit.gateway.bulk.result import BulkResult
    from ftkit.gateway.realtime import Pace


@click.group()
def batches() -> None:
    """Batches of requests on a platform."""


@command(
    "submit",
    platform=True,
    examples=[
        "ftkit batches submit requests.jsonl --watch",
        "ftkit batches submit requests.jsonl --window 1h",
    ],
)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--window", default="24h", show_default=True, help="Time in which the answers are wanted.")
@click.option("--watch", "watching", is_flag=True, help="Stay until the batch has ended.")
@click.option("--again", is_flag=True, help="Start another batch of requests that have one.")
def submit(app: App, path: Path, window: str, watching: bool, again: bool) -> None:
    """Check the file of requests PATH, upload it and start a batch.

    The same requests give the batch that there is. Requests of any number: ftkit batches run.
    """
    with app.connect() as platform:
        batch = platform.batches.submit(path, window, again=again)
        if watching:
            app.display.note(f"batch {batch.id} created")
            batch = _follow(app, platform, batch.id)
    app.emit(batch, lambda console: _show_batch(console, batch))
    batch.raise_if_failed(same_platform(app))


@command("list", platform=True, examples=["ftkit batches list"])
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many.")
def list_batches(app: App, limit: int) -> None:
    """List the batches, the newest first."""
    with app.connect() as platform:
        found = list(islice(platform.batches.list(), limit))
    app.emit(found, lambda console: _show_list(console, found))


@command("show", platform=True, examples=["ftkit batches show batch_abc123"])
@click.argument("batch_id")
def show(app: App, batch_id: str) -> None:
    """Show one batch."""
    with app.connect() as platform:
        batch = platform.batches.get(batch_id)
    app.emit(batch, lambda console: _show_batch(console, batch))


@command("watch", platform=True, examples=["ftkit batches watch batch_abc123"])
@click.argument("batch_id")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Give up after so many seconds.")
def watch(app: App, batch_id: str, timeout: float | None) -> None:
    """Follow a batch to its end; exit code 1 where it failed, expired or was cancelled.

    Ctrl-C stops watching; the batch goes on.
    """
    with app.connect() as platform:
        batch = _follow(app, platform, batch_id, timeout)
    app.emit(batch, lambda console: _show_batch(console, batch))
    batch.raise_if_failed(same_platform(app))


@command(
    "results",
    platform=True,
    examples=[
        "ftkit batches results batch_abc123 --out answers.jsonl",
        "ftkit batches results batch_abc123 --json | jq .text",
    ],
)
@click.argument("batch_id")
@click.option("--out", type=click.Path(path_type=Path), help="Write the answers to this JSON lines file.")
def results(app: App, batch_id: str, out: Path | None) -> None:
    """Print a batch's answers and failures, one a line, each with its custom_id."""
    with app.connect() as platform:
        if out is None:
            app.emit_lines(platform.batches.results(batch_id), _answer_line)
            return
        saved = platform.batches.save_results(batch_id, out)
    app.emit(
        saved, lambda console: console.print(f"{out}: {saved.answers:,} answers, {saved.failed:,} failed")
    )


@command(
    "run",
    platform=True,
    examples=[
        "ftkit batches run requests.jsonl --out answers.jsonl",
        "ftkit batches run requests.jsonl.gz --out answers.jsonl --via realtime --rpm 500",
    ],
)
@click.argument("path", metavar="REQUESTS", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Write the answers here.")
@click.option(
    "--workdir", type=click.Path(path_type=Path), help="Keep what it takes to go on here [OUT.work]."
)
@click.option("--window", default="24h", show_default=True, help="Time in which the answers are wanted.")
@click.option(
    "--via",
    type=click.Choice(["auto", "batch", "realtime"]),
    default="auto",
    show_default=True,
    help="Ask in batches, one by one, or the cheaper or quicker way.",
)
@click.option("--attempts", type=int, default=3, show_default=True, help="Ask what failed so often at most.")
@click.option("--concurrency", type=int, help="In real time: requests at once.")
@click.option("--rpm", type=float, help="In real time: requests a minute.")
@click.option("--tpm", type=float, help="In real time: tokens a minute.")
@click.option("--again", is_flag=True, help="Ask everything once more, although it was asked before.")
@click.option("--detach", is_flag=True, help="Submit what the platform has room for, and leave.")
def run(app: App, path: Path, out: Path, workdir: Path | None, detach: bool, **options: Any) -> None:
    """Answer REQUESTS, of any number: OUT gets one line for each, in their order.

    They are cut into batches of the platform's size; what fails for a reason that may pass, expires or
    gets no answer is asked again. The same call goes on after a stop, and asks nothing twice.
    """
    folder = workdir or Path(f"{out}.work")
    with _leaving(app, folder), app.connect() as platform:
        result = platform.batches.run(
            path,
            out,
            workdir=workdir,
            pace=_pace(platform, options),
            wait=not detach,
            window=options["window"],
            via=options["via"],
            attempts=options["attempts"],
            again=options["again"],
        )
    _emit_run(app, result)


@command("resume", platform=True, examples=["ftkit batches resume answers.jsonl.work"])
@click.argument("workdir", type=click.Path(path_type=Path))
def resume(app: App, workdir: Path) -> None:
    """Go on with the run in WORKDIR; what failed for a reason that may pass gets new attempts."""
    with _leaving(app, workdir), app.connect() as platform:
        result = platform.batches.resume(workdir)
    _emit_run(app, result)


@command(
    "cancel",
    platform=True,
    examples=["ftkit batches cancel batch_abc123", "ftkit batches cancel answers.jsonl.work"],
)
@click.argument("target", metavar="ID|WORKDIR")
def cancel(app: App, target: str) -> None:
    """Ask the platform to stop a batch, or all batches of a run; what is answered by then is kept."""
    with app.connect() as platform:
        if Path(target).is_dir():
            result = platform.batches.cancel_run(target)
            app.emit(result, lambda console: _show_run(console, result))
            return
        batch = platform.batches.cancel(target)
    app.emit(batch, lambda console: console.print(f"batch {batch.id}: {batch.status}"))


for _command in (submit, run, resume, list_batches, show, watch, results, cancel):
    batches.add_command(_command)


def _pace(platform: Platform, options: Mapping[str, Any]) -> Pace | None:
    """The platform's own pace with what was typed in place of it; None where nothing was."""
    from ftkit.gateway.realtime import Pace

    names = {"concurrency": "concurrency", "rpm": "requests_per_minute", "tpm": "tokens_per_minute"}
    typed = {name: options[option] for option, name in names.items() if options[option] is not None}
    return Pace.of(platform.provider.limits, **typed) if typed else None


@contextmanager
def _leaving(app: App, folder: Path) -> Iterator[None]:
    """Ctrl-C inside says what stays, which holds for batches and for requests in real time."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(
            "stopped; the answers so far are kept, and batches that the platform has go on",
            hint=f"Go on: ftkit batches resume {shlex.quote(str(folder))}{same_platform(app)}",
        ) from None


def _emit_run(app: App, result: BulkResult) -> None:
    app.emit(result, lambda console: _show_run(console, result))
    result.raise_if_failed(same_platform(app))


def _show_run(console: Console, result: BulkResult) -> None:
    if result.status == "running":
        console.print(
            f"{len(result.batches):,} batches submitted; go on: ftkit batches resume {result.workdir}"
        )
        return
    console.print(f"{result.out}: {result.answered:,} of {result.requests:,} requests answered")
    for code, count in sorted(result.failures.items(), key=lambda one: -one[1]):
        console.print(f"  {count:,} failed: {code}")
    tokens = f"{result.prompt_tokens:,} prompt and {result.completion_tokens:,} completion tokens"
    number = len(result.batches)
    batches = f"{number:,} {'batch' if number == 1 else 'batches'}"
    ways = batches if result.via == "batch" else "asked in real time"
    rounds = f", {result.rounds} rounds" if result.rounds > 1 else ""
    console.print(f"  {tokens}; {ways}{rounds}", highlight=False)


def _follow(app: App, platform: Platform, batch_id: str, timeout: float | None = None) -> Batch:
    with detaching(app, f"batch {batch_id}", f"ftkit batches watch {batch_id}"):
        return platform.batches.wait(batch_id, timeout)


def _answer_line(answer: Answer) -> str:
    text = answer.text if answer.ok else f"error: {answer.error}"
    return f"{answer.custom_id}\t{' '.join((text or '').splitlines())}"


def _show_batch(console: Console, batch: Batch) -> None:
    fields = dict(batch)
    fields["errors"] = "; ".join(str(problem) for problem in batch.errors)
    show_fields(console, {k: v for k, v in fields.items() if k != "raw"})


def _show_list(console: Console, found: Iterable[Batch]) -> None:
    rows = ((b.id, b.status, b.total, b.completed, b.failed, when(b.created_at)) for b in found)
    table(console, ["id", "status", "requests", "completed", "failed", "created"], rows, right=[2, 3, 4])

"""``ftkit models``: what a platform offers, what the catalog knows of it, and names for models."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftkit.cli import naming
from ftkit.cli.frame import App, command, table
from ftkit.cli.platforms import platforms
from ftkit.cli.remote import show_fields, when

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.catalog import Model
    from ftkit.gateway import ModelDownload, ModelInfo


@click.group()
def models() -> None:
    """Models of a platform and of the catalog, the platforms that it knows, and names for models."""


@command(
    "list",
    platform=True,
    examples=[
        "ftkit models list",
        "ftkit models list --catalog",
        "ftkit models list --platform openai --json",
    ],
)
@click.option("--catalog", "from_catalog", is_flag=True, help="What ftkit knows; no platform is asked.")
def list_models(app: App, from_catalog: bool) -> None:
    """List the models that the platform offers, or those that the catalog knows."""
    if from_catalog:
        wanted = app.settings.platform
        if wanted is not None:
            app.settings.catalog.provider(wanted)
        known = app.settings.catalog.models(wanted)
        app.emit(known, lambda console: _show_catalog(console, known))
        return
    with app.connect() as platform:
        found = platform.models.list()
    app.emit(found, lambda console: _show_list(console, found))


@command(
    "show",
    platform=True,
    examples=["ftkit models show linear", "ftkit models show gpt-4.1-mini --platform openai"],
)
@click.argument("model")
def show(app: App, model: str) -> None:
    """Show what the platform says of MODEL, and the limits, prices and last days in the catalog.

    No platform is asked about a model of ftkit.toml that a hook or LiteLLM answers for.
    """
    from ftkit.inference.backends import entry_for, needs_platform

    known = entry_for(model, app.settings, app.settings.platform_name)
    info = _ask(app, model, known is not None) if needs_platform(model, app.settings) else None
    result = {
        "id": model,
        "platform": info.model_dump(mode="json") if info is not None else None,
        "catalog": known.model_dump(mode="json") if known is not None else None,
    }
    app.emit(result, lambda console: _show_model(console, info, known))


@command(
    "download",
    platform=True,
    examples=[
        "ftkit models download ft:tiny:ftkit::a1b2c3d4",
        "ftkit models download ft:tiny:ftkit::a1b2c3d4 --merged --out ./whole",
    ],
)
@click.argument("model")
@click.option("--out", type=click.Path(path_type=Path), help="The folder. [default: made of MODEL's name]")
@click.option("--merged", is_flag=True, help="One whole model: an adapter merged into its base.")
def download(app: App, model: str, out: Path | None, merged: bool) -> None:
    """Bring the files of a tuned MODEL from the local platform: for plain PEFT, transformers or vLLM.

    Every file is checked by its SHA-256; what is there already is not sent again.
    """
    folder = out or Path(re.sub(r"[^A-Za-z0-9._-]+", "-", model) + ("-merged" if merged else ""))
    with app.connect() as platform:
        found = platform.models.download(model, folder, merged=merged)
    app.emit(found, lambda console: _show_download(console, found))


@command("delete", platform=True, examples=["ftkit models delete ft:linear:news:ab12cd34"])
@click.argument("model")
def delete(app: App, model: str) -> None:
    """Delete a tuned MODEL on the platform, for good."""
    with app.connect() as platform:
        platform.models.delete(model)
    app.emit({"id": model, "deleted": True}, lambda console: console.print(f"deleted {model}"))


for _command in (list_models, show, download, delete, platforms, *naming.COMMANDS):
    models.add_command(_command)


def _show_download(console: Console, found: ModelDownload) -> None:
    table(console, ["file", "bytes"], ((file.name, file.bytes) for file in found.files), right=[1])
    console.print(f"{found.model} is in {found.folder}")


def _ask(app: App, model: str, known: bool) -> ModelInfo | None:
    """What the platform says; where it cannot be asked and the catalog knows the model, a warning."""
    from ftkit.errors import MissingKey, NotOnPlatform, PlatformUnreachable

    try:
        with app.connect() as platform:
            return platform.models.get(model)
    except (MissingKey, NotOnPlatform, PlatformUnreachable) as error:
        if not known:
            raise
        app.display.warn(f"{error.message}; only the catalog's entry is shown")
        return None


def _show_list(console: Console, found: Iterable[ModelInfo]) -> None:
    rows = (
        (m.id, m.owned_by, m.engine, f"stands in for {m.stand_in_for}" if m.stand_in_for else None)
        for m in found
    )
    table(console, ["model", "owner", "engine", "note"], rows)


def _show_catalog(console: Console, known: Iterable[Model]) -> None:
    rows = (
        (
            m.id,
            m.provider,
            m.limits.inference_context,
            m.limits.training_context,
            m.price.train,
            m.price.input,
            m.price.output,
            ", ".join(m.tunable) or None,
            m.shutdown.on,
        )
        for m in known
    )
    headers = ["model", "platform", "context", "training context"]
    headers += ["$/M train", "$/M in", "$/M out", "tunable", "ends"]
    table(console, headers, rows, right=[2, 3, 4, 5, 6])


def _show_model(console: Console, info: ModelInfo | None, known: Model | None) -> None:
    fields: dict[str, Any] = {}
    if info is not None:
        fields |= {"id": info.id, "owner": info.owned_by, "created": when(info.created_at)}
        fields |= {"engine": info.engine, "stands in for": info.stand_in_for}
    if known is not None:
        fields |= _catalog_fields(known)
    show_fields(console, fields)


def _catalog_fields(known: Model) -> dict[str, Any]:
    price, limits = known.price, known.limits
    dollars = {
        "training": price.train,
        "input": price.input,
        "output": price.output,
        "tuned input": price.tuned_input,
        "tuned output": price.tuned_output,
    }
    cost = ", ".join(f"{name} ${value:g}" for name, value in dollars.items() if value is not None)
    return {
        "catalog entry": f"{known.id} on {known.provider}",
        "title": known.title,
        "tokenizer": known.tokenizer,
        "context": f"{limits.inference_context:,} tokens" if limits.inference_context else "unknown",
        "training context": f"{limits.training_context:,} tokens" if limits.training_context else "unknown",
        "longest reply": f"{limits.max_output:,} tokens" if limits.max_output else "unknown",
        "price per million": cost or "unknown",
        "batch discount": f"{price.batch_discount:.0%}" if price.batch_discount else None,
        "tunable": ", ".join(known.tunable) or "no",
        "hook": known.hook,
        "LiteLLM's name": known.litellm,
        "key": known.key_env,
        "rates": _rates(known),
        "ends": known.shutdown.on,
        "no new jobs after": known.shutdown.no_new_jobs_after,
        "notice": known.notice,
    }


def _rates(known: Model) -> str | None:
    """The rates that are set, in words: ``300 requests in 10 seconds, 8 at a time``."""
    rates = known.rates
    minutes = {
        "requests": rates.requests_per_minute,
        "tokens": rates.tokens_per_minute,
        "input tokens": rates.input_tokens_per_minute,
        "output tokens": rates.output_tokens_per_minute,
    }
    parts = [f"{value:,g} {name} a minute" for name, value in minutes.items() if value is not None]
    if rates.burst is not None:
        parts.append(f"{rates.burst[0]:,} requests in {rates.burst[1]:g} seconds")
    if rates.concurrent_requests is not None:
        parts.append(f"{rates.concurrent_requests} at a time")
    return ", ".join(parts) or None

"""``ftkit models platforms``: what the catalog knows of platforms, yours in ``ftkit.toml`` among them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from ftkit.cli.frame import App, command, table
from ftkit.cli.remote import show_fields

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.catalog import Provider, ProviderLimits


@command(
    "platforms",
    examples=[
        "ftkit models platforms",
        "ftkit models platforms nebius",
        "ftkit models platforms openai --json",
    ],
)
@click.argument("name", required=False)
def platforms(app: App, name: str | None) -> None:
    """List the platforms that ftkit knows, or show what NAME takes, what it lacks and how it words it."""
    catalog = app.settings.catalog
    if name is not None:
        provider = catalog.provider(name)
        app.emit(provider, lambda console: show_fields(console, _fields(provider)))
        return
    known = catalog.providers()
    app.emit(known, lambda console: _show_all(console, known))


def _show_all(console: Console, known: Iterable[Provider]) -> None:
    rows = (
        (
            p.name,
            p.title,
            "closed" if p.closed else p.base_url,
            p.key_env,
            ", ".join(p.dialect.job_methods) or None,
            ", ".join(p.limits.batch_windows) if "batches" not in p.lacks else None,
            ", ".join(p.lacks) or None,
        )
        for p in known
    )
    headers = ["platform", "title", "address", "key", "trains by", "batch windows", "lacks"]
    table(console, headers, rows)


def _fields(provider: Provider) -> dict[str, Any]:
    dialect = provider.dialect
    known = (f"{kind}: {', '.join(names)}" for kind, names in dialect.hyperparameters.items())
    left_out = {
        "requests": dialect.drop_request,
        "messages": dialect.drop_message,
        "jobs": dialect.drop_job_request,
        "batches": dialect.drop_batch_request,
    }
    refused = {
        "requests": dialect.refuse_request,
        "messages": dialect.refuse_message,
        "jobs": dialect.refuse_job_request,
    }
    return {
        "platform": f"{provider.name} ({provider.title})",
        "address": provider.base_url,
        "key": provider.key_env,
        "closed": provider.closed if provider.closed is not True else "yes",
        **_limits(provider.limits),
        "trains by": ", ".join(dialect.job_methods) or "unknown",
        "hyperparameters": "; ".join(known) or "unknown",
        "renamed": ", ".join(f"{old} to {new}" for old, new in dialect.rename_request.items()),
        "left out": _by_kind(left_out),
        "refused": _by_kind(refused),
        "lacks": ", ".join(provider.lacks),
        "notice": provider.notice,
        "source": provider.source,
    }


def _limits(limits: ProviderLimits) -> dict[str, str]:
    """Each limit, unknown ones too: what is not known is not without limits."""
    numbers = {
        "training file": (limits.training_file_bytes, "bytes"),
        "least examples": (limits.min_examples, ""),
        "requests of a batch": (limits.batch_requests, ""),
        "bytes of a batch": (limits.batch_bytes, ""),
        "waiting batch tokens": (limits.batch_enqueued_tokens, ""),
        "part of an upload": (limits.upload_part_bytes, "bytes"),
        "requests a minute": (limits.requests_per_minute, ""),
        "tokens a minute": (limits.tokens_per_minute, ""),
        "requests at once": (limits.concurrent_requests, ""),
    }
    shown = {
        name: f"{n:,} {unit}".strip() if n is not None else "unknown" for name, (n, unit) in numbers.items()
    }
    return {**shown, "batch windows": ", ".join(limits.batch_windows)}


def _by_kind(fields: dict[str, tuple[str, ...]]) -> str:
    return "; ".join(f"of {kind}: {', '.join(names)}" for kind, names in fields.items() if names)

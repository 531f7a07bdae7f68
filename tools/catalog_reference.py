"""Writes docs/catalog.md from the catalog, every figure with its source; with --check: is it current?"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from generated_page import write_or_check

from ftkit.catalog import Model, Provider, builtin_catalog
from ftkit.catalog.schema import Sourced

PAGE = Path(__file__).resolve().parent.parent / "docs" / "catalog.md"
HEAD = """# Catalog

Written by `make format` from the catalog (`ftkit/catalog/providers/`); not edited by hand. What is not
documented, or depends on an account, is unknown: it stands as –, and is never taken for zero.
`ftkit models platforms` and `ftkit models list --catalog` tell the same; `ftkit.toml` adds to it and says
better ([configuration](configuration.md)).

Prices are US dollars per million tokens; a batch takes its discount off. Contexts are tokens. The number
behind a group of figures is its source.
"""
UNKNOWN = "–"
COLUMNS = (
    "model",
    "tuned by",
    "context: asked / trained",
    "training",
    "asked: in / out",
    "tuned: in / out",
    "batch takes off",
    "ends",
    "tokenizer",
)
LIMITS = {
    "training_file_bytes": "bytes of a training file",
    "min_examples": "least examples",
    "max_examples": "most examples",
    "max_training_tokens": "tokens that one job may read",
    "images_per_example": "pictures in an example",
    "image_bytes": "bytes of a picture",
    "examples_with_images": "examples with pictures",
    "batch_requests": "requests of a batch",
    "batch_bytes": "bytes of a batch",
    "batch_windows": "windows of a batch",
    "batch_enqueued_tokens": "tokens that a model's batches may hold together",
    "upload_part_bytes": "bytes of a part of an upload",
    "upload_bytes": "bytes of an upload in parts",
    "requests_per_minute": "requests a minute",
    "tokens_per_minute": "tokens a minute",
    "concurrent_requests": "requests at once",
}


class Sources:
    """The sources of one platform's figures, numbered as they come."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, date | None], int] = {}

    def mark(self, group: Sourced) -> str:
        """``[3]`` where the group of figures names a source, else nothing."""
        if not group.source:
            return ""
        return f" [{self._known.setdefault((group.source, group.as_of), len(self._known) + 1)}]"

    def listed(self) -> Iterator[str]:
        """A line for each, with links."""
        for (source, day), number in self._known.items():
            read = f" (read {day.isoformat()})" if day else ""
            yield f"- [{number}] {linked(source)}{read}\n"


def linked(source: str) -> str:
    """A source's words with its addresses as links."""
    return re.sub(r"https?://[^\s,;)]+", lambda found: f"<{found[0]}>", source)


def figure(value: Any) -> str:
    """A number with its thousands, or – where it is not known."""
    if value is None:
        return UNKNOWN
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or UNKNOWN
    return f"{value:,}" if isinstance(value, int) else str(value)


def price(*values: float | None) -> str:
    """Prices side by side, such as ``0.40 / 1.60``; one – where none is known."""
    if all(value is None for value in values):
        return UNKNOWN
    return " / ".join(UNKNOWN if value is None else f"{value:.2f}" for value in values)


def facts(provider: Provider, sources: Sources) -> Iterator[str]:
    """What holds for all of a platform: its address, its limits, what it lacks."""
    yield f"\n## {provider.title}\n\n"
    if provider.notice:
        yield f"{provider.notice}{sources.mark(provider)}\n\n"
    yield "| `" + provider.name + "` | |\n| --- | --- |\n"
    yield f"| address | {f'`{provider.base_url}`' if provider.base_url else UNKNOWN} |\n"
    yield f"| key | {f'`{provider.key_env}`' if provider.key_env else 'none'} |\n"
    if provider.closed:
        yield f"| closed | {'yes' if provider.closed is True else provider.closed.isoformat()} |\n"
    if provider.dialect.job_methods:
        yield f"| trains by | {', '.join(provider.dialect.job_methods)} |\n"
    if provider.lacks:
        yield f"| does not have | {', '.join(provider.lacks)} |\n"
    mark = sources.mark(provider.limits)
    for name, words in LIMITS.items():
        value = getattr(provider.limits, name) if name in provider.limits.model_fields_set else None
        if value is not None:
            yield f"| {words} | {figure(value)}{mark} |\n"


def row(model: Model, sources: Sources) -> str:
    """One model's line in its platform's table."""
    limits, cost, mark = model.limits, model.price, sources.mark
    ends = model.shutdown.on.isoformat() if model.shutdown.on else UNKNOWN
    last = model.shutdown.no_new_jobs_after
    cells = (
        f"`{model.id}`",
        ", ".join(model.tunable) or "no",
        f"{figure(limits.inference_context)} / {figure(limits.training_context)}{mark(limits)}",
        f"{price(cost.train)}{mark(cost)}",
        price(cost.input, cost.output),
        price(cost.tuned_input, cost.tuned_output),
        UNKNOWN if cost.batch_discount is None else f"{cost.batch_discount:.0%}",
        f"{ends}{f' (no new jobs after {last.isoformat()})' if last else ''}{mark(model.shutdown)}",
        f"`{model.tokenizer}`" if model.tokenizer else UNKNOWN,
    )
    return f"| {' | '.join(cells)} |\n"


def section(provider: Provider, models: list[Model]) -> Iterator[str]:
    """A platform: its facts, its models, the sources of both."""
    sources = Sources()
    yield from facts(provider, sources)
    if models:
        yield f"\n| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}\n"
        yield from [row(model, sources) for model in models]
    listed = list(sources.listed())
    if listed:
        yield "\nSources:\n\n"
        yield from listed


def page() -> str:
    """The whole page, a section for every platform."""
    catalog = builtin_catalog()
    parts = [HEAD]
    for provider in catalog.providers():
        parts.extend(section(provider, catalog.models(provider.name)))
    return "".join(parts)


def main() -> int:
    """0 where the page is written or current, 1 where ``--check`` finds it stale."""
    return write_or_check(PAGE, page())


if __name__ == "__main__":
    sys.exit(main())

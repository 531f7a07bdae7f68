"""The models that data could be meant for: every one that can still be tuned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ftkit.catalog import Catalog, Model
    from ftkit.catalog.schema import TuningMethod


def candidates(
    catalog: Catalog, platform: str | None, method: TuningMethod | None = None, today: date | None = None
) -> list[Model]:
    """The platform's tunable models in the catalog's order; without a platform those of every open one.

    A model whose end of new jobs has passed is none; with ``method`` only those that take it.
    """
    if platform:
        providers = [catalog.provider(platform)]
    else:
        providers = [provider for provider in catalog.providers() if not provider.closed]
    day = today or date.today()
    models = [model for provider in providers for model in catalog.models(provider.name)]
    return [model for model in models if _tunable(model, method, day)]


def countable(models: Sequence[Model]) -> tuple[list[Model], list[str]]:
    """The models whose vocabulary is on this machine, and the names of the vocabularies that are not."""
    from ftkit.tokens import vocabularies

    missing = {status.name for status in vocabularies() if not status.present}
    here = [model for model in models if model.tokenizer not in missing]
    return here, sorted({str(model.tokenizer) for model in models} & missing)


def _tunable(model: Model, method: TuningMethod | None, day: date) -> bool:
    last = model.shutdown.no_new_jobs_after
    takes = method in model.tunable if method else bool(model.tunable)
    return takes and (last is None or day <= last)

"""Reads the catalog's TOML files and answers look-ups by name.

One file per provider in ``ftkit/catalog/providers/``: a ``[provider]`` table and one
``[models."ID"]`` table per model. ``ftkit.toml`` adds and overrides with the same keys.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from ftkit.catalog.schema import Model, Provider
from ftkit.errors import UsageError

_DATED = re.compile(r"(.+)-(?:20\d\d-\d\d-\d\d|20\d{6})")


def base_model_id(model_id: str) -> str:
    """The base model behind a tuned model's id: ``ft:BASE:ORG:SUFFIX:ID`` gives ``BASE``.

    The form is OpenAI's; checkpoints carry one more part (``:ckpt-step-N``). Any other id is
    returned as it is.
    """
    return model_id.split(":")[1] if model_id.startswith("ft:") and model_id.count(":") >= 2 else model_id


class Catalog:
    """Providers by name and models by (provider, id)."""

    def __init__(self, providers: Iterable[Provider], models: Iterable[Model]) -> None:
        self._providers = {p.name: p for p in providers}
        self._models: dict[tuple[str, str], Model] = {}
        for model in models:
            for name in (model.id, *model.aliases):
                self._models[model.provider, name] = model

    def providers(self) -> list[Provider]:
        """All providers, in the order they were read."""
        return list(self._providers.values())

    def provider(self, name: str) -> Provider:
        """The provider called ``name``; UsageError with the nearest names if there is none."""
        try:
            return self._providers[name]
        except KeyError:
            raise UsageError(
                f"no platform is called {name!r}",
                hint=f"{_nearest(name, self._providers)} Add your own as [providers.{name}] in ftkit.toml, "
                "or use --base-url with the platform 'custom'.",
            ) from None

    def models(self, provider: str | None = None) -> list[Model]:
        """All models, or those of one provider; each once, aliases left out."""
        unique = {(m.provider, m.id): m for m in self._models.values()}
        return [m for m in unique.values() if provider in (None, m.provider)]

    def model(self, model_id: str, provider: str | None = None) -> Model | None:
        """The entry for a model id (a tuned id counts as its base), or None where it is not known.

        With no provider the first one that lists the id answers. A dated snapshot
        (``gpt-4.1-mini-2025-04-14``) falls back to the undated name. An entry of its own always wins.
        """
        base = base_model_id(model_id)
        dated = _DATED.fullmatch(base)
        names = [model_id, base, *([dated[1]] if dated else [])]
        wanted = [provider] if provider else list(self._providers)
        found = next((m for n in names for p in wanted if (m := self._models.get((p, n)))), None)
        return found or self._by_tuned_prefix(model_id, wanted)

    def _by_tuned_prefix(self, model_id: str, providers: list[str]) -> Model | None:
        models = (m for m in self.models() if m.provider in providers and m.tuned_prefixes)
        return next((m for m in models if model_id.startswith(m.tuned_prefixes)), None)

    def require_model(self, model_id: str, provider: str | None = None) -> Model:
        """Like :meth:`model`, but a UsageError with the nearest ids where it is not known."""
        if found := self.model(model_id, provider):
            return found
        known = [m.id for m in self.models(provider)]
        raise UsageError(
            f"the catalog knows no model {model_id!r}" + (f" on {provider}" if provider else ""),
            hint=f"{_nearest(model_id, known)} Or add it to ftkit.toml under [models], with its provider.",
        )

    def extended(
        self, providers: Mapping[str, Mapping[str, Any]], models: Mapping[str, Mapping[str, Any]]
    ) -> Catalog:
        """A new catalog with entries added and overridden, key by key.

        An entry for a tuned id or a dated snapshot begins as a copy of its base, which stays as it is.
        Raises pydantic's ValidationError on a wrong entry; ``ftkit.settings`` places it.
        """
        merged = dict(self._providers)
        for name, table in providers.items():
            base = merged[name].model_dump() if name in merged else {"name": name, "title": name}
            merged[name] = Provider.model_validate(overlay(base, table))
        entries = {(m.provider, m.id): m for m in self._models.values()}
        for model_id, table in models.items():
            old = self.model(model_id, _text(table.get("provider")))
            base = old.model_dump() if old else {"id": model_id, "provider": "custom"}
            if old and model_id not in (old.id, *old.aliases):
                base |= {"id": model_id, "aliases": (), "tuned_prefixes": ()}
            new = Model.model_validate(overlay(base, table))
            entries[new.provider, new.id] = new
        return Catalog(merged.values(), entries.values())


def overlay(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with the keys of ``top`` set, tables within tables too."""
    merged = dict(base)
    for key, value in top.items():
        old = merged.get(key)
        merged[key] = (
            overlay(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
        )
    return merged


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None  # what else it may be is said by the check of the entry


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
    if close:
        return f"Did you mean {' or '.join(close)}?"
    return (
        f"Known: {', '.join(names)}." if names and len(names) <= 12 else "See `ftkit models list --catalog`."
    )


@cache
def builtin_catalog() -> Catalog:
    """The catalog that ships with ftkit. The first providers in name order win an ambiguous id."""
    providers: list[Provider] = []
    models: list[Model] = []
    folder = resources.files("ftkit.catalog") / "providers"
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if not entry.name.endswith(".toml"):
            continue
        data = tomllib.loads(entry.read_text("utf-8"))
        provider = Provider.model_validate(data["provider"])
        providers.append(provider)
        for model_id, table in data.get("models", {}).items():
            models.append(Model.model_validate({"id": model_id, "provider": provider.name, **table}))
    return Catalog(providers, models)

"""Who is benchmarked: each model with what answers in its name, and what is known of it beforehand."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ftkit.benchmarking.cost import Cost, training_cost
from ftkit.benchmarking.results import Role
from ftkit.errors import NotOnPlatform, UsageError
from ftkit.inference.backends import Backend, PlatformBackend, backend_for, entry_for

if TYPE_CHECKING:
    from ftkit.catalog import Catalog, Model, Price
    from ftkit.gateway import Platform
    from ftkit.gateway.realtime import Pace
    from ftkit.inference.backends.base import Via

PREFERRED_WINDOW = "24h"
_NO_JOB = Cost(None, "the model was tuned elsewhere")


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a model before it is asked anything. ``training`` is what its tuning cost."""

    model: str
    title: str
    role: Role
    entry: Model | None
    engine: str | None = None
    stand_in_for: str | None = None
    platform: str | None = None
    training: Cost | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the model's figures must know."""
        found = []
        if self.stand_in_for:
            found.append(f"a local stand-in for {self.stand_in_for}, not that model")
        if self.engine:
            found.append(f"engine {self.engine}")
        return tuple(found)


@dataclass(frozen=True)
class Contestant:
    """One model in a benchmark. ``name`` is the report's word for it, ``model`` its backend's."""

    name: str
    model: str
    backend: Backend
    facts: ModelFacts


@dataclass
class Field:
    """How contestants are found and asked. ``prices`` and ``backends`` are by the names of models.

    ``via`` None is by batch where the platform has batches. Other platforms are opened in ``stack``.
    """

    platform: Platform
    stack: ExitStack
    tuned: Collection[str] = ()
    via: Via | None = None
    window: str | None = None
    pace: Pace | None = None
    prices: Mapping[str, Price] = field(default_factory=dict)
    backends: Mapping[str, Backend] = field(default_factory=dict)
    _opened: dict[str, Platform] = field(default_factory=dict)

    def all(self, names: Sequence[str]) -> list[Contestant]:
        """The contestants called ``names``. Raises NotOnPlatform for a model that there is not."""
        for given in (*self.prices, *self.backends):
            if given not in names:
                raise UsageError(f"{given!r} is none of the models", hint=f"There are: {', '.join(names)}.")
        return [self._contestant(name) for name in names]

    def _contestant(self, name: str) -> Contestant:
        own = self.backends.get(name)
        if own is not None:
            return Contestant(name, name, own, self._priced(self._unasked_facts(name, name)))
        model, place = split_name(name, self.platform.catalog)
        platform = self._platform(place) if place is not None else self.platform
        backend = self.backend_of(model, platform)
        if not isinstance(backend, PlatformBackend):
            return Contestant(name, model, backend, self._priced(self._unasked_facts(model, name)))
        facts = self._priced(facts_of(platform, model, self.tuned, name))
        if facts.role == "tuned":
            facts = replace(facts, training=training_cost(platform, model, facts.entry))
        return Contestant(name, model, backend, facts)

    def backend_of(self, model: str, platform: Platform) -> Backend:
        """What answers in the name of a model, asked in the way that the person wants.

        By batch, unless the platform has none; what the settings name a hook for is asked by that.
        """
        provider = platform.provider
        return backend_for(
            model,
            platform.settings,
            platform,
            via=self.via or ("realtime" if "batches" in provider.lacks else "batch"),
            window=self.window or window_of(provider.limits.batch_windows),
            pace=self.pace,
            display=platform.display,
        )

    def _platform(self, name: str) -> Platform:
        """Another platform of the same settings; it is opened once."""
        from ftkit.gateway import connect

        if name == self.platform.name:
            return self.platform
        if name not in self._opened:
            settings = self.platform.settings.model_copy(update={"platform": name, "base_url": None})
            opened = connect(settings=settings, display=self.platform.display)
            self._opened[name] = self.stack.enter_context(opened)
        return self._opened[name]

    def _unasked_facts(self, model: str, name: str) -> ModelFacts:
        """Of a model that no platform can be asked about the catalog may know something."""
        entry = entry_for(model, self.platform.settings)
        role: Role = "tuned" if name in self.tuned else "base"
        title = (entry.title if entry is not None and entry.id == model else None) or name
        return ModelFacts(name, title, role, entry, training=_NO_JOB if role == "tuned" else None)

    def _priced(self, facts: ModelFacts) -> ModelFacts:
        """The facts with the price that the person gave, of the very model."""
        from ftkit.catalog import Model

        price = self.prices.get(facts.model)
        if price is None:
            return facts
        known = facts.entry.price if facts.entry is not None else price
        own = {
            "tuned_input": price.input if price.tuned_input is None else price.tuned_input,
            "tuned_output": price.output if price.tuned_output is None else price.tuned_output,
            "train": known.train if price.train is None else price.train,
        }
        entry = facts.entry or Model(id=facts.model, provider=facts.platform or "custom")
        return replace(facts, entry=entry.model_copy(update={"price": price.model_copy(update=own)}))


def split_name(name: str, catalog: Catalog) -> tuple[str, str | None]:
    """``MODEL@PLATFORM`` as the two; a name that ends otherwise is the model's alone."""
    model, _, place = name.rpartition("@")
    if model and place in {provider.name for provider in catalog.providers()}:
        return model, place
    return name, None


def window_of(offered: Sequence[str]) -> str:
    """The completion window of a benchmark's batches: 24 hours where the platform has it."""
    return PREFERRED_WINDOW if PREFERRED_WINDOW in offered or not offered else offered[-1]


def facts_of(
    platform: Platform, model: str, tuned: Collection[str] = (), name: str | None = None
) -> ModelFacts:
    """Ask the platform and the catalog about a model, which the report calls ``name``.

    Raises NotOnPlatform where there is no such model.
    """
    try:
        info = platform.models.get(model)
    except NotOnPlatform as error:
        raise NotOnPlatform(
            f"there is no model {model!r} to benchmark: {error.message}",
            hint=error.hint,
            request_id=error.request_id,
        ) from error
    provider, shown = platform.provider.name, name or model
    entry = platform.catalog.model(model, provider)
    if entry is None and platform.provider.local and info.engine:
        entry = platform.catalog.model(info.engine, provider)  # what a stand-in costs is what really runs
    prefixes = ("ft:", *(entry.tuned_prefixes if entry else ()))
    is_tuned = model in tuned or shown in tuned or model.startswith(prefixes)
    title = (entry.title if entry and entry.id == model else None) or shown
    return ModelFacts(
        shown,
        title,
        "tuned" if is_tuned else "base",
        entry,
        info.engine,
        info.stand_in_for,
        platform.name,
    )

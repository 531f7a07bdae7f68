"""Finds what answers in the name of a model: a hook, LiteLLM, or a platform."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit.catalog import Model
from ftkit.errors import UsageError
from ftkit.inference.backends.base import Backend, Via

if TYPE_CHECKING:
    from ftkit.display import Display
    from ftkit.gateway import Platform
    from ftkit.gateway.realtime import Pace
    from ftkit.settings import Settings

HOOK, LITELLM = "hook:", "litellm:"


def own_model(model: str, settings: Settings) -> Model | None:
    """The entry of a model that needs no platform; None for any other.

    Such is one with a ``hook`` or ``litellm`` in ftkit.toml, ``hook:MODULE:ATTRIBUTE``, and
    ``litellm:NAME``.
    """
    entry = next((e for e in settings.catalog.models() if model in (e.id, *e.aliases) and _own(e)), None)
    if entry is not None:
        return _without_batches(entry)
    if model.startswith(HOOK):
        reference = model.removeprefix(HOOK)
        if ":" not in reference:
            raise UsageError(f"{model!r} names no hook", hint="It looks like hook:module:attribute.")
        return Model(id=model, provider="custom", hook=reference)
    if model.startswith(LITELLM):
        return Model(id=model, provider="custom", litellm=model.removeprefix(LITELLM))
    return None


def entry_for(model: str, settings: Settings, provider: str | None = None) -> Model | None:
    """What the catalog knows of a model, whoever answers for it: for its prices and limits."""
    return own_model(model, settings) or settings.catalog.model(model, provider)


def needs_platform(model: str, settings: Settings) -> bool:
    """True where a platform must be connected to ask this model."""
    return own_model(model, settings) is None


def backend_for(
    model: str,
    settings: Settings,
    platform: Platform | None = None,
    *,
    via: Via = "auto",
    window: str = "24h",
    pace: Pace | None = None,
    attempts: int = 3,
    display: Display | None = None,
) -> Backend:
    """The backend for a model: its hook, LiteLLM, or else ``platform``.

    ``via``, ``window`` and ``attempts`` speak of platforms. ``pace`` replaces the rates of the catalog.
    Raises UsageError where a platform is needed and none is given, or where the hook is not there.
    """
    from ftkit.display import SilentDisplay

    entry = own_model(model, settings)
    if entry is None:
        return _platform_backend(model, platform, via, window, pace, attempts)
    from ftkit.inference.backends.hooked import HookBackend

    shown = display or (platform.display if platform is not None else SilentDisplay())
    if entry.hook is not None:
        backend = HookBackend(entry.hook, entry, settings, pace, shown)
    else:
        from ftkit.inference.backends.litellm import LiteLLM

        backend = HookBackend(LiteLLM(str(entry.litellm)), entry, settings, pace, shown, name="litellm")
    _ = backend.hook  # a hook that is not there shall be said now, not after an hour
    return backend


def _platform_backend(
    model: str, platform: Platform | None, via: Via, window: str, pace: Pace | None, attempts: int
) -> Backend:
    if platform is None:
        raise UsageError(f"{model} is a platform's model, and no platform is connected")
    from ftkit.gateway.realtime import Pace
    from ftkit.inference.backends.pacing import pace_of
    from ftkit.inference.backends.platform import PlatformBackend

    entry = platform.catalog.model(model, platform.name)
    rates = pace_of(entry, Pace.of(platform.provider.limits))
    return PlatformBackend(platform, via, window, pace or rates, attempts)


def _without_batches(entry: Model) -> Model:
    """The entry with what is a fact here: requests go out one by one, and nothing is taken off the price."""
    if entry.price.batch_discount is not None:
        return entry
    return entry.model_copy(update={"price": entry.price.model_copy(update={"batch_discount": 0.0})})


def _own(entry: Model) -> bool:
    return entry.hook is not None or entry.litellm is not None

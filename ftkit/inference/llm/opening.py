"""What answers a model's requests: the platform or backend that was named, with the options of the call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ftkit.display import Display
from ftkit.errors import UsageError
from ftkit.inference.backends import backend_for, entry_for, needs_platform

if TYPE_CHECKING:
    from ftkit.gateway import Pace, Platform
    from ftkit.inference.backends import Backend, Via
    from ftkit.inference.llm.forms import Form
    from ftkit.inference.llm.options import LLMOptions
    from ftkit.inference.llm.response import How
    from ftkit.settings import Settings

_OF_A_CONNECTION = ("base_url", "api_key", "request_timeout", "batch_check_interval")


class Opened(NamedTuple):
    """A backend in use. ``platform`` is None where it is another kind than an OpenAI-compatible platform,
    ``pace`` where the limits in real time are the backend's own matter.
    """

    backend: Backend
    settings: Settings
    platform: Platform | None = None
    pace: Pace | None = None

    @property
    def title(self) -> str:
        """For people."""
        return self.platform.provider.title if self.platform is not None else self.backend.name

    @property
    def takes_forms(self) -> bool:
        """Whether ``response_format`` may be sent: the catalog of a platform, or the backend, says so."""
        if self.platform is None:
            return bool(getattr(self.backend, "takes_response_format", False))
        dialect = self.platform.provider.dialect
        return "response_format" not in (*dialect.refuse_request, *dialect.drop_request)

    def how(self, form: Form) -> How:
        """How a form is enforced here; platforms can be told of objects only."""
        objects = form.schema.get("type") == "object" or "$ref" in form.schema
        return "response_format" if self.takes_forms and objects else "instruction"


@contextmanager
def opened(
    model: str,
    backend: str | Platform | Backend | None,
    options: LLMOptions,
    settings: Settings | None,
    via: Via,
    display: Display,
) -> Iterator[Opened]:
    """The backend that is named: a platform of the catalog (by default the settings'), a connection, another.

    A model with a hook of its own is asked by the hook, whatever platform is named. A connection that is
    made here is closed here; one that was given stays open.
    """
    from ftkit.gateway.platform import Platform
    from ftkit.settings import load_settings

    if isinstance(backend, Platform):
        _nothing_set(options, "an open connection")
        yield _on_platform(model, backend, options, via, display)
        return
    chosen = settings if settings is not None else load_settings()
    if backend is not None and not isinstance(backend, str):
        _nothing_set(options, "a backend")
        yield Opened(backend, chosen)
    elif not needs_platform(model, chosen):
        yield _on_hook(model, options, chosen, display)
    else:
        with _connected(backend, options, chosen, display) as platform:
            yield _on_platform(model, platform, options, via, display)


def _connected(backend: str | None, options: LLMOptions, settings: Settings, display: Display) -> Platform:
    from ftkit.gateway import connect

    key = options.api_key.get_secret_value() if options.api_key is not None else None
    name = backend or ("custom" if options.base_url is not None else settings.platform_name)
    changed = options.settings(settings, name)
    return connect(name, settings=changed, base_url=options.base_url, api_key=key, display=display)


def _on_platform(model: str, platform: Platform, options: LLMOptions, via: Via, display: Display) -> Opened:
    from ftkit.gateway import Pace
    from ftkit.inference.backends.pacing import pace_of

    entry = platform.catalog.model(model, platform.name)
    pace = replace(pace_of(entry, Pace.of(platform.provider.limits)), **options.limits)
    backend = backend_for(
        model,
        platform.settings,
        platform,
        via=via,
        window=options.completion_window,
        pace=pace,
        attempts=options.attempts,
        display=display,
    )
    return Opened(backend, platform.settings, platform, pace)


def _on_hook(model: str, options: LLMOptions, settings: Settings, display: Display) -> Opened:
    from ftkit.gateway import Pace
    from ftkit.inference.backends.pacing import pace_of

    changed = options.settings(settings, settings.platform_name)
    pace = replace(pace_of(entry_for(model, settings), Pace()), **options.limits)
    return Opened(backend_for(model, changed, pace=pace, display=display), changed, None, pace)


def _nothing_set(options: LLMOptions, what: str) -> None:
    given: dict[str, Any] = {name: getattr(options, name) for name in _OF_A_CONNECTION}
    wrong = next((name for name, value in given.items() if value is not None), None)
    if wrong is not None or options.batch_size != "auto":
        raise UsageError(
            f"{wrong or 'batch_size'} cannot be set for {what}",
            hint="Set it where you make it, or give the platform's name as backend.",
        )

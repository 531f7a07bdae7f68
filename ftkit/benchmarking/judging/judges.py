"""Turns names of models into judges: who answers for them, what they cost, what can be enforced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ftkit.benchmarking.judging.asking import Judge
from ftkit.errors import NotOnPlatform, UsageError
from ftkit.inference.backends import backend_for, entry_for, needs_platform

if TYPE_CHECKING:
    from ftkit.display import Display
    from ftkit.gateway import Platform
    from ftkit.inference.backends import Backend, Via
    from ftkit.settings import Settings


def judges_of(
    named: str | Judge | Sequence[str | Judge],
    *,
    settings: Settings,
    platform: Platform | None = None,
    parameters: Mapping[str, Any] | None = None,
    via: Via = "auto",
    window: str = "24h",
    display: Display | None = None,
) -> list[Judge]:
    """The judges, each once, in the order given; a :class:`Judge` is taken as it is.

    Raises UsageError where none is named or a platform is needed and none is given, NotOnPlatform for a
    model that the platform does not have.
    """
    listed = [named] if isinstance(named, str | Judge) else list(named)
    if not listed:
        raise UsageError("there is no judge", hint="Name at least one model.")
    judges: dict[str, Judge] = {}
    for one in listed:
        if isinstance(one, Judge):
            judges.setdefault(one.model, one)
        elif one not in judges:
            backend = backend_for(one, settings, platform, via=via, window=window, display=display)
            judges[one] = _judge(one, backend, settings, platform, parameters)
    return list(judges.values())


def _judge(
    model: str,
    backend: Backend,
    settings: Settings,
    platform: Platform | None,
    parameters: Mapping[str, Any] | None,
) -> Judge:
    own = not needs_platform(model, settings)
    if not own and platform is not None:
        _check(model, platform)
    entry = entry_for(model, settings, None if own or platform is None else platform.name)
    said = {"temperature": 0, **(parameters or {})}
    return Judge(model, backend, enforces(backend, None if own else platform), said, entry)


def _check(model: str, platform: Platform) -> None:
    if "models" in platform.provider.lacks:
        return
    try:
        platform.models.get(model)
    except NotOnPlatform as error:
        raise NotOnPlatform(
            f"there is no model {model!r} to judge: {error.message}",
            hint=error.hint,
            request_id=error.request_id,
        ) from error


def enforces(backend: Backend, platform: Platform | None) -> bool:
    """Whether replies are kept to ``response_format``: the platform's catalog entry, or the backend, says."""
    if platform is None:
        return bool(getattr(backend, "takes_response_format", False))
    dialect = platform.provider.dialect
    return "response_format" not in (*dialect.refuse_request, *dialect.drop_request)

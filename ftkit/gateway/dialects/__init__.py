"""What data cannot say of a platform's dialect: one small mapper each, found by the platform's name.

A platform of ``ftkit.toml`` needs none; with ``mapper = "kluster"`` in its dialect it uses that one.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from ftkit.catalog import Provider
from ftkit.errors import ConfigurationError
from ftkit.gateway.dialects.base import Mapper

_HOME = {"kluster": "KlusterMapper", "nebius": "NebiusMapper"}

__all__ = ["Mapper", "mapper_for"]


def mapper_for(provider: Provider, tell: Callable[[str], None]) -> Mapper:
    """The mapper of ``provider``; ConfigurationError where its dialect names one that is not there."""
    chosen = provider.dialect.mapper
    if chosen is not None and chosen not in _HOME:
        raise ConfigurationError(
            f"providers.{provider.name}.dialect.mapper: there is no mapper {chosen!r}",
            hint=f"There are: {', '.join(_HOME)}. Most platforms need none: leave it out.",
        )
    name = chosen or provider.name
    if name not in _HOME:
        return Mapper(provider, tell)
    made: Mapper = getattr(import_module(f"ftkit.gateway.dialects.{name}"), _HOME[name])(provider, tell)
    return made

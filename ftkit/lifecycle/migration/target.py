"""Where a model is to go: a platform that is connected to, or one that only the settings tell of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftkit.display import Display, SilentDisplay

if TYPE_CHECKING:
    from ftkit.catalog import Catalog, Provider
    from ftkit.gateway import Platform
    from ftkit.settings import Settings


@dataclass(frozen=True)
class Target:
    """What is to be known of a platform before anything is sent to it. ``place`` is its identity."""

    settings: Settings
    provider: Provider
    place: str
    display: Display

    @property
    def name(self) -> str:
        """The platform's name in the catalog."""
        return self.provider.name

    @property
    def catalog(self) -> Catalog:
        """What is known of models."""
        return self.settings.catalog


def target_of(where: Platform | Settings, display: Display | None = None) -> Target:
    """Of a connected platform, or of the one that ``where``, being settings, names: that needs no key."""
    from ftkit.settings import Settings

    if not isinstance(where, Settings):
        return Target(where.settings, where.provider, where.identity, display or where.display)
    from ftkit.lifecycle.launching import identity_of

    provider = where.catalog.provider(where.platform_name)
    return Target(where, provider, identity_of(where, provider), display or SilentDisplay())

"""The mapper of a platform whose dialect is data alone: it changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ftkit.catalog import Provider
from ftkit.errors import NotOnPlatform, Where


class Mapper:
    """Sees what goes out after the catalog's rules were applied, and says the rest.

    ``tell`` shows a person a line, each once.
    """

    looks_at_requests = False
    """True where :meth:`request` does something, so that no request may go out unseen."""

    def __init__(self, provider: Provider, tell: Callable[[str], None]) -> None:
        self.provider = provider
        self.tell = tell

    def request(self, body: dict[str, Any], where: Where | None) -> dict[str, Any]:
        """An inference request in the platform's words."""
        return body

    def job(self, body: dict[str, Any]) -> dict[str, Any]:
        """The fields of a new fine-tuning job in the platform's words."""
        return body

    def refused(self, what: str, hint: str, where: Where | None = None) -> NotOnPlatform:
        """The error for something that the platform does not do."""
        return NotOnPlatform(f"{self.provider.title} {what}", where=where, hint=hint)

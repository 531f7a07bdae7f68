"""Says a request in a platform's own words, as the catalog describes them.

A field that a platform rejects is left out with a notice where no answer changes by it, and
refused where it would.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftkit.catalog import Provider
from ftkit.display import Display
from ftkit.errors import NotOnPlatform, Where


class Translator:
    """One platform's dialect; each field that is left out is told once."""

    def __init__(self, provider: Provider, display: Display) -> None:
        self.provider = provider
        self.dialect = provider.dialect
        self._display = display
        self._told: set[str] = set()

    @property
    def changes_nothing(self) -> bool:
        """True where requests go out as they are."""
        d = self.dialect
        return not (d.rename_request or d.drop_request or d.refuse_request)

    def request(self, body: Mapping[str, Any], where: Where | None = None) -> dict[str, Any]:
        """``body`` in the platform's words; NotOnPlatform for a field that it refuses.

        A field that is None is not sent at all, so it is never refused.
        """
        said: dict[str, Any] = {}
        for name, value in body.items():
            if value is None:
                continue
            if name in self.dialect.refuse_request:
                raise NotOnPlatform(
                    f"{self.provider.title} does not take {name!r}, and without it the answer would differ",
                    where=where,
                    hint=f"Leave {name!r} out, or use another platform.",
                )
            if name in self.dialect.drop_request:
                self._tell(name)
                continue
            said.setdefault(self.dialect.rename_request.get(name, name), value)
        return said

    def job(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a new fine-tuning job without those that the platform does not take.

        None of them says what is trained on which data, so a job without them is the job that was
        asked for. A field that is None is not sent at all.
        """
        said = {name: value for name, value in body.items() if value is not None}
        for name in [name for name in said if name in self.dialect.drop_job_request]:
            self._tell(name, " for a job")
            del said[name]
        return said

    def _tell(self, name: str, what: str = "") -> None:
        text = f"{self.provider.title} does not take {name!r}{what}: left out"
        if text not in self._told:
            self._told.add(text)
            self._display.note(text)

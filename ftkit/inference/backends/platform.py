"""The backend of an OpenAI-compatible platform: batches or real time, whichever is better or asked for."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ftkit.errors import NotOnPlatform
from ftkit.inference.backends.base import Round, Via

if TYPE_CHECKING:
    from ftkit.gateway import Platform
    from ftkit.gateway.bulk.result import BulkResult
    from ftkit.gateway.realtime import Pace


@dataclass(frozen=True)
class PlatformBackend:
    """An OpenAI-compatible platform. ``attempts`` is how often a request is asked that may pass."""

    platform: Platform
    via: Via = "auto"
    window: str = "24h"
    pace: Pace | None = None
    attempts: int = 3
    _begun: dict[Path, float] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The platform's name in the catalog."""
        return self.platform.name

    def identity(self, model: str) -> str:
        """The platform, and what really answers there in the name of the model, where it says so."""
        place = f"{self.platform.name} {self.platform.identity}"
        if not self.platform.provider.local:
            return place
        said = self.platform.models.get(model).raw  # a model of this name may be another one tomorrow
        return f"{place} {said.get('created')} {said.get('engine')} {said.get('stand_in_for')}"

    def answer(self, requests: Path, out: Path, workdir: Path, *, wait: bool = True) -> Round:
        """Through ``platform.batches.run``, which is resumable and does nothing twice.

        Raises BatchFailed where the platform refuses the requests, and where somebody cancelled them.
        """
        if not workdir.exists():
            self._begun[workdir] = time.monotonic()
        result = self.platform.batches.run(
            requests,
            out,
            workdir=workdir,
            window=self.window,
            via=self.via,
            pace=self.pace,
            attempts=self.attempts,
            wait=wait,
        )
        if result.status == "running":
            return Round(False, result.via, result.batches)
        if result.status == "cancelled":
            result.raise_if_failed()  # that there are no answers says nothing of the model
        seconds = self._seconds(result, self._begun.get(workdir))
        return Round(True, result.via, result.batches, seconds, result.strangers, result.duplicates)

    def _seconds(self, result: BulkResult, began: float | None) -> float | None:
        """The wall time of the work: measured here, or by the platform's stamps (whole seconds).

        What was measured is too long where batches ended while nobody looked, and too short where
        another process had begun.
        """
        measured = None if began is None else time.monotonic() - began
        stamped = self._stamped(result.batches) if result.batches else None
        if stamped is None or measured is None:
            return measured if stamped is None else stamped or None
        return min(max(measured, stamped - 1), stamped + 1)

    def _stamped(self, batches: tuple[str, ...]) -> float | None:
        try:
            seen = [self.platform.batches.get(batch) for batch in batches]
        except NotOnPlatform:
            return None
        begins = [batch.created_at for batch in seen if batch.created_at is not None]
        ends = [batch.finished_at for batch in seen if batch.finished_at is not None]
        if len(begins) < len(seen) or len(ends) < len(seen):
            return None
        return (max(ends) - min(begins)).total_seconds()

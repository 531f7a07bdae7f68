"""The backend of an OpenAI-compatible platform: batches or real time, whichever is better or asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ftkit.inference.backends.base import Round, Via

if TYPE_CHECKING:
    from ftkit.gateway import Platform
    from ftkit.gateway.realtime import Pace


@dataclass(frozen=True)
class PlatformBackend:
    """An OpenAI-compatible platform. ``attempts`` is how often a request is asked that may pass."""

    platform: Platform
    via: Via = "auto"
    window: str = "24h"
    pace: Pace | None = None
    attempts: int = 3

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
        """Through ``platform.batches.run``, which is resumable and does nothing twice."""
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
        result_ended = result.status != "running"
        return Round(result_ended, result.via, result.batches, result.seconds if result_ended else None)

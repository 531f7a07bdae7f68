"""What can answer requests: a platform, through batches or in real time, or anything else of this form."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from ftkit.gateway import Platform
    from ftkit.gateway.realtime import Pace

Via = Literal["auto", "batch", "realtime"]


class Round(NamedTuple):
    """What came of one file of requests.

    ``ended`` is False where the backend still works on it. ``seconds`` is wall time; None is unknown.
    """

    ended: bool
    via: str
    batches: tuple[str, ...] = ()
    seconds: float | None = None


class Backend(Protocol):
    """Answers files of requests. It goes on by itself where an earlier call with ``workdir`` stopped."""

    @property
    def name(self) -> str:
        """For people: ``local``, ``openai``, ``litellm``."""
        ...

    def identity(self, model: str) -> str:
        """What decides an answer beside the request itself: part of the key of a cached answer."""
        ...

    def answer(self, requests: Path, out: Path, workdir: Path, *, wait: bool = True) -> Round:
        """Write ``out``: a line for each request of ``requests``, in their order, as batches have them.

        A request that failed has a line with its error. Without ``wait`` the call may end before
        there is any ``out``; a second call goes on.
        """
        ...


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

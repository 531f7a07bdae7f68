"""What every backend is: something that answers a file of requests, as a batch would."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple, Protocol

Via = Literal["auto", "batch", "realtime"]


class Round(NamedTuple):
    """What came of one file of requests.

    ``ended`` is False where the backend still works on it. ``seconds`` is wall time; None is unknown.
    ``strangers`` are answers that nobody asked for, ``duplicates`` further ones to one request: both were
    left out.
    """

    ended: bool
    via: str
    batches: tuple[str, ...] = ()
    seconds: float | None = None
    strangers: int = 0
    duplicates: int = 0


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

"""How much of a platform its clients may take, and how long it waits for them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """``requests_per_minute`` and ``at_once`` (requests being answered) hold for each key; without keys, for
    all clients together. ``queued`` is the most jobs and batches that wait or run, ``connections`` the most
    open ones.

    Times are in seconds: ``head_seconds`` for a whole request head, ``stall_seconds`` for the next piece of a
    body, either way. A body that comes has to come faster than ``least_rate`` bytes a second on average.
    """

    requests_per_minute: int | None = None
    at_once: int = 1000
    queued: int = 1000
    connections: int = 2000
    head_bytes: int = 32 * 1024
    head_seconds: float = 20.0
    stall_seconds: float = 60.0
    least_rate: int = 1024

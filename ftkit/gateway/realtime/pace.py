"""How fast requests may go out: what a person or the catalog says."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from ftkit.catalog import ProviderLimits
from ftkit.errors import UsageError

CONCURRENCY = 32
"""Requests at a time where neither a person nor the catalog says how many."""


@dataclass(frozen=True)
class Pace:
    """The limits of the real-time path; None is "no limit".

    ``concurrency`` is how many requests are under way at once. ``tokens_per_minute`` counts prompts
    and replies together, the other two each alone. ``burst`` is the form of LLooM's rate limits,
    ``(requests, seconds)``: so many may start within any so many seconds. ``pause_seconds`` is the
    first pause after a 429 without Retry-After; it doubles while the platform goes on refusing.
    """

    concurrency: int = CONCURRENCY
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    input_tokens_per_minute: float | None = None
    output_tokens_per_minute: float | None = None
    burst: tuple[int, float] | None = None
    pause_seconds: float = 2.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            numbers = value if isinstance(value, tuple) else (value,)
            if value is not None and not all(number > 0 for number in numbers):
                raise UsageError(f"{field.name} must be more than 0, not {value!r}")
        if int(self.concurrency) != self.concurrency:
            raise UsageError(f"concurrency is a whole number of requests, not {self.concurrency!r}")

    @classmethod
    def of(cls, limits: ProviderLimits, **overrides: Any) -> Pace:
        """The pace of a platform's limits; an override that is not None wins.

        Raises UsageError for a limit that is unknown or not above zero.
        """
        unknown = sorted(set(overrides) - {field.name for field in fields(cls)})
        if unknown:
            raise UsageError(
                f"no limit is called {unknown[0]!r}",
                hint=f"There are: {', '.join(field.name for field in fields(cls))}.",
            )
        known = cls(
            concurrency=limits.concurrent_requests or CONCURRENCY,
            requests_per_minute=limits.requests_per_minute,
            tokens_per_minute=limits.tokens_per_minute,
        )
        return replace(known, **{name: value for name, value in overrides.items() if value is not None})

    @property
    def counts_tokens(self) -> bool:
        """True where a limit speaks of tokens."""
        return any((self.tokens_per_minute, self.input_tokens_per_minute, self.output_tokens_per_minute))

    def seconds_for(self, requests: int, tokens: int = 0) -> float:
        """The least time that so many requests and tokens take within these limits; 0 where none counts."""
        minutes = [
            requests / self.requests_per_minute if self.requests_per_minute else 0.0,
            tokens / self.tokens_per_minute if self.tokens_per_minute else 0.0,
        ]
        waits = (requests - 1) // self.burst[0] * self.burst[1] if self.burst and requests else 0.0
        return max(60 * max(minutes), waits)

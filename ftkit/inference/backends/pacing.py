"""How fast a model may be asked: its own rates in ftkit.toml, over those of its platform."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ftkit.catalog import Model
from ftkit.gateway.realtime.pace import Pace


def pace_of(entry: Model | None, platform: Pace) -> Pace:
    """The pace of a platform with what is set for one model of it."""
    if entry is None:
        return platform
    rates = entry.rates
    own: dict[str, Any] = {
        "concurrency": rates.concurrent_requests,
        "requests_per_minute": rates.requests_per_minute,
        "tokens_per_minute": rates.tokens_per_minute,
        "input_tokens_per_minute": rates.input_tokens_per_minute,
        "output_tokens_per_minute": rates.output_tokens_per_minute,
        "burst": rates.burst,
    }
    return replace(platform, **{name: value for name, value in own.items() if value is not None})

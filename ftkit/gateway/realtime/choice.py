"""Chooses between a batch and real time, with the price of each and the reason in words."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from ftkit.catalog import Price, Provider
from ftkit.gateway.realtime.pace import Pace

FEW = 50
"""Fewer requests than this are not worth a batch's wait."""
SOON_SECONDS = 120.0
"""Work that real time does within this is not worth it either."""
REPLY_SECONDS = 2.0
"""A guess of how long one reply takes, for platforms that name no rates."""
WORTH_DOLLARS = 1.0
WORTH_SHARE = 0.2
"""A batch that saves this many dollars and this share of the price is taken also for few requests."""


class Choice(BaseModel):
    """The way that was chosen and why; dollars are None where a price is not known, never zero.

    ``realtime_seconds`` is the least time that real time takes within the platform's limits.
    """

    model_config = ConfigDict(frozen=True)

    via: Literal["batch", "realtime"]
    reason: str
    batch_dollars: float | None = None
    realtime_dollars: float | None = None
    realtime_seconds: float = 0.0


def choose(
    provider: Provider,
    price: Price | None,
    requests: int,
    prompt_tokens: int,
    completion_tokens: int,
    window: str = "24h",
    *,
    tuned: bool = False,
    pace: Pace | None = None,
) -> Choice:
    """A batch or real time for so many requests and tokens of a model of this ``price``.

    Real time where the platform has no batches or lacks the ``window``; real time for fewer than 50
    requests and for what it does within two minutes, unless a batch saves a dollar and a fifth of the
    price; else a batch. ``tuned`` says that the model is a fine-tuned one, whose prices may differ.
    """
    chosen = pace if pace is not None else Pace.of(provider.limits)
    in_batch, in_realtime = _dollars(price, prompt_tokens, completion_tokens, tuned)
    seconds = max(
        chosen.seconds_for(requests, prompt_tokens + completion_tokens),
        requests / chosen.concurrency * REPLY_SECONDS,
    )
    via, reason = _way(provider, requests, seconds, window, _saved(in_batch, in_realtime))
    return Choice(
        via=via,
        reason=reason,
        batch_dollars=None if "batches" in provider.lacks else in_batch,
        realtime_dollars=in_realtime,
        realtime_seconds=seconds,
    )


def _way(
    provider: Provider, requests: int, seconds: float, window: str, saved: float | None
) -> tuple[Literal["batch", "realtime"], str]:
    if "batches" in provider.lacks:
        return "realtime", f"{provider.title} has no batches"
    windows = provider.limits.batch_windows
    if windows and window not in windows:
        return "realtime", f"{provider.title} has no batches of {window}"
    if requests >= FEW and seconds > SOON_SECONDS:
        cheaper = f" and saves ${saved:,.2f}" if saved else ""
        return (
            "batch",
            f"in real time {requests:,} requests take {_span(seconds)} or more; a batch waits{cheaper}",
        )
    few = f"{requests:,} requests are few" if requests < FEW else f"real time takes about {_span(seconds)}"
    if saved is not None and saved >= WORTH_DOLLARS:
        return "batch", f"{few}, but a batch saves ${saved:,.2f}"
    return "realtime", few


def _dollars(
    price: Price | None, prompt_tokens: int, completion_tokens: int, tuned: bool
) -> tuple[float | None, float | None]:
    """The price of a batch and of real time."""
    if price is None:
        return None, None
    first, second = (price.tuned_input, price.tuned_output) if tuned else (price.input, price.output)
    full = None
    if first is not None and second is not None:
        full = (prompt_tokens * first + completion_tokens * second) / 1e6
    return price.batch_rates(tuned=tuned).dollars(prompt_tokens, completion_tokens), full


def _saved(in_batch: float | None, in_realtime: float | None) -> float | None:
    """The dollars that a batch saves where they are a share worth speaking of; None where not known."""
    if in_batch is None or in_realtime is None or in_realtime == 0:
        return None
    saved = in_realtime - in_batch
    return saved if saved >= WORTH_SHARE * in_realtime else 0.0


def _span(seconds: float) -> str:
    """``40 seconds``, ``12 minutes``, ``3.5 hours``."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"

"""How much work may wait: a platform that is full says so, where it would only grow a queue or a disk."""

from __future__ import annotations

from ftkit.local.context import Context
from ftkit.local.envelope import ApiError

_RETRY_SECONDS = 30


def check_queue(context: Context) -> None:
    """Raise ``ApiError`` (429) where as many jobs and batches wait or run as may.

    Raise ``OSError`` (EDQUOT) where the state directory holds as much as it may.
    """
    context.state.room.require()
    most = context.options.limits.queued
    if context.state.leases.open_count() >= most:
        raise ApiError(
            429,
            f"{most} jobs and batches wait or run already. Wait until one is done, or cancel one.",
            type="requests",
            code="queue_full",
            headers={"retry-after": str(_RETRY_SECONDS)},
        )

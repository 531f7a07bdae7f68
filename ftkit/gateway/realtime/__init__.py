"""Requests answered one by one, many at a time, within a platform's rates: the path without batches.

The same requests and the same answers as those of a batch, so that either path can be taken; see
:func:`choose`. Names are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.gateway.realtime.choice import Choice, choose
    from ftkit.gateway.realtime.engine import RealtimeStats, answer_all
    from ftkit.gateway.realtime.pace import Pace

_HOME = {
    "Choice": "ftkit.gateway.realtime.choice",
    "Pace": "ftkit.gateway.realtime.pace",
    "RealtimeStats": "ftkit.gateway.realtime.engine",
    "answer_all": "ftkit.gateway.realtime.engine",
    "choose": "ftkit.gateway.realtime.choice",
}

__all__ = ["Choice", "Pace", "RealtimeStats", "answer_all", "choose"]

__getattr__, __dir__ = lazy_names(__name__, _HOME)

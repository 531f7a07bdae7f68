"""Whether a failed transfer may be tried again, and after how long."""

from __future__ import annotations

import random

from ftkit.errors import NotOnPlatform, PlatformError, PlatformRefused
from ftkit.gateway.pauses import retry_after

LONGEST_PAUSE = 20.0
LONGEST_ASKED = 120.0
_COME_BACK = (408, 409, 425, 429)
_NEVER = 501  # it has no such feature
_KEY = (401, 403)


def refused(error: PlatformError) -> bool:
    """True where the platform said no and means it: the same request gets the same answer."""
    if isinstance(error, NotOnPlatform):
        return True
    if not isinstance(error, PlatformRefused) or error.status is None:
        return False
    return error.status == _NEVER or (error.status < 500 and error.status not in _COME_BACK)


def refused_key(error: PlatformError) -> bool:
    """True where it is the key that the platform refused: nothing is said of what was asked for."""
    return isinstance(error, PlatformRefused) and error.status in _KEY


def pause(attempt: int, error: PlatformError) -> float:
    """Seconds before try ``attempt + 1``: what the platform asks for, else doubling from 0.5 with jitter."""
    response = getattr(error.__cause__, "response", None)
    asked = retry_after(response.headers) if response is not None else None
    if asked is not None:
        return min(asked, LONGEST_ASKED)
    return float(min(0.5 * 2**attempt, LONGEST_PAUSE)) * random.uniform(0.75, 1.25)

"""What can answer requests: a platform, a Python hook, LiteLLM, or anything else of the form of Backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.inference.backends.base import Backend, Round, Via
    from ftkit.inference.backends.platform import PlatformBackend

_HOME = {
    "Backend": "ftkit.inference.backends.base",
    "PlatformBackend": "ftkit.inference.backends.platform",
    "Round": "ftkit.inference.backends.base",
    "Via": "ftkit.inference.backends.base",
}

__all__ = ["Backend", "PlatformBackend", "Round", "Via"]

__getattr__, __dir__ = lazy_names(__name__, _HOME)

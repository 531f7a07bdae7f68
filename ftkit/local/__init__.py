"""The embedded platform: an OpenAI-compatible server for files, jobs, batches, chat and models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names
from ftkit.local.config import ServeOptions
from ftkit.local.guard.limits import Limits

if TYPE_CHECKING:
    from ftkit.local.configured import read_model, read_models
    from ftkit.local.housekeeping import CleanResult, LocalStatus, clean, local_status
    from ftkit.local.server import serve

__all__ = [
    "CleanResult",
    "Limits",
    "LocalStatus",
    "ServeOptions",
    "clean",
    "local_status",
    "read_model",
    "read_models",
    "serve",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        **dict.fromkeys(("CleanResult", "LocalStatus", "clean", "local_status"), "ftkit.local.housekeeping"),
        "read_model": "ftkit.local.configured",
        "read_models": "ftkit.local.configured",
        "serve": "ftkit.local.server",
    },
)

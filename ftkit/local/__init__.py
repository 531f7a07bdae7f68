"""The embedded platform: an OpenAI-compatible server for files, jobs, batches, chat and models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit.local.config import ServeOptions

if TYPE_CHECKING:
    from ftkit.local.server import serve

__all__ = ["ServeOptions", "serve"]


def __getattr__(name: str) -> object:
    if name == "serve":
        from ftkit.local.server import serve

        return serve
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

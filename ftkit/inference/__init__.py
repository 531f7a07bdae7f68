"""Asks models many things at once: batches or real time, any backend, and nothing is paid for twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.inference.asking import Asked, Asking, ask, ask_each
    from ftkit.inference.backends import (
        Backend,
        Hook,
        HookBackend,
        HookBusy,
        HookedModel,
        HookReply,
        PlatformBackend,
        Round,
        backend_for,
        entry_for,
        needs_platform,
    )
    from ftkit.inference.cache import AnswerCache, Kept, Known, project_cache

_HOME = {
    "AnswerCache": "ftkit.inference.cache",
    "Asked": "ftkit.inference.asking",
    "Asking": "ftkit.inference.asking",
    "Backend": "ftkit.inference.backends",
    "Hook": "ftkit.inference.backends",
    "HookBackend": "ftkit.inference.backends",
    "HookBusy": "ftkit.inference.backends",
    "HookReply": "ftkit.inference.backends",
    "HookedModel": "ftkit.inference.backends",
    "Kept": "ftkit.inference.cache",
    "Known": "ftkit.inference.cache",
    "PlatformBackend": "ftkit.inference.backends",
    "Round": "ftkit.inference.backends",
    "ask": "ftkit.inference.asking",
    "ask_each": "ftkit.inference.asking",
    "backend_for": "ftkit.inference.backends",
    "entry_for": "ftkit.inference.backends",
    "needs_platform": "ftkit.inference.backends",
    "project_cache": "ftkit.inference.cache",
}

__all__ = [
    "AnswerCache",
    "Asked",
    "Asking",
    "Backend",
    "Hook",
    "HookBackend",
    "HookBusy",
    "HookReply",
    "HookedModel",
    "Kept",
    "Known",
    "PlatformBackend",
    "Round",
    "ask",
    "ask_each",
    "backend_for",
    "entry_for",
    "needs_platform",
    "project_cache",
]

__getattr__, __dir__ = lazy_names(__name__, _HOME)

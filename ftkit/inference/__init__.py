"""Asks models many things at once: batches or real time, any backend, and nothing is paid for twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.inference.asking import Asked, Asking, ask, ask_each
    from ftkit.inference.backends import Backend, PlatformBackend, Round
    from ftkit.inference.cache import AnswerCache

_HOME = {
    "AnswerCache": "ftkit.inference.cache",
    "Asked": "ftkit.inference.asking",
    "Asking": "ftkit.inference.asking",
    "Backend": "ftkit.inference.backends",
    "PlatformBackend": "ftkit.inference.backends",
    "Round": "ftkit.inference.backends",
    "ask": "ftkit.inference.asking",
    "ask_each": "ftkit.inference.asking",
}

__all__ = [
    "AnswerCache",
    "Asked",
    "Asking",
    "Backend",
    "PlatformBackend",
    "Round",
    "ask",
    "ask_each",
]

__getattr__, __dir__ = lazy_names(__name__, _HOME)

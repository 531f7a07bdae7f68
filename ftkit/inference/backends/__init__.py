"""What can answer requests: a platform, a Python hook, LiteLLM, or anything else of the form of Backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.inference.backends.base import Backend, Round, Via
    from ftkit.inference.backends.choose import backend_for, entry_for, needs_platform
    from ftkit.inference.backends.hook import Hook, HookBusy, HookedModel, HookReply
    from ftkit.inference.backends.hooked import HookBackend
    from ftkit.inference.backends.platform import PlatformBackend

_HOME = {
    "Backend": "ftkit.inference.backends.base",
    "Hook": "ftkit.inference.backends.hook",
    "HookBackend": "ftkit.inference.backends.hooked",
    "HookBusy": "ftkit.inference.backends.hook",
    "HookReply": "ftkit.inference.backends.hook",
    "HookedModel": "ftkit.inference.backends.hook",
    "PlatformBackend": "ftkit.inference.backends.platform",
    "Round": "ftkit.inference.backends.base",
    "Via": "ftkit.inference.backends.base",
    "backend_for": "ftkit.inference.backends.choose",
    "entry_for": "ftkit.inference.backends.choose",
    "needs_platform": "ftkit.inference.backends.choose",
}

__all__ = [
    "Backend",
    "Hook",
    "HookBackend",
    "HookBusy",
    "HookReply",
    "HookedModel",
    "PlatformBackend",
    "Round",
    "Via",
    "backend_for",
    "entry_for",
    "needs_platform",
]

__getattr__, __dir__ = lazy_names(__name__, _HOME)

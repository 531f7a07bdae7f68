"""Dividing data into train, validation and test parts, so that nothing leaks and nothing moves."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ftkit.splitting.engine import split
    from ftkit.splitting.result import Part, SplitOptions, SplitResult, read_manifest

_HOME = {
    "Part": "result",
    "SplitOptions": "result",
    "SplitResult": "result",
    "read_manifest": "result",
    "split": "engine",
}

__all__ = ["Part", "SplitOptions", "SplitResult", "read_manifest", "split"]


def __getattr__(name: str) -> Any:
    """Import a name from its module when it is first asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value

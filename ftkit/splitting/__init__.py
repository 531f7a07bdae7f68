"""Dividing data into train, validation and test parts, so that nothing leaks and nothing moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.splitting.engine import split
    from ftkit.splitting.result import Part, SplitOptions, SplitResult, read_manifest

_HOME = {
    "Part": "ftkit.splitting.result",
    "SplitOptions": "ftkit.splitting.result",
    "SplitResult": "ftkit.splitting.result",
    "read_manifest": "ftkit.splitting.result",
    "split": "ftkit.splitting.engine",
}

__all__ = ["Part", "SplitOptions", "SplitResult", "read_manifest", "split"]


__getattr__, __dir__ = lazy_names(__name__, _HOME)

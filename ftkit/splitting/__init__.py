"""Dividing data into train, validation and test parts, so that nothing leaks and nothing moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.splitting.engine import split
    from ftkit.splitting.manifest import is_split, read_manifest, resolve_part, training_files
    from ftkit.splitting.result import Fitting, Part, SplitOptions, SplitResult, Strata, Stratum

_HOME = {
    "Fitting": "ftkit.splitting.result",
    "Part": "ftkit.splitting.result",
    "SplitOptions": "ftkit.splitting.result",
    "SplitResult": "ftkit.splitting.result",
    "Strata": "ftkit.splitting.result",
    "Stratum": "ftkit.splitting.result",
    "is_split": "ftkit.splitting.manifest",
    "read_manifest": "ftkit.splitting.manifest",
    "resolve_part": "ftkit.splitting.manifest",
    "split": "ftkit.splitting.engine",
    "training_files": "ftkit.splitting.manifest",
}

__all__ = [
    "Fitting",
    "Part",
    "SplitOptions",
    "SplitResult",
    "Strata",
    "Stratum",
    "is_split",
    "read_manifest",
    "resolve_part",
    "split",
    "training_files",
]

__getattr__, __dir__ = lazy_names(__name__, _HOME)

"""Names for models: which model a name stands for, since when, why, and where the model comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.registry.lineage import Benchmark, Label, Lineage, Part, Score
    from ftkit.registry.names import CHAMPION, Reference, reference
    from ftkit.registry.registry import Registry, open_registry, resolve
    from ftkit.registry.results import Move, Name, Promotion, Resolved, Version

_HOME = {
    "CHAMPION": "ftkit.registry.names",
    "Benchmark": "ftkit.registry.lineage",
    "Label": "ftkit.registry.lineage",
    "Lineage": "ftkit.registry.lineage",
    "Move": "ftkit.registry.results",
    "Name": "ftkit.registry.results",
    "Part": "ftkit.registry.lineage",
    "Promotion": "ftkit.registry.results",
    "Reference": "ftkit.registry.names",
    "Registry": "ftkit.registry.registry",
    "Resolved": "ftkit.registry.results",
    "Score": "ftkit.registry.lineage",
    "Version": "ftkit.registry.results",
    "open_registry": "ftkit.registry.registry",
    "reference": "ftkit.registry.names",
    "resolve": "ftkit.registry.registry",
}

__all__ = [
    "CHAMPION",
    "Benchmark",
    "Label",
    "Lineage",
    "Move",
    "Name",
    "Part",
    "Promotion",
    "Reference",
    "Registry",
    "Resolved",
    "Score",
    "Version",
    "open_registry",
    "reference",
    "resolve",
]

__getattr__, __dir__ = lazy_names(__name__, _HOME)

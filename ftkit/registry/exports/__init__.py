"""A version of a name in other registries: MLflow, Weights & Biases, the Hugging Face Hub's format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.registry.exports.base import Exported, ExportOptions, Material
    from ftkit.registry.exports.exporting import TARGETS, export, write

_HOME = {
    "TARGETS": "ftkit.registry.exports.exporting",
    "ExportOptions": "ftkit.registry.exports.base",
    "Exported": "ftkit.registry.exports.base",
    "Material": "ftkit.registry.exports.base",
    "export": "ftkit.registry.exports.exporting",
    "write": "ftkit.registry.exports.exporting",
}

__all__ = ["TARGETS", "ExportOptions", "Exported", "Material", "export", "write"]

__getattr__, __dir__ = lazy_names(__name__, _HOME)

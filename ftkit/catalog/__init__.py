"""Providers and models: limits, prices, dialects and shutdown dates, read from TOML files."""

from __future__ import annotations

from ftkit.catalog.loader import Catalog, base_model_id, builtin_catalog, overlay
from ftkit.catalog.schema import (
    Dialect,
    Model,
    ModelLimits,
    Price,
    Provider,
    ProviderLimits,
    Rates,
    RuleLevel,
    Shutdown,
)

__all__ = [
    "Catalog",
    "Dialect",
    "Model",
    "ModelLimits",
    "Price",
    "Provider",
    "ProviderLimits",
    "Rates",
    "RuleLevel",
    "Shutdown",
    "base_model_id",
    "builtin_catalog",
    "overlay",
]

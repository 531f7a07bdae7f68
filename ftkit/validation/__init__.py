"""Checking training data: every finding with its place, and how the data fits each model."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ftkit.validation.engine import validate
    from ftkit.validation.options import ValidateOptions
    from ftkit.validation.plugins import RuleSet, load_rules
    from ftkit.validation.report import Excerpt, Finding, ModelFit, TokenStats, ValidationReport
    from ftkit.validation.rules import (
        Case,
        Context,
        DatasetCheck,
        Fault,
        FileFacts,
        Found,
        RowView,
        Rule,
        fault_rule,
        rule,
    )

_HOME = {
    "Case": "rules",
    "Context": "rules",
    "DatasetCheck": "rules",
    "Excerpt": "report",
    "Fault": "rules",
    "FileFacts": "rules",
    "Finding": "report",
    "Found": "rules",
    "ModelFit": "report",
    "RowView": "rules",
    "Rule": "rules",
    "RuleSet": "plugins",
    "TokenStats": "report",
    "ValidateOptions": "options",
    "ValidationReport": "report",
    "fault_rule": "rules",
    "load_rules": "plugins",
    "rule": "rules",
    "validate": "engine",
}

__all__ = [
    "Case",
    "Context",
    "DatasetCheck",
    "Excerpt",
    "Fault",
    "FileFacts",
    "Finding",
    "Found",
    "ModelFit",
    "RowView",
    "Rule",
    "RuleSet",
    "TokenStats",
    "ValidateOptions",
    "ValidationReport",
    "fault_rule",
    "load_rules",
    "rule",
    "validate",
]


def __getattr__(name: str) -> Any:
    """Import a name from its module when it is first asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value

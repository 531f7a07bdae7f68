"""Checking training data: every finding with its place, and how the data fits each model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.validation.engine import validate
    from ftkit.validation.fixing import FixOptions, FixReport, fix, separate
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
    "Case": "ftkit.validation.rules",
    "Context": "ftkit.validation.rules",
    "DatasetCheck": "ftkit.validation.rules",
    "Excerpt": "ftkit.validation.report",
    "Fault": "ftkit.validation.rules",
    "FileFacts": "ftkit.validation.rules",
    "Finding": "ftkit.validation.report",
    "FixOptions": "ftkit.validation.fixing",
    "FixReport": "ftkit.validation.fixing",
    "Found": "ftkit.validation.rules",
    "ModelFit": "ftkit.validation.report",
    "RowView": "ftkit.validation.rules",
    "Rule": "ftkit.validation.rules",
    "RuleSet": "ftkit.validation.plugins",
    "TokenStats": "ftkit.validation.report",
    "ValidateOptions": "ftkit.validation.options",
    "ValidationReport": "ftkit.validation.report",
    "fault_rule": "ftkit.validation.rules",
    "fix": "ftkit.validation.fixing",
    "load_rules": "ftkit.validation.plugins",
    "rule": "ftkit.validation.rules",
    "separate": "ftkit.validation.fixing",
    "validate": "ftkit.validation.engine",
}

__all__ = [
    "Case",
    "Context",
    "DatasetCheck",
    "Excerpt",
    "Fault",
    "FileFacts",
    "Finding",
    "FixOptions",
    "FixReport",
    "Found",
    "ModelFit",
    "RowView",
    "Rule",
    "RuleSet",
    "TokenStats",
    "ValidateOptions",
    "ValidationReport",
    "fault_rule",
    "fix",
    "load_rules",
    "rule",
    "separate",
    "validate",
]


__getattr__, __dir__ = lazy_names(__name__, _HOME)

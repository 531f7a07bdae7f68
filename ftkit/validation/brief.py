"""Packs what a validation is about for a worker, and makes the worker's inspector of it."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ftkit.validation.inspector import Inspector
from ftkit.validation.plugins import RuleSet, load_rules
from ftkit.validation.rendering import renderer
from ftkit.validation.shards import Brief

if TYPE_CHECKING:
    from ftkit.validation.forms import Forms
    from ftkit.validation.inspection import Inspection
    from ftkit.validation.plainpass import PlainPass
    from ftkit.validation.rules import Context


def packed(context: Context, rules: RuleSet, plain: PlainPass | None) -> Brief:
    """All that a worker has to know. Rules go by their codes: each process loads them by itself."""
    levels = [(rule.code, rule.severity, rule.fixed) for rule in rules.rules]
    options = context.options
    heavy = pickle.dumps((context, levels, rules.files))
    return Brief(context.name, options.max_findings, options.max_line_bytes, plain, heavy)


def unpacked(brief: Brief, result: Inspection, forms: Forms | None) -> Inspector:
    """An inspector that writes into ``result``. ``forms`` are those of an earlier shard."""
    context, rules = _loaded(brief)
    template = context.options.template
    render = renderer(template, context.name, columns_seen=True) if template else None
    inspector = Inspector(context, rules, render, forms=forms, result=result)
    if brief.plain is not None:
        inspector.forms.silent = brief.plain.silent
        if inspector.plain is not None:
            inspector.plain.silent = brief.plain.silent
    return inspector


_unpacked: dict[bytes, tuple[Context, RuleSet]] = {}


def _loaded(brief: Brief) -> tuple[Any, RuleSet]:
    if brief.heavy not in _unpacked:
        context, levels, files = pickle.loads(brief.heavy)  # what our own parent wrote
        known = {rule.code: rule for rule in load_rules(files).rules}
        rules = tuple(
            replace(known[code], severity=severity, fixed=fixed) for code, severity, fixed in levels
        )
        _unpacked.clear()
        _unpacked[brief.heavy] = (context, RuleSet(rules))
    return _unpacked[brief.heavy]

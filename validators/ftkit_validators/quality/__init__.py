"""Family FT5xx: what is suspicious in rows whose form is right. Warnings, each switchable."""

from __future__ import annotations

from ftkit_validators.quality import (
    answers,
    conflicts,
    duplicates,
    encoding,
    labels,
    leakage,
    lengths,
    personal,
    prompts,
    secrets,
)

RULES = (
    *duplicates.RULES,
    *conflicts.RULES,
    *leakage.RULES,
    *labels.RULES,
    *answers.RULES,
    *prompts.RULES,
    *encoding.RULES,
    *secrets.RULES,
    *personal.RULES,
    *lengths.RULES,
)

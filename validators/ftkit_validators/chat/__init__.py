"""Family FT2xx, and what else is said of chat examples: FT4xx on labels, FT5xx on repetition."""

from __future__ import annotations

from ftkit_validators.chat import calls, content, extras, labels, repeats, roles, shape

RULES = (
    *shape.RULES,
    *roles.RULES,
    *content.RULES,
    *extras.RULES,
    *calls.RULES,
    *labels.RULES,
    *repeats.RULES,
)

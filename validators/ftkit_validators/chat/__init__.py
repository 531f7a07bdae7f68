"""Family FT2xx, and what else is said of chat examples: FT4xx on labels, FT5xx on repetition."""

from __future__ import annotations

from ftkit_validators.chat import content, extras, images, labels, order, parts, repeats, roles, shape

RULES = (
    *shape.RULES,
    *roles.RULES,
    *order.RULES,
    *content.RULES,
    *parts.RULES,
    *images.RULES,
    *extras.RULES,
    *labels.RULES,
    *repeats.RULES,
)

"""Family FT2xx, and FT4xx on labels."""

from __future__ import annotations

from ftkit_validators.chat import content, extras, images, labels, order, parts, roles, shape

RULES = (
    *shape.RULES,
    *roles.RULES,
    *order.RULES,
    *content.RULES,
    *parts.RULES,
    *images.RULES,
    *extras.RULES,
    *labels.RULES,
)

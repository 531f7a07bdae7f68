"""Family FT3xx: the limits of the models that the data is meant for."""

from __future__ import annotations

from ftkit_validators.limits import contexts, models

RULES = (*contexts.RULES, *models.RULES)

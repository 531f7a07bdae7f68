"""Family FT224, FT225 and FT24x to FT27x: tools, their calls, and the answers to them."""

from __future__ import annotations

from ftkit_validators.tools import answers, arguments, calls, definitions, legacy, parameters

RULES = (
    *definitions.RULES,
    *parameters.RULES,
    *calls.RULES,
    *answers.RULES,
    *arguments.RULES,
    *legacy.RULES,
)

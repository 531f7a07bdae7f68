"""Family FT1xx: the file itself, before anything is known of what its rows mean."""

from __future__ import annotations

from ftkit_validators.file import encoding, faults, keys, lines, sizes

RULES = (*encoding.RULES, *lines.RULES, *faults.RULES, *keys.RULES, *sizes.RULES)

"""How near a Spanish translation comes to the one in the data: the F-score of character trigrams.

A relative of chrF (Popović, WMT 2015) that needs no library. For real work: ``metric = "chrf"`` on plain
texts, which scores by sacrebleu.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence


def likeness(answer: str, expected: Sequence[str]) -> float:
    """0 to 1: 1 for the same text, 0 for one without a trigram in common, or for no JSON of the form."""
    return max((_f_score(_spanish(answer), _spanish(right)) for right in expected), default=0.0)


def _spanish(text: str) -> str:
    try:
        found = json.loads(text)
    except ValueError:
        return ""
    value = found.get("spanish") if isinstance(found, dict) else None
    return value if isinstance(value, str) else ""


def _f_score(text: str, right: str) -> float:
    found, wanted = _trigrams(text), _trigrams(right)
    total = sum(found.values()) + sum(wanted.values())
    return 2 * sum((found & wanted).values()) / total if total else 0.0


def _trigrams(text: str) -> Counter[str]:
    plain = " ".join(text.casefold().split())
    return Counter(plain[at : at + 3] for at in range(len(plain) - 2))

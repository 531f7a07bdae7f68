"""The metric of keywords: how much of one set is in the other."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ftkit.benchmarking.metrics.base import Metric, MetricBase, Score
from ftkit.benchmarking.metrics.labels import normalise
from ftkit.benchmarking.metrics.options import option

_BULLET = re.compile(r"^\s*(?:[-*•–·]|\(?\d{1,3}[.)])\s+")


@lru_cache(maxsize=1024)  # a row's right answer is read once for every model
def keywords_of(text: str, separators: str = ",;\n") -> frozenset[str]:
    """The keywords in a text, each without case, outer punctuation and list marks.

    A JSON list of texts is read as such; anything else is cut at every character of ``separators``.
    """
    listed = _listed(text)
    if listed is None:
        listed = [_unmarked(part) for part in _cut(separators).split(text)]
    forms = {normalise(part) for part in listed}
    forms.discard("")
    return frozenset(forms)


@lru_cache(maxsize=16)
def _cut(separators: str) -> re.Pattern[str]:
    return re.compile(f"[{re.escape(separators)}]")


def _unmarked(part: str) -> str:
    """A part without the mark of a list before it; most begin with a letter, and have none."""
    part = part.strip()
    return part if part[:1].isalpha() else _BULLET.sub("", f"{part} ")


def _listed(text: str) -> list[str] | None:
    if not text.lstrip().startswith("["):
        return None
    try:
        found: Any = json.loads(text)
    except ValueError:
        return None
    return [str(item) for item in found] if isinstance(found, list) else None


@dataclass(frozen=True)
class Keywords(MetricBase):
    """A set of keywords, whatever their order: the value is the F1 of the two sets.

    A reply is right when its F1 is at least `threshold`. Its parts are `precision` (how many of its
    keywords are wanted) and `recall` (how many of the wanted ones it has). A row's field `expected`
    may be the list of keywords, or a list of such lists, each of which is right. A reply without any
    keyword is invalid.
    """

    name = "keywords"
    continuous = True
    has_parts = True

    threshold: float = option(1.0, "From which F1 on a reply counts as right; by default only the same set.")
    separators: str = option(",;\n", "The characters between keywords; a JSON list is always understood.")

    def right_given(self, given: Any) -> tuple[str, ...]:
        """The field ``expected``: a text, one list of keywords, or a list of such lists."""
        if isinstance(given, str):
            return self.right_answers(given) if given.strip() else ()
        lists = given if isinstance(given, list) and given and isinstance(given[0], list) else [given]
        if not all(isinstance(one, list) and one and all(isinstance(k, str) for k in one) for one in lists):
            raise ValueError("'expected' is not a text or a list of keywords")
        return tuple(json.dumps(one, ensure_ascii=False) for one in lists)

    def score(self, answer: str, expected: Sequence[str], labels: Sequence[str]) -> Score:
        """The F1 with the right set that is nearest (van Rijsbergen's F with equal weights)."""
        found = keywords_of(answer, self.separators)
        scores = [_overlap(found, keywords_of(right, self.separators)) for right in expected]
        f1, precision, recall = max(scores, default=(0.0, 0.0, 0.0))
        return Score(
            bool(found) and f1 >= self.threshold,
            f1,
            invalid=not found,
            parts={"precision": precision, "recall": recall},
        )


def _overlap(found: frozenset[str], right: frozenset[str]) -> tuple[float, float, float]:
    both = len(found & right)
    if not both:
        return 0.0, 0.0, 0.0
    return 2 * both / (len(found) + len(right)), both / len(found), both / len(right)


keywords: Metric = Keywords()

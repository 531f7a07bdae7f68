"""Metrics of plain texts: the same one, one that is in the answer, one that a pattern finds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ftkit.benchmarking.metrics.base import Metric, MetricBase, Score
from ftkit.benchmarking.metrics.labels import as_words, normalise
from ftkit.benchmarking.metrics.options import option


class Exact(MetricBase):
    """The same text, but for spaces at either end."""

    name = "exact"

    def right_answers(self, reply: str) -> tuple[str, ...]:
        """The reply itself."""
        return (reply,)

    def score(self, answer: str, expected: Sequence[str], labels: Sequence[str]) -> Score:
        """Right when the answer equals a right answer character by character, outer spaces apart."""
        correct = any(answer.strip() == right.strip() for right in expected)
        return Score(correct, float(correct))


@dataclass(frozen=True)
class Contains(MetricBase):
    """The right answer stands somewhere in the reply, as whole words, whatever else is said.

    With `every`, the value is the share of the right answers that are there, and models are compared
    by it.
    """

    name = "contains"

    every: bool = option(False, "All right answers of the row must be there, not just one of them.")
    case: bool = option(False, "Capitals and small letters differ.")
    words: bool = option(True, "Only whole words count: `art` is not in `part`.")

    def __post_init__(self) -> None:
        object.__setattr__(self, "continuous", self.every)

    def score(self, answer: str, expected: Sequence[str], labels: Sequence[str]) -> Score:
        """Look for each right answer in the reply."""
        text = self._form(answer)
        found = [self._within(self._form(right), text) for right in expected]
        correct = all(found) if self.every else any(found)
        return Score(correct, sum(found) / len(found) if self.every else float(correct))

    def _form(self, text: str) -> str:
        return " ".join(text.split()) if self.case else normalise(text)

    def _within(self, right: str, text: str) -> bool:
        return as_words(right, text) if self.words else right in text


@lru_cache(maxsize=4096)
def _compiled(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.IGNORECASE if ignore_case else re.NOFLAG)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error


@dataclass(frozen=True)
class Regex(MetricBase):
    """The right answer of a row is a regular expression (Python's `re`) that must match in the reply.

    With `pattern`, one expression for all rows, what it finds in the reply (its first group, where it
    has one; the last match, where there are several) is compared with the row's right answer as a text,
    and a reply in which it finds nothing is invalid.
    """

    name = "regex"

    pattern: str = option("", "One expression for all rows; it takes the answer out of the reply.")
    ignore_case: bool = option(False, "Capitals and small letters are the same.")
    whole: bool = option(False, "The expression must match the whole reply.")

    def __post_init__(self) -> None:
        _compiled(self.pattern, self.ignore_case)

    def right_answers(self, reply: str) -> tuple[str, ...]:
        """The reply, which is an expression unless `pattern` is given. Raises ValueError where it is none."""
        if not self.pattern:
            _compiled(reply.strip(), self.ignore_case)
        return (reply.strip(),)

    def score(self, answer: str, expected: Sequence[str], labels: Sequence[str]) -> Score:
        """Match the reply, without spaces at its ends."""
        text = answer.strip()
        if self.pattern:
            return self._taken(text, expected)
        correct = any(self._match(_compiled(right, self.ignore_case), text) for right in expected)
        return Score(correct, float(correct))

    def _match(self, pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
        return pattern.fullmatch(text) if self.whole else pattern.search(text)

    def _taken(self, text: str, expected: Sequence[str]) -> Score:
        pattern = _compiled(self.pattern, self.ignore_case)
        matches = [pattern.fullmatch(text)] if self.whole else list(pattern.finditer(text))
        last = matches[-1] if matches else None
        if last is None:
            return Score(False, 0.0, None, True)
        taken = next((group for group in last.groups() if group is not None), last.group())
        same = str.casefold if self.ignore_case else str
        correct = any(same(taken.strip()) == same(right.strip()) for right in expected)
        return Score(correct, float(correct))


exact: Metric = Exact()
contains: Metric = Contains()
regex: Metric = Regex()

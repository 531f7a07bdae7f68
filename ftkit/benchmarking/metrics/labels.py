"""Labels: what an answer is read as, and the metrics of one label out of a set."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from ftkit.benchmarking.metrics.base import Metric, MetricBase, Score

_EDGES = " \t\r\n\"'`´‘’“”«»*_()[]{}<>.,;:!?"
_SPACE = re.compile(r"\s+")
_CACHED_LENGTH = 200
"""Longer texts are hardly labels and seldom come again: they are not kept."""


def normalise(text: str) -> str:
    """``text`` without the differences that do not matter to a label: case, width, runs of spaces,
    and quotes, brackets, emphasis marks and punctuation at either end. Where nothing but those is
    there ("<", "?!"), they are the label."""
    return _normalised(text) if len(text) > _CACHED_LENGTH else _kept(text)


def _normalised(text: str) -> str:
    folded = _SPACE.sub(" ", unicodedata.normalize("NFKC", text).casefold())
    return folded.strip(_EDGES) or folded.strip()


_kept = lru_cache(maxsize=65536)(_normalised)


def as_words(right: str, text: str) -> bool:
    """Whether ``right`` is in ``text`` with no letter, digit or underscore on either side."""
    # no expression is made of it: with many texts most of the time would go into compiling
    start = text.find(right)
    while start >= 0:
        end = start + len(right)
        sides = text[max(start - 1, 0) : start] + text[end : end + 1]
        if not any(side.isalnum() or side == "_" for side in sides):
            return True
        start = text.find(right, start + 1)
    return False


class _Allowed(NamedTuple):
    by_form: dict[str, str]
    forms: tuple[str, ...]
    word: re.Pattern[str]


@lru_cache(maxsize=64)
def _allowed(labels: tuple[str, ...]) -> _Allowed:
    by_form = {normalise(label): label for label in labels}
    # longest first, so that "very positive" is not also read as "positive"
    forms = sorted((form for form in by_form if form), key=len, reverse=True)
    pattern = "|".join(re.escape(form) for form in forms) or r"(?!)"
    return _Allowed(by_form, tuple(forms), re.compile(rf"(?<!\w)(?:{pattern})(?!\w)"))


def read_label(answer: str, labels: Sequence[str]) -> str | None:
    """The allowed label that ``answer`` means, or None.

    A reply that is a label after normalisation means that label. So does a longer reply in which
    exactly one allowed label occurs as a whole word ("The sentiment is Positive."); with two
    different labels in it, or none, the reply is invalid.
    """
    allowed = _allowed(tuple(labels))
    form = normalise(answer)
    if form in allowed.by_form:
        return allowed.by_form[form]
    there = [label for label in allowed.forms if label in form]
    if len(there) < 2:  # most of the time, and much quicker than to look for all of them at every place
        return allowed.by_form[there[0]] if there and as_words(there[0], form) else None
    found = set(allowed.word.findall(form))
    return allowed.by_form[found.pop()] if len(found) == 1 else None


class Label(MetricBase):
    """One right answer out of a set of labels.

    A reply is read without case, quotes, emphasis marks and outer punctuation; in a longer reply the one
    allowed label that stands in it as a whole word counts. A reply with none, or with several
    different ones, is invalid. The report has precision, recall and F1 of every label and the
    confusion matrix.
    """

    name = "label"
    labelled = True

    def right_answers(self, reply: str) -> tuple[str, ...]:
        """The reply itself."""
        return (reply.strip(),)

    def score(self, answer: str, expected: Sequence[str], labels: Sequence[str]) -> Score:
        """Right when the label that the answer is read as equals a right answer (see `read_label`)."""
        predicted = read_label(answer, labels)
        if predicted is None:
            return Score(False, 0.0, None, True)
        form = normalise(predicted)
        correct = any(normalise(right) == form for right in expected)
        return Score(correct, float(correct), predicted)


class OneOf(Label):
    """Several right answers in a row's reply, separated by commas: any one of them is right.

    Replies are read as by `label`.
    """

    name = "one_of"

    def right_answers(self, reply: str) -> tuple[str, ...]:
        """The parts of ``"Action, Crime, Drama"``, each once."""
        return tuple(dict.fromkeys(part.strip() for part in reply.split(",") if part.strip()))


label: Metric = Label()
one_of: Metric = OneOf()

"""Words, numbers and single punctuation marks: the tokenizer that needs no vocabulary."""

from __future__ import annotations

import re
from collections.abc import Sequence

WORD_PATTERN = r"[^\W\d_]\w*(?:['’](?=[^\W\d_])\w*)*|\d+(?:[.,]\d+)*|[^\w\s]|_"
"""A word (inner apostrophes stay in it), a number (inner points and commas stay in it), or one mark.

Every character that is not white space belongs to exactly one token, so nothing of a text is lost.
The pattern holds no capturing group, so it can be a scikit-learn ``token_pattern``.
"""

_WORD = re.compile(WORD_PATTERN)


def split_words(text: str) -> list[str]:
    """Return the words, numbers and marks of ``text`` in order, as they are written."""
    return _WORD.findall(text)


def count_words(text: str) -> int:
    """Return how many words, numbers and marks ``text`` has."""
    return sum(1 for _ in _WORD.finditer(text))


class WordTokenizer:
    """The ``words`` tokenizer, which the local platform's ``linear`` engine counts by."""

    name = "words"
    exact = True
    byte_level = True

    def count(self, text: str) -> int:
        """Return how many words, numbers and marks ``text`` has."""
        return count_words(text)

    def count_many(self, texts: Sequence[str]) -> list[int]:
        """Return what `count` says of each text, in order."""
        return [len(_WORD.findall(text)) for text in texts]

    def prefix(self, text: str, tokens: int) -> int:
        """Return how many characters of ``text`` its first ``tokens`` tokens cover."""
        ends = [found.end() for found, _ in zip(_WORD.finditer(text), range(tokens), strict=False)]
        return ends[-1] if ends else 0

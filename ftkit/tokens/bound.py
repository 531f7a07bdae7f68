"""Upper bounds where the vocabulary is not here: a token is never less than a byte."""

from __future__ import annotations

from collections.abc import Sequence


class BoundTokenizer:
    """Stands in for a byte-level tokenizer whose vocabulary is missing: says bytes of UTF-8 for tokens.

    Its numbers are no counts (``exact`` is False). They prove "fits" where even they fit; where they do not,
    nothing is known.
    """

    exact = False
    byte_level = True

    def __init__(self, name: str) -> None:
        self.name = name

    def count(self, text: str) -> int:
        """Return how many tokens ``text`` has at most; a lone surrogate is 3 bytes, as U+FFFD is."""
        return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))

    def count_many(self, texts: Sequence[str]) -> list[int]:
        """Return what `count` says of each text, in order."""
        return [self.count(text) for text in texts]

    def prefix(self, text: str, tokens: int) -> int:
        """Return how many characters are sure to be within the first ``tokens`` tokens."""
        head = text.encode("utf-8", "surrogatepass")[: max(0, tokens)]
        return len(head.decode("utf-8", "ignore"))

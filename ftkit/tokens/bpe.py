"""Byte-pair encodings, run by tiktoken: exact counts, of many texts in one call."""

from __future__ import annotations

import binascii
import functools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ftkit.tokens.memory import CountMemory
from ftkit.tokens.pattern import regrouped
from ftkit.tokens.vocabulary import SPECS

if TYPE_CHECKING:
    from tiktoken import Encoding

_RUN = 999_936
"""Longest run of white space given to tiktoken at once; it panics on a million characters.

A multiple of 128, the longest token of spaces, so that a cut falls between two tokens.
"""

_LONG_RUN = re.compile(rf"\s{{{_RUN}}}(?=\s)")

_SEPARATOR = "\0"
"""Stands between joined texts as a special token of its own, known to no one else. A text that holds it is
counted by itself. (As ASCII it leaves an ASCII text one byte a character.)"""

_JOINED = 1 << 18
"""Characters of texts that are joined; more gained nothing, 2**15 lost a tenth."""


class BpeTokenizer:
    """A byte-pair encoding run by tiktoken, from a checked vocabulary file.

    Counts are those of plain tiktoken, also where texts are joined and the pattern is regrouped: a special
    token ends a text for the pattern just as the text's end does, and no merge crosses it.
    """

    exact = True
    byte_level = True

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._path = path
        spec = SPECS[name]
        ranks = read_ranks(path)
        self._separator = max(max(ranks.values()), *spec.special.values()) + 1
        self._fast = _encoding(
            f"{name}-counting", regrouped(spec.pattern), ranks, {_SEPARATOR: self._separator}
        )
        self._memory = CountMemory(self._count_unseen)

    @functools.cached_property
    def encoding(self) -> Encoding:
        """tiktoken's encoding as it is published, with its special tokens; made when first asked for."""
        spec = SPECS[self.name]
        return _encoding(self.name, spec.pattern, read_ranks(self._path), spec.special)

    def count(self, text: str) -> int:
        """Return how many tokens ``text`` has.

        Lone surrogates count as U+FFFD, as in tiktoken. White space longer than tiktoken bears is counted
        in pieces of 999,936 characters.
        """
        return sum(len(self._fast.encode_ordinary(piece)) for piece in _pieces(text))

    def count_many(self, texts: Sequence[str]) -> list[int]:
        """Return what `count` says of each text, in order; faster, and repeated texts from memory."""
        return self._memory.count_many(texts)

    def prefix(self, text: str, tokens: int) -> int:
        """Return how many characters of ``text`` its first ``tokens`` tokens cover, whole ones only."""
        encoded: list[int] = []
        for piece in _pieces(text):
            encoded += self._fast.encode_ordinary(piece)
            if len(encoded) >= tokens:
                break
        written = self._fast.decode_bytes(encoded[: max(0, tokens)])
        return min(len(written.decode("utf-8", "ignore")), len(text))

    def _count_unseen(self, texts: Sequence[str]) -> Iterator[int]:
        batch: list[str] = []
        size = 0
        for text in texts:
            batch.append(text)
            size += len(text)
            if size >= _JOINED:
                yield from self._count_joined(batch)
                batch, size = [], 0
        if batch:
            yield from self._count_joined(batch)

    def _count_joined(self, batch: list[str]) -> list[int]:
        joined = _SEPARATOR.join(batch) + _SEPARATOR
        plain = joined.count(_SEPARATOR) == len(batch) and max(map(len, batch)) <= _RUN
        ends = self._ends(joined) if plain else None
        return ends if ends is not None else [self.count(text) for text in batch]

    def _ends(self, joined: str) -> list[int] | None:
        """The tokens before each separator since the last; None for texts that have no UTF-8."""
        import numpy

        try:
            tokens = self._fast.encode_to_numpy(joined, allowed_special={_SEPARATOR}, disallowed_special=())
        except UnicodeEncodeError:
            return None
        ends = numpy.flatnonzero(tokens == self._separator)
        counts: list[int] = (numpy.diff(ends, prepend=-1) - 1).tolist()
        return counts


def read_ranks(path: Path) -> dict[bytes, int]:
    """Read a file in tiktoken's format: a token in base 64 and its rank on each line."""
    words = path.read_bytes().split()
    return dict(zip(map(binascii.a2b_base64, words[::2]), map(int, words[1::2]), strict=True))


def _encoding(name: str, pattern: str, ranks: dict[bytes, int], special: dict[str, int]) -> Encoding:
    """Build tiktoken's encoding from ranks that it has not touched: it would cache or delete files."""
    import tiktoken

    return tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)


def _pieces(text: str) -> list[str]:
    """Cut ``text`` within over-long runs of white space, and nowhere else."""
    if len(text) <= _RUN:
        return [text]
    cuts = [found.end() for found in _LONG_RUN.finditer(text)]
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]

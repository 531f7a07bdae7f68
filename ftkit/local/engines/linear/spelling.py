"""Log-probabilities of a reply's tokens, from the chances of whole texts, by the chain rule.

A token's probability is the share of the texts with that token next among those that begin as the reply
does so far. So the logarithms of all tokens add up to that of the whole text (and of longer ones that begin
with it).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ftkit.local.engines.asking import TokenLogprob
from ftkit.tokens.words import WORD_PATTERN

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TOKEN = re.compile(rf"\s*(?:{WORD_PATTERN})")
_LEAST = 1e-300
"""Takes the place of chances that are too small for a floating-point number."""


@lru_cache(maxsize=8192)
def tokens_of(text: str) -> tuple[str, ...]:
    """The words, numbers and marks of a text, each with the white space before it; the last also after it."""
    found = _TOKEN.findall(text)
    rest = text[sum(map(len, found)) :]
    if found:
        found[-1] += rest
    return tuple(found) if found else (text,) if text else ()


def certain(text: str, most: int) -> Iterator[TokenLogprob]:
    """The tokens of a text that nothing else could stand for; ``most`` alternatives are wanted."""
    for token in tokens_of(text):
        yield TokenLogprob(token, 0.0, ((token, 0.0),)[:most])


def spelled(
    options: Sequence[Sequence[str]], chances: NDArray[Any], chosen: int, most: int
) -> Iterator[TokenLogprob]:
    """The tokens of option ``chosen``, with ``most`` alternatives each; ``chances`` are the options'."""
    alive: Sequence[int] = range(len(options))
    total = float(chances.sum())
    for place, token in enumerate(options[chosen]):
        following: dict[str, float] = {}
        kept: list[int] = []
        for option in alive:
            if place < len(options[option]):
                found = options[option][place]
                following[found] = following.get(found, 0.0) + float(chances[option])
                if found == token:
                    kept.append(option)
        ranked = sorted(following.items(), key=lambda item: -item[1])[:most]
        top = tuple((text, _logarithm(share, total)) for text, share in ranked)
        yield TokenLogprob(token, _logarithm(following[token], total), top)
        alive, total = kept, following[token]


def _logarithm(share: float, total: float) -> float:
    return min(0.0, math.log(max(share, _LEAST)) - math.log(max(total, _LEAST)))

"""Hold replies to a JSON Schema, token by token, with llguidance.

llguidance was chosen among its kind for its coverage of JSON Schema, for saying which part of a schema it
cannot hold a reply to, and for having no dependencies (3 MB). A mask takes tens of microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
from llguidance import LLMatcher
from llguidance.hf import from_tokenizer
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask
from torch import Tensor

from ftkit.local.jsonio import dump_text

_SPACE = r"(\x20|\x0A\x20{0,12})?"
"""White space between the parts of a JSON text: a space, or a new line and its indentation, no more."""


class FormRefused(ValueError):
    """Replies cannot be held to this; the message says what of it is the matter."""


class Matcher:
    """How far one reply has come in its grammar."""

    def __init__(self, matcher: LLMatcher) -> None:
        self.matcher = matcher

    def fork(self) -> Matcher:
        """Another that is as far."""
        return Matcher(self.matcher.deep_copy())

    @property
    def ended(self) -> bool:
        """Whether nothing more can follow."""
        return self.matcher.is_stopped()

    def take(self, token: int) -> None:
        """Go on by one token, which the mask allowed."""
        self.matcher.consume_token(token)


class Grammars:
    """The grammars of one model. ``size`` is the number of its scores, ``ends`` its end tokens."""

    def __init__(self, tokenizer: Any, size: int, ends: Sequence[int]) -> None:
        self._tokens = from_tokenizer(tokenizer, n_vocab=size, eos_token=list(ends))
        self._size = size
        self._compiled = lru_cache(maxsize=64)(self._compile)

    def json(self, schema: Mapping[str, Any]) -> Matcher:
        """At the beginning of JSON of this schema, to be forked for each reply. Raises ``FormRefused``."""
        return Matcher(self._compiled(_grammar(schema)))

    def _compile(self, grammar: str) -> LLMatcher:
        matcher = LLMatcher(self._tokens, grammar, log_level=0)
        if matcher.is_error():
            raise FormRefused(" ".join(matcher.get_error().split()))
        return matcher

    def apply(self, scores: Tensor, matchers: Sequence[Matcher | None]) -> None:
        """Set what a sequence's grammar does not allow next to -inf. ``scores``: sequences × vocabulary."""
        rows = [row for row, matcher in enumerate(matchers) if matcher is not None]
        if not rows:
            return
        bits = allocate_token_bitmask(len(rows), self._size)
        for place, row in enumerate(rows):
            held = matchers[row]
            assert held is not None
            fill_next_token_bitmask(held.matcher, bits, place)
        shifts = torch.arange(32, dtype=torch.int32, device=scores.device)
        words = torch.from_numpy(bits).to(scores.device)
        allowed = ((words[:, :, None] >> shifts) & 1).flatten(1)[:, : scores.shape[1]].bool()
        index = torch.tensor(rows, device=scores.device)
        scores[index] = scores[index].masked_fill(~allowed, float("-inf"))


def _grammar(schema: Mapping[str, Any]) -> str:
    options: Any = {"whitespace_flexible": True, "whitespace_pattern": _SPACE}
    return LLMatcher.grammar_from_json_schema(dump_text(schema), overrides=options)

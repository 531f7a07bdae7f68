"""Hashes that decide: an example's group, the group's rank, a row's place in the shuffled order.

Everything depends on content and seed alone, so the same row lands on the same side in every file
that it stands in. The prefix names the version of the scheme; changing the scheme means changing it.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from typing import Any

from ftkit.data import canonical_json, prompt_of

_SCHEME = b"ftkit-split-1"


def group_key(example: Mapping[str, Any]) -> bytes:
    """What examples of one group have in common: the prompt, less what should not tell them apart.

    System messages are left out (the same question under another instruction is still the same
    question), letters' case and the amount of white space do not count.
    """
    prompt = prompt_of(example)
    asked = [m for m in prompt if m.get("role") not in ("system", "developer")] or prompt
    return "\x1e".join(f"{m.get('role')}\x1f{_plain(m.get('content'))}" for m in asked).encode(
        "utf-8", "surrogatepass"
    )


def _plain(content: Any) -> str:
    if not isinstance(content, str):
        return canonical_json(content).decode()
    return " ".join(unicodedata.normalize("NFC", content).casefold().split())


class Hasher:
    """64-bit hashes under one seed, by BLAKE2b."""

    def __init__(self, seed: int) -> None:
        self._group = hashlib.blake2b(b"%s\0group\0%d\0" % (_SCHEME, seed), digest_size=8)
        self._order = hashlib.blake2b(b"%s\0order\0%d\0" % (_SCHEME, seed), digest_size=8)

    def rank(self, key: bytes) -> int:
        """The rank of a group, uniform over 0 to 2**64 - 1."""
        return _finish(self._group, key)

    def place(self, line: bytes) -> int:
        """The place of a row in the shuffled order."""
        return _finish(self._order, line)


def _finish(begun: hashlib.blake2b, data: bytes) -> int:
    state = begun.copy()
    state.update(data)
    return int.from_bytes(state.digest(), "big")

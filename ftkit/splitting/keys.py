"""Hashes that decide: an example's group, the group's rank, a row's place in the shuffled order.

Everything depends on content and seed alone, so the same row lands on the same side in every file
that it stands in. The prefix names the version of the scheme; changing the scheme means changing it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from xxhash import xxh3_64_intdigest  # which datasets brings

from ftkit.data import canonical_json

_SCHEME = b"ftkit-split-1"
UNSPOKEN = ("system", "developer")
_BLANK = b"\t\n\v\f\r\x1c\x1d\x1e\x1f"
SPACED = bytes(32 if byte in _BLANK else byte for byte in range(256))
LOWERED = bytes(byte + 32 if 65 <= byte <= 90 else SPACED[byte] for byte in range(256))
# The white space of Unicode beyond ASCII, as str.split knows it, in UTF-8.
_WIDE_BLANK = re.compile(
    rb"\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2(?:\x80[\x80-\x8a\xa8\xa9\xaf]|\x81\x9f)|\xe3\x80\x80"
)

Messages = Sequence[Mapping[str, Any]]


def group_key(example: Mapping[str, Any]) -> bytes:
    """What examples of one group have in common: the prompt, less what should not tell them apart.

    System messages are left out (the same question under another instruction is still the same
    question), letters' case and the amount of white space do not count.
    """
    messages = example["messages"]
    end = len(messages)
    while end and messages[end - 1].get("role") == "assistant":
        end -= 1
    return _said(messages[:end])


def opening_key(example: Mapping[str, Any]) -> bytes:
    """What rows of one conversation have in common: all that is said before the first answer."""
    messages = example["messages"]
    roles = [message.get("role") for message in messages]
    end = roles.index("assistant") if "assistant" in roles else len(roles)
    return _said(messages[:end])


def _said(messages: Messages) -> bytes:
    said = []
    for message in messages:
        role = message.get("role")
        if role == "user":
            said.append(b"user\x1f" + plain_text(message.get("content")))
        elif role not in UNSPOKEN:
            said.append(_turn(message))
    return b"\x1e".join(said or map(_turn, messages))


def _turn(message: Mapping[str, Any]) -> bytes:
    role = str(message.get("role")).encode("utf-8", "surrogatepass")
    return role + b"\x1f" + plain_text(message.get("content"))


def plain_text(content: Any) -> bytes:
    """A text in NFC and case-folded, runs of white space as one space; other content as canonical JSON.

    Works on UTF-8, several times faster than ``" ".join(text.split())`` and equal to it.
    """
    if type(content) is not str:
        return canonical_json(content)
    if content.isascii():
        text = content.encode().translate(LOWERED)
    else:
        folded = unicodedata.normalize("NFC", content).casefold()
        text = folded.encode("utf-8", "surrogatepass").translate(SPACED)
        text = _WIDE_BLANK.sub(b" ", text)
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    return text.strip(b" ")


class Hasher:
    """64-bit hashes under one seed: BLAKE2b decides sides, XXH3 (fixed since 0.8.0) the rest."""

    def __init__(self, seed: int) -> None:
        self._group = hashlib.blake2b(b"%s\0group\0%d\0" % (_SCHEME, seed), digest_size=8)
        self._order, self._stratum = (
            int.from_bytes(hashlib.blake2b(b"%s\0%s\0%d" % (_SCHEME, what, seed), digest_size=8).digest())
            for what in (b"order", b"stratum")
        )

    def rank(self, key: bytes) -> int:
        """The rank of a group, uniform over 0 to 2**64 - 1."""
        return int.from_bytes(self.ranks((key,)), "big")

    def ranks(self, keys: Iterable[bytes]) -> bytes:
        """The eight bytes of each key's rank, the highest first, one behind the other."""
        copy, digests = self._group.copy, []
        for key in keys:
            state = copy()
            state.update(key)
            digests.append(state.digest())
        return b"".join(digests)

    def places(self, lines: Iterable[bytes]) -> list[int]:
        """Each row's place in the shuffled order, which is also the name that a later split knows it by."""
        seed = self._order
        return [xxh3_64_intdigest(line, seed) for line in lines]

    def strata(self, labels: Iterable[str]) -> list[int]:
        """A number for each label, which names its stratum."""
        seed = self._stratum
        return [xxh3_64_intdigest(label.encode("utf-8", "surrogatepass"), seed) for label in labels]

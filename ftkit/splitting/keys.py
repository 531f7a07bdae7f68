"""Hashes that decide: an example's group, the group's rank, a row's place in the shuffled order.

Everything depends on content and seed alone, so the same row lands on the same side in every file
that it stands in. The prefix names the version of the scheme; changing the scheme means changing it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

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
    """64-bit hashes under one seed, by BLAKE2b."""

    def __init__(self, seed: int) -> None:
        self._group = hashlib.blake2b(b"%s\0group\0%d\0" % (_SCHEME, seed), digest_size=8)
        self._order = hashlib.blake2b(b"%s\0order\0%d\0" % (_SCHEME, seed), digest_size=8)
        self._stratum = hashlib.blake2b(b"%s\0stratum\0%d\0" % (_SCHEME, seed), digest_size=8)

    def rank(self, key: bytes) -> int:
        """The rank of a group, uniform over 0 to 2**64 - 1."""
        return int.from_bytes(self.rank_digest(key), "big")

    def place(self, line: bytes) -> int:
        """The place of a row in the shuffled order; also the name under which a later split knows it."""
        return int.from_bytes(self.place_digest(line), "big")

    def rank_digest(self, key: bytes) -> bytes:
        """The eight bytes of ``rank``, the highest first."""
        return _finished(self._group, key)

    def place_digest(self, line: bytes) -> bytes:
        """The eight bytes of ``place``, the highest first."""
        return _finished(self._order, line)

    def stratum_digest(self, label: bytes) -> bytes:
        """Eight bytes that name a stratum."""
        return _finished(self._stratum, label)


def _finished(begun: hashlib.blake2b, data: bytes) -> bytes:
    state = begun.copy()
    state.update(data)
    return state.digest()

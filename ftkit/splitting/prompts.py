"""The keys of many prompts at once: what ``keys.group_key`` says of each, several times as fast.

All texts of a batch go through each step (case, white space) as one, between marks that no step touches.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from ftkit.splitting.keys import LOWERED, SPACED, UNSPOKEN, group_key

_ROLES = ("user", "assistant", "tool", "function", *UNSPOKEN)
_WIDE_BLANK = re.compile("[\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
# Between role and text, between turns (both as in a key), and between rows.
_SAID, _TURN, _ROW = "\x1f", "\x1e", "\x02"
_KEPT = {0x1F: 0x1F, 0x1E: 0x1E}
_LOWERED, _SPACED = (
    bytes(_KEPT.get(byte, table[byte]) for byte in range(256)) for table in (LOWERED, SPACED)
)


def group_keys(examples: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """The key of each example's prompt."""
    texts = [_marked(example["messages"]) for example in examples]
    keys: list[bytes | None] = [None] * len(texts)
    for plain, wanted in ((_plain_ascii, True), (_plain_other, False)):
        rows = [row for row, (text, _) in enumerate(texts) if text and text.isascii() is wanted]
        whole = _cleaned(plain([texts[row][0] for row in rows]))
        turns = sum([texts[row][1] for row in rows])
        marks = [whole.count(mark) for mark in (b"\x1f", b"\x1e", b"\x02")]
        if rows and marks == [turns, turns - len(rows), len(rows) - 1]:  # else a text holds a mark itself
            for row, key in zip(rows, whole.split(b"\x02"), strict=True):
                keys[row] = key
    return [
        key if key is not None else group_key(example) for key, example in zip(keys, examples, strict=True)
    ]


class _Form(NamedTuple):
    """How a conversation with certain roles is written: which messages, and between which marks."""

    turns: tuple[int, ...]
    text: str


@lru_cache(4096)
def _form(roles: tuple[Any, ...]) -> _Form | None:
    """The form for these roles; None where the way of ``group_key`` has to be gone."""
    end = len(roles)
    while end and roles[end - 1] == "assistant":
        end -= 1
    turns = tuple(n for n in range(end) if roles[n] not in UNSPOKEN)
    if not turns or not set(roles) <= set(_ROLES):
        return None
    return _Form(turns, _TURN.join([f"{roles[n]}{_SAID}%s" for n in turns]))


_OTHERWISE = ("", 0)


def _marked(messages: Sequence[Mapping[str, Any]]) -> tuple[str, int]:
    """The prompt with its marks, and its turns; empty where the way of ``group_key`` has to be gone."""
    try:
        form = _form(tuple([message["role"] for message in messages]))
        if form is None:
            return _OTHERWISE
        turns, text = form
        return text % tuple([messages[turn]["content"].strip() for turn in turns]), len(turns)
    except (KeyError, TypeError, AttributeError):  # no role, an odd one, or a content that is no text
        return _OTHERWISE


def _plain_ascii(texts: Sequence[str]) -> bytes:
    return _ROW.join(texts).encode().translate(_LOWERED)


def _plain_other(texts: Sequence[str]) -> bytes:
    # each alone: a text without combining marks, as nearly all are, is then only looked at
    composed = _ROW.join([unicodedata.normalize("NFC", text) for text in texts])
    folded = _WIDE_BLANK.sub(" ", composed.casefold())
    return folded.encode("utf-8", "surrogatepass").translate(_SPACED)


def _cleaned(text: bytes) -> bytes:
    """White space as one blank each."""
    first, *rest = text.split(b"  ")
    if not rest:
        return text
    return b" ".join([first, *filter(None, [piece.lstrip(b" ") for piece in rest])])

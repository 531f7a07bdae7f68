"""What the quality rules want to know of a row's texts, each worked out once per row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from ftkit.data import canonical_json, text_of
from ftkit.validation import RowView
from ftkit.validation.kinds import PAIR_KEYS
from ftkit.validation.rules import ROW_KINDS, Key, RowKind

EVERY_KIND = ROW_KINDS
_INSTRUCTING = ("system", "developer")


class RowTexts:
    """The texts of one row, by their part in it. A kind of row without messages has its prompt and reply.

    It does not hold the row view that holds it: such a ring would stay until the garbage is collected.
    """

    __slots__ = (
        "_all",
        "_body",
        "_digest",
        "_kind",
        "_messages",
        "_prompt",
        "_system",
        "_under",
        "turns",
        "value",
    )

    def __init__(self, row: RowView) -> None:
        self.value = row.value
        self._kind: RowKind = row.kind
        self._messages, self._under = row.messages, row.messages_at
        self.turns = [(message.get("role"), _text(message)) for _, message in row.messages]
        self._all: str | None = None
        self._body: str | None = None
        self._digest: int | None = None
        self._prompt: str | None = None
        self._system: str | None = None

    @property
    def everything(self) -> str:
        """Every text that stands anywhere in the row, for a quick look whether a closer one is needed."""
        if self._all is None:
            found: list[str] = []
            _gather(self.value, found)
            self._all = "\n".join(found)
        return self._all

    @property
    def body(self) -> str:
        """What is said, without the instructions that many rows share."""
        if self._body is None:
            parts = [text for role, text in self.turns if role not in _INSTRUCTING]
            self._body = "\n".join([*parts, *_beside(self.value, self._kind)])
        return self._body

    @property
    def prompt(self) -> str:
        """What is asked: the body without the answer."""
        if self._prompt is None:
            asked = self.turns[: self._asked]
            parts = [text for role, text in asked if role not in _INSTRUCTING]
            if self._kind == "completion":
                parts.append(str(self.value.get("prompt") or ""))
            self._prompt = "\n".join(parts)
        return self._prompt

    @property
    def system(self) -> str:
        """The instructions: all system and developer messages."""
        if self._system is None:
            self._system = "\n".join(text for role, text in self.turns if role in _INSTRUCTING)
        return self._system

    @property
    def reply(self) -> str | None:
        """The answer's text; None where there is none."""
        if self._kind == "completion":
            said = self.value.get("completion")
            return said if isinstance(said, str) else None
        if not self.turns or self.turns[-1][0] != "assistant":
            return None
        return text_of(self._messages[-1][1].get("content"))

    @property
    def reply_at(self) -> tuple[Key, ...]:
        """The keys that lead to the answer."""
        if self._kind == "completion":
            return ("completion",)
        return (*self._under, self._messages[-1][0], "content")

    @property
    def asked(self) -> bool:
        """Whether anything is asked at all."""
        return self._asked > 0 or bool(self.value.get("prompt"))

    @property
    def _asked(self) -> int:
        """The number of messages before the answer."""
        number = len(self.turns)
        while number and self.turns[number - 1][0] == "assistant":
            number -= 1
        return number

    def prompt_digest(self) -> int:
        """A 64-bit hash of what is asked to the last sign: messages, and the tools at hand."""
        if self._digest is None:
            value = self.value
            asked = [message for _, message in self._messages[: self._asked]]
            given = [value.get("tools"), value.get("functions"), value.get("prompt")]
            self._digest = digest64(canonical_json([asked, given]))
        return self._digest


def texts(row: RowView) -> RowTexts:
    """The row's texts, which all rules share."""
    found = row.shared.get("texts")
    if found is None:
        found = row.shared["texts"] = RowTexts(row)
    return found


def digest64(data: bytes) -> int:
    """A 64-bit hash: two different ones of two million rows are equal once in five million times."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def places(value: Any, keys: tuple[Key, ...] = ()) -> Iterator[tuple[tuple[Key, ...], str]]:
    """Each text in a value, with the keys that lead to it."""
    if isinstance(value, str):
        yield keys, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from places(item, (*keys, key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from places(item, (*keys, index))


def shortened(text: str | None, width: int = 40) -> str:
    """A text's beginning on one line, in quotes."""
    if text is None:
        return "(no text)"
    plain = " ".join(text[: width * 8].split())
    return repr(plain if len(plain) <= width else plain[: width - 1] + "…")


def _text(message: Mapping[str, Any]) -> str:
    """The text of a message, and what it calls; nothing where it has neither."""
    content = message.get("content")
    said = content if isinstance(content, str) else text_of(content) or ""
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return said
    names: list[str] = []
    _gather(calls, names)
    return "\n".join([said, *names])


def _beside(value: Mapping[str, Any], kind: RowKind) -> list[str]:
    """The texts of a row that are no messages of its conversation: a prompt, a completion, the outputs."""
    found: list[str] = []
    if kind in ("completion", "preference"):
        for key in ("prompt", "completion", *PAIR_KEYS):
            _gather(value.get(key), found)
    return found


def _gather(value: Any, found: list[str]) -> None:
    if type(value) is str:
        found.append(value)
    elif type(value) is dict:
        for item in value.values():
            if type(item) is str:
                found.append(item)
            elif type(item) in (dict, list):
                _gather(item, found)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _gather(item, found)

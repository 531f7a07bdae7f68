"""The fast way through rows that are nothing but roles and texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ftkit.tokens.templates import REWRITTEN, TEMPLATES
from ftkit.tokens.tokenizer import Tokenizer

PlainRow = tuple[tuple[str, ...], Sequence[str]]
"""The roles and the contents of an example's messages."""

_MOST_FRAMES = 10_000


class _Frame(NamedTuple):
    """What is about the contents of messages of given roles: tokens in each form, assistant's indexes."""

    overhead: tuple[int, ...]
    learned: tuple[int, ...]


def plain_row(example: Mapping[str, Any]) -> PlainRow | None:
    """Return the roles and contents of an example that has nothing else, None of any other."""
    messages = example.get("messages")
    if len(example) != 1 or type(messages) is not list:
        return None
    roles: list[str] = []
    contents: list[str] = []
    for message in messages:
        if type(message) is not dict or len(message) != 2:
            return None
        role, content = message.get("role"), message.get("content")
        if type(role) is not str or type(content) is not str:
            return None
        roles.append(role)
        contents.append(content)
    return tuple(roles), contents


class PlainCounter:
    """Counts plain rows; what a template adds is worked out once for each sequence of roles."""

    def __init__(self, tokenizer: Tokenizer, template: str) -> None:
        self._tokenizer = tokenizer
        self._template = template
        self._frames: dict[tuple[str, ...], _Frame] = {}

    def count(self, rows: Sequence[PlainRow]) -> list[tuple[int, int]]:
        """Return (all tokens, trained tokens) of each row, in its longest form, the first of equals."""
        texts = [text for _, contents in rows for text in contents]
        counts = self._tokenizer.count_many(texts)
        best = self._sums(rows, counts, 0)
        for form, rewrite in enumerate(REWRITTEN.get(self._template, ())):
            if rewrite is not None:
                written = [text for row in rows for text in rewrite(*row)]
                sums = self._sums(rows, self._recounted(texts, counts, written), form)
                best = [a if a[0] >= b[0] else b for a, b in zip(best, sums, strict=True)]
        return best

    def _recounted(self, texts: list[str], counts: list[int], written: list[str]) -> list[int]:
        """The counts of ``written``, of which only what differs from ``texts`` is counted anew."""
        changed = [at for at, (a, b) in enumerate(zip(texts, written, strict=True)) if a is not b and a != b]
        recounted = counts.copy()
        for at, count in zip(
            changed, self._tokenizer.count_many([written[at] for at in changed]), strict=True
        ):
            recounted[at] = count
        return recounted

    def _sums(self, rows: Sequence[PlainRow], counts: list[int], form: int) -> list[tuple[int, int]]:
        sums: list[tuple[int, int]] = []
        start = 0
        for roles, contents in rows:
            frame = self._frames.get(roles) or self._frame(roles)
            row = counts[start : start + len(contents)]
            start += len(contents)
            sums.append((frame.overhead[form] + sum(row), sum([row[at] for at in frame.learned])))
        return sums

    def _frame(self, roles: tuple[str, ...]) -> _Frame:
        blank = [{"role": role, "content": ""} for role in roles]
        forms = TEMPLATES[self._template](blank, (), self._tokenizer.name)
        overhead = [
            sum(
                piece.fixed + (0 if piece.part == "content" else self._tokenizer.count(piece.text))
                for piece in form
            )
            for form in forms
        ]
        learned = tuple(at for at, role in enumerate(roles) if role == "assistant")
        if len(self._frames) >= _MOST_FRAMES:
            self._frames.clear()
        self._frames[roles] = _Frame(tuple(overhead), learned)
        return self._frames[roles]

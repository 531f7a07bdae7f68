"""What one pass over rows has found so far; that of the next shard of the file can be taken in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ftkit.validation.log import FindingLog
from ftkit.validation.rules import DatasetCheck, FileFacts
from ftkit.validation.tally import LabelTally, LongestRows, TokenKey, TokenSums


class Inspection:
    """Facts, findings, sums and the states of the dataset checks. Everything in it can be pickled.

    ``roles`` counts messages, ``sums`` tokens, both of rows without errors in their form.
    ``unread`` counts the rows that are not usable though no rule says why; ``failed`` the calls in which a
    rule broke, ``trouble`` the first of its troubles in words, and the line.
    """

    def __init__(self, file: str, keep: int) -> None:
        self.facts = FileFacts()
        self.log = FindingLog(file, keep)
        self.messages = 0
        self.roles: Counter[str] = Counter()
        self.labels = LabelTally()
        self.longest = LongestRows()
        self.sums: dict[TokenKey, TokenSums] = {}
        self.unread: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.trouble: dict[str, tuple[str, int | None]] = {}
        self.states: dict[str, Any] = {}

    def merge(self, later: Inspection, checks: Mapping[str, tuple[Any, DatasetCheck]]) -> None:
        """Take in that of the rows that follow. ``checks``: by rule, its class and the merged check."""
        lines = self.facts.lines
        for code, state in later.states.items():
            if code in checks:
                cls, check = checks[code]
                check.merge(thawed(cls, state), lines)  # type: ignore[attr-defined]
        self.log.merge(later.log, lines)
        self.messages += later.messages
        self.roles += later.roles
        self.labels.merge(later.labels)
        self.longest.merge(later.longest, lines)
        for key, sums in later.sums.items():
            self.sums.setdefault(key, TokenSums()).merge(sums)
        self.facts.merge(later.facts)
        self.unread += later.unread
        self.failed += later.failed
        for code, (words, line) in later.trouble.items():
            self.trouble.setdefault(code, (words, line + lines if line else None))


def frozen(check: DatasetCheck) -> Any:
    """The state of a check; its class cannot be pickled, for the decorator has put the rule in its place."""
    return check.__getstate__()


def thawed(cls: Any, state: Any) -> DatasetCheck:
    """A check of class ``cls`` with the state that :func:`frozen` gave."""
    check: Any = cls.__new__(cls)
    if hasattr(check, "__setstate__"):
        check.__setstate__(state)
        return check  # type: ignore[no-any-return]
    plain, slots = state if isinstance(state, tuple) else (state, None)
    for name, value in {**(plain or {}), **(slots or {})}.items():
        setattr(check, name, value)
    return check  # type: ignore[no-any-return]

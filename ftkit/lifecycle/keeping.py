"""Says which generated rows are of use: complete, of the wanted form, new, and none of the held-out ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ftkit.lifecycle.tables import KeepTable


class Keeper:
    """Judges rows one after the other; ``known`` are rows whose texts must not come again."""

    def __init__(
        self, table: KeepTable, needed: Iterable[str], known: Iterable[Mapping[str, Any]] = ()
    ) -> None:
        self._table = table
        self._needed = tuple(needed)
        self._patterns = {name: re.compile(pattern) for name, pattern in table.columns.items()}
        self._held_out = {key for row in known for key in self._keys(row)}
        self._seen: set[tuple[str, str]] = set()

    def problem(self, row: Mapping[str, Any]) -> str | None:
        """Why a row is of no use; None where it is, and then it counts as seen."""
        for name in self._needed:
            if not str(row.get(name) or "").strip():
                return f"{name} is empty"
        for name, pattern in self._patterns.items():
            if not pattern.fullmatch(str(row.get(name) or "")):
                return f"{name} is not as it should be"
        if (problem := self._length_problem(row)) is not None:
            return problem
        keys = self._keys(row)
        if any(key in self._held_out for key in keys):
            return "it is among the held-out rows"
        if any(key in self._seen for key in keys):
            return "it came before"
        self._seen.update(keys)
        return None

    def _length_problem(self, row: Mapping[str, Any]) -> str | None:
        if self._table.words is None:
            return None
        least, most = self._table.words
        for name in self._table.unique or self._needed:
            words = len(str(row.get(name) or "").split())
            if words < least:
                return f"{name} is too short"
            if words > most:
                return f"{name} is too long"
        return None

    def _keys(self, row: Mapping[str, Any]) -> list[tuple[str, str]]:
        """What must not come twice: the texts of the unique columns, letters and digits alone."""
        texts = {name: str(row.get(name) or "").casefold() for name in self._table.unique}
        return [(name, " ".join(re.findall(r"\w+", text))) for name, text in texts.items()]

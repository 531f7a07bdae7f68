"""Passes plain rows of silent forms: all that most rows of a good file ever need.

Imports nothing heavy, so that a worker process that meets only such rows is ready at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ftkit.validation.inspection import Inspection
from ftkit.validation.tally import TokenKey, TokenSums
from ftkit.validation.typed import PlainRow, plain_block, plain_rows

if TYPE_CHECKING:
    from ftkit.validation.lines import Block
    from ftkit.validation.rules import RowKind

Roles = tuple[str, ...]
Rest = list[tuple[int, bytes, PlainRow | None]]


@dataclass(slots=True)
class PlainPass:
    """Which plain rows pass, and into what they are added up.

    ``silent`` are the sequences of roles on which every rule is silent (learnt by the inspector). ``within``
    is the number of bytes up to which a line is known to fit the models whose tokens are counted as ``keys``;
    None where no model was asked for.
    """

    kind: RowKind
    silent: set[Roles] = field(default_factory=set)
    within: int | None = None
    keys: tuple[TokenKey, ...] = ()

    def takes(self, block: Block) -> bool:
        """Whether all lines of the block are short enough to fit the models by their bytes."""
        return self.within is None or block.longest <= self.within

    def block(self, block: Block, result: Inspection) -> Rest:
        """Add up the rows that pass. Returns the others: line number, line, and the row if it is plain."""
        rows = plain_block(block)
        if rows is not None:
            seen: Counter[Roles] = Counter([tuple([m.role for m in row.messages]) for row in rows])
            if seen.keys() <= self.silent:
                self._look(block, rows, result)
                self._add_up(seen, block.first, result)
                return []
        return self._one_by_one(block, rows or plain_rows(block), result)

    def _one_by_one(
        self, block: Block, rows: list[PlainRow] | list[PlainRow | None], result: Inspection
    ) -> Rest:
        rest: Rest = []
        passed: list[tuple[int, bytes, PlainRow]] = []
        for number, (raw, row) in enumerate(zip(block.lines, rows, strict=True), block.first):
            if row is not None and row.roles in self.silent:
                passed.append((number, raw, row))
            else:
                rest.append((number, raw, row))
        for number, raw, row in passed:
            if result.labels.open:
                result.labels.add(row.example())
            result.longest.add(len(raw), number)
        if passed:
            self._add_up(Counter([row.roles for _, _, row in passed]), passed[0][0], result)
        return rest

    def _look(self, block: Block, rows: list[PlainRow], result: Inspection) -> None:
        """What is noted of rows one by one, for as long as it is wanted."""
        if block.longest > result.longest.floor:
            for number, size in enumerate(block.sizes, block.first):
                result.longest.add(size, number)
        if result.labels.open:
            for row in rows:
                result.labels.add(row.example())

    def _add_up(self, seen: Mapping[Roles, int], first: int, result: Inspection) -> None:
        rows = sum(seen.values())
        result.facts.rows += rows
        result.facts.accepted += rows
        result.facts.saw(self.kind, first, rows)
        for spoken, number in seen.items():
            result.messages += number * len(spoken)
            for role in spoken:
                result.roles[role] += number
        for key in self.keys:
            result.sums.setdefault(key, TokenSums()).uncounted += rows

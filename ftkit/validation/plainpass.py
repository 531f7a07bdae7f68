"""Passes plain rows of silent forms: all that most rows of a good file ever need.

Imports nothing heavy, so that a worker process that meets only such rows is ready at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ftkit.validation.inspection import Inspection
from ftkit.validation.tally import TokenKey, TokenSums
from ftkit.validation.typed import PlainRow, plain_rows, proven

if TYPE_CHECKING:
    from ftkit.validation.lines import Block
    from ftkit.validation.rules import RowKind

Roles = tuple[str, ...]


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
        return self.within is None or max(map(len, block.lines)) <= self.within

    def block(self, block: Block, result: Inspection) -> list[tuple[int, bytes, PlainRow | None]]:
        """Add up the rows that pass. Returns the others: line number, line, and the row if it is plain."""
        rest: list[tuple[int, bytes, PlainRow | None]] = []
        seen: dict[Roles, int] = {}
        first = 0
        silent, labels, longest = self.silent, result.labels, result.longest
        for number, (raw, row) in enumerate(zip(block.lines, rows_of(block), strict=True), block.first):
            roles = tuple([message.role for message in row.messages]) if row is not None else ()
            if row is None or roles not in silent:
                rest.append((number, raw, row))
                continue
            seen[roles] = seen.get(roles, 0) + 1
            first = first or number
            if labels.open:
                labels.add(row.example())
            if len(raw) > longest.floor:
                longest.add(len(raw), number)
        if seen:
            self._add_up(seen, first, result)
        return rest

    def _add_up(self, seen: dict[Roles, int], first: int, result: Inspection) -> None:
        rows = sum(seen.values())
        result.facts.rows += rows
        result.facts.accepted += rows
        result.facts.saw(self.kind, first, rows)
        roles: Counter[str] = Counter()
        for spoken, number in seen.items():
            result.messages += number * len(spoken)
            for role in spoken:
                roles[role] += number
        result.roles.update(roles)
        for key in self.keys:
            result.sums.setdefault(key, TokenSums()).uncounted += rows


def rows_of(block: Block) -> Sequence[PlainRow | None]:
    """The rows of a block that are proven plain; None for each other line."""
    if block.data is None:
        return [None] * len(block.lines)
    return proven(plain_rows(block.lines), block.data, block.lines)

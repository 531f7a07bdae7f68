"""Continuing an earlier split: which of its rows and groups are where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ftkit.data import sha256_file
from ftkit.errors import DataError, UsageError
from ftkit.splitting.amounts import PARTS, Amount, Request, requests_of
from ftkit.splitting.assign import FREE
from ftkit.splitting.columns import Columns, Piece, Plan, joined
from ftkit.splitting.groups import Groups
from ftkit.splitting.index import SplitIndex, read_index
from ftkit.splitting.manifest import checked_part, read_manifest
from ftkit.splitting.result import SplitOptions, SplitResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ftkit.splitting.arrays import Codes


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier split and where its rows went."""

    split: SplitResult
    index: SplitIndex
    sha256: str

    def sides(self, columns: Columns, groups: Groups, kinds: tuple[str, ...]) -> tuple[Codes, Codes]:
        """The parts of the rows that it has by their line, and of the groups that it has rows of.

        A group with rows in several parts goes where the most held-out one is: what is new and resembles
        a row that is tested on is not trained on.
        """
        import numpy as np

        rows = self.index.side_of_names(columns.places)
        sides = np.full(len(groups), FREE, np.int8)
        np.maximum.at(sides, groups.member, rows)
        for kind, keys in zip(kinds, columns.keys, strict=True):
            np.maximum.at(sides, groups.member, self.index.side_of_keys(kind, keys))
        return rows, sides


def earlier_split(path: Path, kinds: tuple[str, ...]) -> Earlier:
    """Read the split at ``path``. One of version 1, which has no list of rows, is read from its parts.

    Raises UsageError where there is none, DataError where a file of it is missing or changed.
    """
    split = read_manifest(path)
    if split.index is not None:
        index = read_index(split.index.path, split.index.sha256)
    else:
        index = _from_parts(split, kinds)
    if index.seed != split.seed:
        raise DataError("the list of rows is of another split", where=str(split.manifest))
    return Earlier(split, index, sha256_file(split.manifest))


def _from_parts(split: SplitResult, kinds: tuple[str, ...]) -> SplitIndex:
    import numpy as np

    from ftkit.splitting.scan import scan_batches
    from ftkit.splitting.source import ExampleSource

    pieces: list[Piece] = []
    codes: list[Codes] = []
    for name, part in split.parts.items():
        checked_part(part.path, part.sha256)
        if part.rows:
            rows = ExampleSource(part.path, SplitOptions())
            pieces += scan_batches(rows.batches(), Plan(rows.name, split.seed, kinds))
            codes.append(np.full(part.rows, PARTS.index(name), np.int8))
    whole = joined(pieces, Plan(str(split.manifest), split.seed, kinds))
    return SplitIndex(
        whole.places, dict(zip(kinds, whole.keys, strict=True)), np.concatenate(codes), split.seed
    )


def continued(
    earlier: Earlier | None, given: Mapping[str, Amount | None], seed: int | None
) -> tuple[dict[str, Request], int]:
    """The amounts and the seed: those given, else the earlier split's.

    Raises UsageError for another seed than the earlier split's, and where a part of it is not asked for.
    """
    if earlier is None:
        return requests_of(**given), seed or 0
    split = earlier.split
    if seed is not None and seed != split.seed:
        raise UsageError(
            f"the earlier split has the seed {split.seed}, and seed {seed} would divide otherwise",
            where=str(split.manifest),
            hint="Leave the seed out.",
        )
    if all(amount is None for amount in given.values()):
        return {name: part.requested for name, part in split.parts.items()}, split.seed
    requests = requests_of(**given)
    for name, part in split.parts.items():
        if part.rows and name not in requests:
            raise UsageError(
                f"the earlier split has a {name} part of {part.rows:,} rows, and none is asked for",
                where=str(split.manifest),
                hint=f"Say how much --{name} is to get.",
            )
    return requests, split.seed

"""The rows of a split in a compact file beside its manifest, by which a later split continues it.

The file: the line ``ftkit-split-rows 1``, a line of JSON (``rows``, ``kinds``, ``seed``), then columns of
little-endian numbers: eight bytes of each row's name (the hash of its line), eight of its key of each kind of
group, and one of its part (the index in PARTS, -1 for none). Rows stand in the order of their names.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ftkit.data import atomic_write
from ftkit.errors import DataError, storage_error
from ftkit.splitting.columns import NONE, Columns

if TYPE_CHECKING:
    from ftkit.splitting.arrays import Codes, Numbers


_MAGIC = b"ftkit-split-rows 1\n"
_REMEDY = "Restore it from where the split was made, or split anew without --keep."


class _Head(msgspec.Struct):
    rows: int
    kinds: list[str]
    seed: int


@dataclass(frozen=True, slots=True)
class SplitIndex:
    """The rows of a split: names, keys by kind of group, and parts."""

    names: Numbers
    keys: dict[str, Numbers]
    codes: Codes
    seed: int

    def side_of_names(self, names: Numbers) -> Codes:
        """The part of each row that the split knows by its line; -1 for the others."""
        return _looked_up(self.names, self.codes, names)

    def side_of_keys(self, kind: str, keys: Numbers) -> Codes:
        """The part in which the split has rows with the key, the most held-out one of several; else -1."""
        import numpy as np

        if kind not in self.keys:
            return np.full(len(keys), -1, np.int8)
        found = _looked_up(self.keys[kind], self.codes, keys)
        found[keys == NONE] = -1
        return found


def _looked_up(known: Numbers, codes: Codes, wanted: Numbers) -> Codes:
    """For each number wanted the greatest code that it has among the known ones; -1 for none."""
    import numpy as np

    order = np.lexsort((codes, known))
    known, codes = known[order], codes[order]
    at = np.searchsorted(known, wanted, side="right") - 1
    found = np.full(len(wanted), -1, np.int8)
    if len(known):
        same = (at >= 0) & (known[at] == wanted)
        found[same] = codes[at[same]]
    return found


def index_bytes(
    columns: Columns, codes: Codes, kinds: tuple[str, ...], seed: int, before: SplitIndex | None = None
) -> bytes:
    """The content of the file: the rows, and those of the split ``before`` that are not among them.

    A row that is away from the data for a while comes back to its part.
    """
    import numpy as np

    known = [columns.places, *columns.keys]
    if before is not None:
        away = (before.codes >= 0) & ~np.isin(before.names, columns.places)
        none = np.full(len(before.names), NONE, np.uint64)
        earlier = [before.names, *(before.keys.get(kind, none) for kind in kinds)]
        known = [np.concatenate([now, then[away]]) for now, then in zip(known, earlier, strict=True)]
        codes = np.concatenate([codes, before.codes[away]])
    order = np.argsort(known[0], kind="stable")
    head = msgspec.json.encode(_Head(len(order), list(kinds), seed))
    numbers = [column[order].astype("<u8").tobytes() for column in known]
    return b"".join([_MAGIC, head, b"\n", *numbers, codes[order].astype(np.int8).tobytes()])


def write_index(path: Path, content: bytes) -> str:
    """Write the file; its SHA-256. Raises StorageError."""
    atomic_write(path, content)
    return hashlib.sha256(content).hexdigest()


def read_index(path: Path, sha256: str) -> SplitIndex:
    """Read the file back. Raises DataError where it is missing, changed or damaged."""
    import numpy as np

    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError("the list of the split's rows is not there", where=str(path), hint=_REMEDY) from error
    except OSError as error:
        raise storage_error(error, path) from error
    if hashlib.sha256(content).hexdigest() != sha256:
        what = "the list of the split's rows is not the one that the manifest names"
        raise DataError(what, where=str(path), hint=_REMEDY)
    head_end = content.index(b"\n", len(_MAGIC))
    head = msgspec.json.decode(content[len(_MAGIC) : head_end], type=_Head)
    at = head_end + 1

    def column(kind: str) -> Any:
        nonlocal at
        numbers = np.frombuffer(content, kind, head.rows, at)
        at += numbers.nbytes
        return numbers.astype(numbers.dtype.newbyteorder("="))

    names = column("<u8")
    keys = {kind: column("<u8") for kind in head.kinds}
    return SplitIndex(names, keys, column("i1"), head.seed)

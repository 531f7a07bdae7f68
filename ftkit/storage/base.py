"""What a storage promises, whether it is a file of one machine or a database of many."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

Row = dict[str, Any]
"""One row by the names of its columns."""

Waiting = Callable[[float], None]
"""Called again and again while a lock is waited for, with the seconds so far; it ends the wait by raising."""


class Schema(NamedTuple):
    """The tables of one kind of memory, version by version.

    ``name`` is what people call it; ``application_id`` tells its SQLite file from any other.
    ``versions[n]`` are the statements that lead from version n to n + 1 of a SQLite file, ``shared[n]``
    those of a database, where ``{p}`` is the prefix of our tables and ``{serial}`` a number that counts up by
    itself as the primary key. Versions of the two need not be equal.
    """

    name: str
    application_id: int
    versions: Sequence[Sequence[str]]
    shared: Sequence[Sequence[str]] = ()


class Writer(Protocol):
    """One transaction. Statements name their values as ``:name`` and our tables as ``{p}table``."""

    def execute(self, sql: str, values: Mapping[str, object] = {}) -> None:
        """Run one statement that answers nothing."""

    def rows(self, sql: str, values: Mapping[str, object] = {}) -> list[Row]:
        """Every row of a query, as this transaction sees them."""
        ...

    def put(self, table: str, values: Mapping[str, object], keys: Sequence[str]) -> None:
        """Write a row in the place of the one that has the same ``keys``, or as a new one.

        Columns that are not named keep what they have. ``table`` is named without a prefix.
        """


class Hold(Protocol):
    """A lock in the hands of this thread."""

    def write(self) -> AbstractContextManager[Writer]:
        """A transaction that cannot succeed where the lock was lost. Raises StorageError then."""
        ...


class Storage(Protocol):
    """Rows in transactions and locks on numbers, safe for any number of threads and processes.

    ``place`` says where it is, without a password. Every method raises StorageError where it cannot be used.
    """

    @property
    def place(self) -> str:
        """The file, or the address of the database without its password."""
        ...

    @property
    def shared(self) -> bool:
        """True where other machines use it too."""
        ...

    def exists(self) -> bool:
        """False where nothing can have been written yet; asking makes nothing."""
        ...

    def rows(self, sql: str, values: Mapping[str, object] = {}) -> list[Row]:
        """Every row of a query; none where there is nothing yet, and nothing is made."""
        ...

    def write(self) -> AbstractContextManager[Writer]:
        """One transaction: all of it is durable when the block ends, or none of it."""
        ...

    def holding(self, number: int, waiting: Waiting) -> AbstractContextManager[Hold]:
        """Hold ``number`` (0 to 2**60) alone among all who use this storage; freed when the holder dies.

        Raises RuntimeError where this very thread holds it already and would wait for itself.
        """
        ...

    def holder(self, number: int) -> str | None:
        """Who holds ``number`` now, in words; None where nobody does, or where the system does not tell."""
        ...

    def close(self) -> None:
        """Let go of files and connections; the next use opens them again."""

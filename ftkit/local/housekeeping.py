"""What a state directory holds, and the removal of what it need not: with or without a running server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ftkit.errors import StorageError
from ftkit.local.jsonio import load
from ftkit.local.lock import hold_lock
from ftkit.local.state import State
from ftkit.local.store.leases import open_statuses
from ftkit.local.store.retention import Kind, Policy
from ftkit.local.store.room import size_below

_TABLES = ("files", "jobs", "batches", "models", "uploads")


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True)


class ServerStatus(_Result):
    """The server that runs on a state."""

    pid: int
    url: str
    version: str


class LocalStatus(_Result):
    """What a state directory holds. ``disk`` is in bytes, ``counts`` in records; ``open`` are unfinished.

    ``removable`` is what ``clean`` with its defaults would remove, and ``removable_bytes`` its size.
    """

    state: Path
    server: ServerStatus | None
    disk: dict[str, int]
    total_bytes: int
    counts: dict[str, int]
    open_jobs: int
    open_batches: int
    removable: int
    removable_bytes: int


class Removable(_Result):
    """One thing that goes: ``at`` is when it came or ended."""

    kind: Kind
    id: str
    name: str
    bytes: int
    at: datetime


class CleanResult(_Result):
    """What went, or with ``dry_run`` would go. ``leftovers_bytes`` are bytes that nothing names.

    They are only counted and removed while no server runs (``server`` says whether one does): a running
    one may be about to name them.
    """

    state: Path
    dry_run: bool
    server: bool
    removed: tuple[Removable, ...]
    bytes: int
    leftovers: int
    leftovers_bytes: int


def local_status(state: Path) -> LocalStatus:
    """What a state directory holds. Raises ``StorageError`` where it is none."""
    with _opened(state) as (opened, alone):
        removable = opened.retention.plan(Policy())
        disk = {name: sum(size_below(state / name)) for name in ("files", "models", "work")}
        disk["database"] = sum(path.stat().st_size for path in state.glob("platform.db*"))
        return LocalStatus(
            state=state,
            server=None if alone else _server(state),
            disk=disk,
            total_bytes=sum(disk.values()),
            counts={table: _count(opened, table) for table in _TABLES},
            open_jobs=_count(opened, "jobs", "finished_at IS NULL"),
            open_batches=_count(opened, "batches", f"status IN ({open_statuses('batches')})"),
            removable=len(removable),
            removable_bytes=sum(piece.bytes for piece in removable),
        )


def clean(
    state: Path, *, older_than: timedelta = timedelta(days=30), keep: int = 0, models: bool = False,
    dry_run: bool = True,
) -> CleanResult:  # fmt: skip
    """Remove what ended or came ``older_than`` ago, but not the newest ``keep`` of each kind.

    Nothing that an open job or batch uses goes; tuned models go only with ``models``. With ``dry_run``
    nothing goes at all. A server may run. Raises ``StorageError`` where the directory is none of a platform.
    """
    policy = Policy(older_than.total_seconds(), keep, models)
    with _opened(state) as (opened, alone):
        pieces = opened.retention.plan(policy) if dry_run else opened.retention.clean(policy)
        leftovers = list(opened.leftovers()) if alone else []
        size = sum(_size(path) for path in leftovers)
        if alone and not dry_run:
            opened.prepare()
        if not dry_run:
            opened.db.shrink()
        return CleanResult(
            state=state,
            dry_run=dry_run,
            server=not alone,
            removed=tuple(Removable(**asdict(piece)) for piece in pieces),
            bytes=sum(piece.bytes for piece in pieces),
            leftovers=len(leftovers),
            leftovers_bytes=size,
        )


@contextmanager
def _opened(root: Path) -> Iterator[tuple[State, bool]]:
    """The state, and whether nobody else has it."""
    if not (root / "platform.db").is_file():
        raise StorageError(
            "there is no local platform's state here", where=str(root), hint="Name another --state."
        )
    with hold_lock(root) as alone:
        state = State(root)
        try:
            if alone:
                state.db.prepare()
            with state.db.checked():
                yield state, alone
        finally:
            state.db.close()


def _server(root: Path) -> ServerStatus | None:
    try:
        return ServerStatus.model_validate(load((root / "server.json").read_bytes()))
    except (OSError, ValueError):  # it is just starting or ending
        return None


def _count(state: State, table: str, where: str = "1") -> int:
    row = state.db.one(f"SELECT count(*) AS n FROM {table} WHERE {where}")
    return int(row["n"]) if row else 0


def _size(path: Path) -> int:
    return sum(size_below(path)) if path.is_dir() else path.stat().st_size

"""The database by itself: transactions, threads, other versions, and what is said of a damaged file."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from local_state import claimed, keep, new_job, open_state

from ftkit.errors import StorageError
from ftkit.local.state import State
from ftkit.local.store.db import Database
from ftkit.local.store.schema import SCHEMA_VERSION


@pytest.fixture
def state(tmp_path: Path) -> State:
    """An empty state."""
    return open_state(tmp_path / "platform")


def insert(connection: sqlite3.Connection, identifier: str) -> None:
    connection.execute(
        "INSERT INTO files (id, bytes, created_at, filename, purpose, sha256)"
        " VALUES (?, 1, 1, 'a', 'b', 'c')",
        (identifier,),
    )


def ids(state: State) -> list[str]:
    return [row["id"] for row in state.db.all("SELECT id FROM files ORDER BY seq")]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, sqlite3.IntegrityError])
def test_whatever_ends_a_transaction_early_undoes_all_of_it(state: State, error: type[BaseException]) -> None:
    with pytest.raises(error), state.db.write() as connection:
        insert(connection, "f1")
        insert(connection, "f2")
        raise error
    assert ids(state) == []
    with state.db.write() as connection:
        insert(connection, "f3")
    assert ids(state) == ["f3"], "and the next transaction is a whole one again"


def test_a_refused_statement_undoes_those_before_it(state: State) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"), state.db.write() as connection:
        insert(connection, "same")
        insert(connection, "same")
    assert ids(state) == []


def test_an_event_of_no_job_is_refused(state: State) -> None:
    """Foreign keys are off in SQLite unless every connection asks for them."""
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"), state.db.write() as connection:
        connection.execute("INSERT INTO steps VALUES ('ftjob-none', 1, 0.5, 0.5, NULL, NULL)")


def test_readers_do_not_wait_for_a_writer_and_see_the_state_before_it(state: State) -> None:
    seen: list[list[str]] = []
    with state.db.write() as connection:
        insert(connection, "coming")
        reader = threading.Thread(target=lambda: seen.append(ids(state)))
        reader.start()
        reader.join(10)
    assert seen == [[]] and ids(state) == ["coming"]


def test_writers_in_many_threads_lose_nothing(state: State) -> None:
    """Read-modify-write in every thread: with a lost update the sum would be smaller."""
    with state.db.write() as connection:
        insert(connection, "counter")

    def add() -> None:
        for _ in range(10):
            with state.db.write() as connection:
                [(found,)] = connection.execute("SELECT bytes FROM files WHERE id = 'counter'").fetchall()
                connection.execute("UPDATE files SET bytes = ? WHERE id = 'counter'", (found + 1,))

    threads = [threading.Thread(target=add) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    row = state.db.one("SELECT bytes FROM files WHERE id = 'counter'")
    assert row is not None and row["bytes"] == 61


def test_every_thread_has_its_own_connection_and_can_give_it_back(state: State) -> None:
    mine = state.db.connection()
    assert state.db.connection() is mine
    others: list[sqlite3.Connection] = []

    def use() -> None:
        others.append(state.db.connection())
        state.db.close_own()
        state.db.close_own()  # a second time is nothing

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    [other] = others
    assert other is not mine
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        other.execute("SELECT 1")
    assert mine.execute("SELECT 1").fetchone()[0] == 1


def test_a_closed_database_opens_again_when_it_is_asked(state: State) -> None:
    with state.db.write() as connection:
        insert(connection, "kept")
    state.db.close()
    with pytest.raises(sqlite3.ProgrammingError):
        connection.execute("SELECT 1")
    assert ids(state) == ["kept"]


def test_preparing_twice_changes_nothing(state: State) -> None:
    job = new_job(state)
    again = open_state(state.root)
    assert [found.id for found in again.jobs.page(after=None, limit=5, metadata=None).items] == [job]


@pytest.mark.parametrize("version", [SCHEMA_VERSION + 1, 99, -1])
def test_another_version_is_refused_and_left_alone(state: State, version: int) -> None:
    new_job(state)
    with state.db.write() as connection:
        connection.execute(f"PRAGMA user_version={version}")
    state.db.close()
    before = state.db.path.read_bytes()
    with pytest.raises(StorageError) as refused:
        open_state(state.root)
    assert f"schema {version}, not {SCHEMA_VERSION}" in refused.value.message
    assert refused.value.where == str(state.db.path)
    assert "another state directory" in (refused.value.hint or "")
    assert state.db.path.read_bytes() == before


def no_database(path: Path) -> None:
    path.write_bytes(b"This is a letter, not a database.\n" * 100)


def all_but_the_header(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:100] + b"\xa5" * (len(data) - 100))


def half(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 3])


def tables_only(path: Path) -> None:
    """The version and the list of tables are fine, every table's own page is not."""
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xa5" * (len(data) - 4096))


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [no_database, all_but_the_header, half, tables_only, a_folder])
def test_a_damaged_database_is_said_with_its_place(state: State, damage: Callable[[Path], None]) -> None:
    new_job(state)
    state.db.close()
    for left in state.root.glob("platform.db-*"):
        left.unlink()
    damage(state.db.path)
    with pytest.raises(StorageError, match="the platform's database cannot be used") as refused:
        open_state(state.root)
    assert refused.value.where == str(state.db.path) and refused.value.hint


def test_a_table_that_is_not_there_is_said_too(state: State) -> None:
    state.db.close()
    with sqlite3.connect(state.db.path) as other:
        other.execute("DROP TABLE batches")
    other.close()
    with pytest.raises(StorageError, match="no such table: batches"):
        open_state(state.root)


def test_an_interrupted_creation_is_done_again(tmp_path: Path) -> None:
    """A crash while the tables are made leaves an empty file of version 0: the next start makes them."""
    path = tmp_path / "platform.db"
    path.touch()
    Database(path).prepare()
    state = open_state(tmp_path)
    identifier = new_job(state)
    assert claimed(state).id == identifier


def test_what_was_not_checkpointed_is_read_from_the_log(state: State) -> None:
    """A killed server leaves its last transactions in the write-ahead log only."""
    file = keep(state, b"x")
    copy = state.root.with_name("copy")
    copy.mkdir()
    for name in ("platform.db", "platform.db-wal"):
        (copy / name).write_bytes((state.root / name).read_bytes())
    found = State(copy).files.get(file.id)
    assert found == file

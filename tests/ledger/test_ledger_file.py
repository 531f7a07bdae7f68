"""The ledger's file: made late, migrated, never harmed; every fault of it in words."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from ftkit.errors import StorageError
from ftkit.ledger import Ledger
from ftkit.ledger.schema import APPLICATION_ID, MIGRATIONS, SCHEMA
from ftkit.storage.file import FileStorage

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def place(path: Path) -> Path:
    """These tests are about the file."""
    return path


def storage(path: Path, versions: Sequence[Sequence[str]] = MIGRATIONS) -> FileStorage:
    return FileStorage(path, SCHEMA._replace(versions=versions))


def used(path: Path) -> Ledger:
    """A ledger with one upload done, closed."""
    ledger = Ledger(path)
    with ledger.claim("upload", "p", {"n": 0}) as claim:
        claim.intend()
        claim.finish("file-1")
    ledger.close()
    return ledger


def test_reading_makes_no_file(ledger: Ledger, path: Path) -> None:
    assert list(ledger.operations()) == [] and ledger.passed("a", "b", "c") is None
    assert not path.parent.exists()


def test_what_is_written_is_durable_and_in_wal(path: Path) -> None:
    store = storage(path)
    with store.write() as to:
        assert to.rows("PRAGMA journal_mode") == [{"journal_mode": "wal"}]
        assert to.rows("PRAGMA synchronous") == [{"synchronous": 2}], "FULL"
    store.close()
    with sqlite3.connect(path) as plain:
        assert plain.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
        assert plain.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    plain.close()


def test_a_transaction_that_fails_leaves_nothing(path: Path) -> None:
    store = storage(path)
    with pytest.raises(ZeroDivisionError), store.write() as to:
        to.execute("INSERT INTO passes VALUES ('a', 'b', 'c', 0, '{}')")
        raise ZeroDivisionError
    assert store.rows("SELECT * FROM passes") == []
    store.close()


def version_1(path: Path) -> None:
    """A file as the first version writes it, made by hand."""
    path.parent.mkdir(parents=True)
    with sqlite3.connect(path) as made:
        for statement in MIGRATIONS[0]:
            made.execute(statement)
        made.execute(f"PRAGMA application_id={APPLICATION_ID}")
        made.execute("PRAGMA user_version=1")
        made.execute(
            "INSERT INTO operations (key, kind, platform, state, name, request, result_id, result,"
            " intended_at, done_at, attempts, pid, host, version)"
            " VALUES ('00', 'job', 'p', 'done', 'n', '{}', 'ftjob-1', ?, 1.5, 2.5, 1, 4, 'h', '0.1.0')",
            ('{"a": 1}',),
        )
        made.execute(
            "INSERT INTO log (key, at, what, name, note, pid, host, version)"
            " VALUES ('00', 2.5, 'done', 'n', 'ftjob-1', 4, 'h', '0.1.0')"
        )
    made.close()


def test_a_file_of_version_1_is_read_by_this_one(path: Path) -> None:
    version_1(path)
    found = Ledger(path).get("ftjob-1")
    assert found.result == {"a": 1} and found.done_at is not None and found.done_at.timestamp() == 2.5
    assert [h.what for h in found.history] == ["done"]


def test_a_file_of_version_1_knows_the_contents_of_its_uploads_in_version_2(path: Path) -> None:
    version_1(path)
    with sqlite3.connect(path) as made:
        for key, kind, request in (("01", "upload", '{"sha256": "ab"}'), ("02", "upload", "{}")):
            made.execute(
                "INSERT INTO operations SELECT NULL, ?, ?, platform, state, name, ?, 'file-' || ?, result,"
                " intended_at, done_at, attempts, pid, host, version FROM operations WHERE key = '00'",
                (key, kind, request, key),
            )
    made.close()
    ledger = Ledger(path)
    assert [ledger.content_of("p", f"file-{n}") for n in ("01", "02")] == ["ab", None]
    assert ledger.content_of("p", "ftjob-1") is None and ledger.content_of("q", "file-01") is None
    ledger.close()


def test_a_migration_keeps_what_is_there_and_is_done_once(path: Path) -> None:
    version_1(path)
    newer = (*MIGRATIONS, ("ALTER TABLE operations ADD COLUMN paid REAL", "UPDATE operations SET paid = 1.0"))
    for _ in range(2):
        store = storage(path, newer)
        (row,) = store.rows("SELECT paid, result_id FROM operations")
        assert tuple(row.values()) == (1.0, "ftjob-1")
        assert store.rows("PRAGMA user_version") == [{"user_version": len(newer)}]
        store.close()


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    version_1(path)
    broken = (*MIGRATIONS, ("ALTER TABLE operations ADD COLUMN paid REAL", "DELETE FROM no_such_table"))
    with pytest.raises(StorageError, match="no such table"):
        storage(path, broken).rows("SELECT 1")
    store = storage(path)
    assert "paid" not in [row["name"] for row in store.rows("PRAGMA table_info(operations)")]
    assert len(store.rows("SELECT * FROM operations")) == 1
    store.close()


def test_many_that_make_the_file_at_once_make_one(start: Start, path: Path) -> None:
    code = 'ledger.remember_pass(sys.argv[1], "p", "r")'
    processes = [start(code, str(number)) for number in range(6)]
    for process in processes:
        assert process.wait(60) == 0, process.communicate()[1]
    assert all(Ledger(path).passed(str(number), "p", "r") == {} for number in range(6))


def test_a_newer_ledger_is_left_as_it_is(path: Path) -> None:
    used(path)
    with sqlite3.connect(path) as plain:
        plain.execute("PRAGMA user_version=99")
    plain.close()
    before = path.read_bytes()
    with pytest.raises(StorageError, match=r"newer ftkit \(schema 99") as caught:
        Ledger(path).remember_pass("a", "b", "c")
    assert "Upgrade ftkit" in str(caught.value) and str(path) in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize("read", [True, False])
def test_a_file_that_is_no_database_is_left_as_it_is(path: Path, read: bool) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("Dear diary, " * 400)
    with pytest.raises(StorageError, match="not a database") as caught:
        list(Ledger(path).operations()) if read else used(path)
    assert "Nothing was changed" in str(caught.value.hint)
    assert path.read_text() == "Dear diary, " * 400
    assert sorted(p.name for p in path.parent.iterdir()) == ["ledger.db", "ledger.lock"]


def test_another_s_database_is_left_as_it_is(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE stamps (id INTEGER)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StorageError, match="no ledger of ftkit"):
        used(path)
    assert path.read_bytes() == before


def test_a_damaged_ledger_says_so(path: Path) -> None:
    ledger = Ledger(path)
    for number in range(200):
        ledger.remember_pass(f"{number:0>64}", "p", "r", note="x" * 100)
    ledger.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    with pytest.raises(StorageError, match="malformed") as caught:
        used(path)
    assert "Put a copy of it back" in str(caught.value.hint)


def test_a_ledger_removed_under_a_running_process_is_begun_anew(ledger: Ledger, path: Path) -> None:
    """What a process writes into a file without a name, no other would ever see."""
    with ledger.claim("upload", "p", {"n": 0}) as claim:
        claim.intend()
        shutil.rmtree(path.parent)
        claim.finish("file-1")
    with Ledger(path).claim("upload", "p", {"n": 0}) as later:
        assert later.result_id == "file-1"
    ledger.close()


def test_where_there_can_be_no_wal_it_is_said(tmp_path: Path) -> None:
    """SQLite's own memory has none, as some network file systems have none."""
    with (
        pytest.raises(StorageError, match="cannot be kept on this file system") as caught,
        storage(Path(":memory:")).write(),
    ):
        raise AssertionError("not reached")
    assert "FTKIT_STATE_DIR" in str(caught.value.hint)


def test_an_empty_file_becomes_a_ledger(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.touch()
    used(path)
    assert [o.result_id for o in Ledger(path).operations()] == ["file-1"]


def test_a_state_directory_that_is_a_file(path: Path) -> None:
    path.parent.write_text("not a folder")
    for use in (lambda: used(path), lambda: Ledger(path).remember_pass("a", "b", "c")):
        with pytest.raises(StorageError, match="cannot use this place"):
            use()


CLAIM = """
import os, resource, sys
from pathlib import Path
from ftkit.errors import StorageError
from ftkit.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
if sys.argv[2] == "nobody" and os.geteuid() == 0:
    os.setuid(65534)  # root may write anywhere
if sys.argv[2] == "little room":
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
try:
    with ledger.claim("job", "p", {"n": 1}) as claim:
        claim.intend(filler="x" * int(sys.argv[3]))
        print("intended")
except StorageError as error:
    print("StorageError", error)
"""


def claimed(path: Path, how: str, filler: int = 1) -> str:
    """What a process says that claims in the ledger as ``how`` says."""
    command = [sys.executable, "-B", "-c", CLAIM, str(path), how, str(filler)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that others than its owner may go through, as pytest's may not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_folder_that_may_only_be_read(open_folder: Path) -> None:
    path = open_folder / "ledger.db"
    used(path)
    open_folder.chmod(0o555)
    said = claimed(path, "nobody")
    open_folder.chmod(0o755)
    assert said.startswith("StorageError") and "may write to" in said


def test_a_ledger_that_may_only_be_read(open_folder: Path) -> None:
    path = open_folder / "ledger.db"
    used(path)
    open_folder.chmod(0o777)
    path.chmod(0o444)
    path.with_suffix(".lock").chmod(0o666)
    said = claimed(path, "nobody")
    assert said.startswith("StorageError") and "readonly" in said and "writable disk" in said


def test_a_disk_without_room_loses_nothing_that_was_there(path: Path) -> None:
    used(path)
    said = claimed(path, "little room", filler=100_000)
    assert said.startswith("StorageError") and "free space" in said
    assert [o.result_id for o in Ledger(path).operations()] == ["file-1"]
    assert claimed(path, "little room").startswith("intended")


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors by /proc")
def test_a_thousand_claims_leave_no_descriptors_open(ledger: Ledger) -> None:
    with ledger.claim("job", "p", {"n": 0}):
        pass
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(1000):
        with ledger.claim("job", "p", {"n": number}):
            pass
    assert len(list(Path("/proc/self/fd").iterdir())) <= before

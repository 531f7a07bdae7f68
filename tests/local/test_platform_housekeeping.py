"""``ftkit local``, ``--keep-days`` and ``--max-disk``: the commands, the library, the server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import openai
import pytest
from local_platform import LocalServer, batch_bytes, run_batch, training_bytes, wait_for
from local_state import keep, new_job, on_disk, open_state, work

from ftkit.errors import StorageError, UsageError
from ftkit.local import clean, local_status
from ftkit.local.lock import hold_lock
from ftkit.local.state import State
from ftkit.local.store.room import Room
from ftkit.local.units import read_age, read_size

Start = Callable[..., LocalServer]


@pytest.fixture
def state(tmp_path: Path) -> State:
    """A state with a tuned model, a leftover and files of 1970."""
    state = open_state(tmp_path / "platform")
    new_job(state)
    work(state)
    for number in range(3):
        keep(state, b"x" * 1000 + bytes([number]), f"old-{number}.jsonl")
    with state.db.write() as connection:
        connection.execute("UPDATE files SET created_at = 1000 WHERE filename LIKE 'old-%'")
    (state.models.root / "m-left").mkdir()
    (state.models.root / "m-left" / "weights").write_bytes(b"y" * 500)
    state.db.close()
    return state


def ftkit(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Call the real command."""
    command = [sys.executable, "-m", "ftkit", "local", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def as_json(*arguments: str | Path) -> Any:
    done = ftkit(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_status_of_a_platform_that_does_not_run(state: State) -> None:
    found = local_status(state.root)
    assert found.server is None and found.open_jobs == 0
    assert found.counts == {"files": 5, "jobs": 1, "batches": 0, "models": 1, "uploads": 0}
    assert (found.removable, found.removable_bytes) == (3, 3003)
    assert found.total_bytes == sum(found.disk.values()) and found.disk["models"] > 500
    said = ftkit("status", "--state", state.root)
    assert said.returncode == 0 and "not running" in said.stdout and "3 things older" in said.stdout
    assert as_json("status", "--state", state.root)["removable"] == 3


def test_clean_says_first_and_does_it_then(state: State) -> None:
    before = on_disk(state)
    said = ftkit("clean", "--state", state.root)
    assert said.returncode == 0 and "would remove: 3 files, 1 leftovers; 3.5 kB" in said.stdout
    assert "--yes" in said.stdout and "old-2.jsonl" in said.stdout and on_disk(state) == before
    found = as_json("clean", "--state", state.root, "--keep", "1", "--yes")
    assert [(p["kind"], p["name"]) for p in found["removed"]] == [
        ("file", "old-0.jsonl"),
        ("file", "old-1.jsonl"),
    ]
    assert (found["leftovers"], found["leftovers_bytes"], found["server"]) == (1, 500, False)
    assert found["removed"][0]["at"] == "1970-01-01T00:16:40Z"
    assert len(on_disk(state)) == len(before) - 2 and not (state.models.root / "m-left").exists()
    assert "removed: 1 files" in ftkit("clean", "--state", state.root, "--yes").stdout
    assert "would remove: nothing; 0 B\n" in ftkit("clean", "--state", state.root).stdout


def test_the_database_gives_its_space_back(state: State) -> None:
    with state.db.write() as connection:
        connection.execute("UPDATE jobs SET error = ?", ("z" * 2_000_000,))
    with state.db.write() as connection:
        connection.execute("UPDATE jobs SET error = NULL")
    state.db.close()
    large = local_status(state.root).disk["database"]
    clean(state.root, dry_run=False)
    assert local_status(state.root).disk["database"] < large - 1_900_000


def test_both_beside_a_running_server(own_server: Start, tmp_path: Path) -> None:
    server = own_server()
    client = server.client()
    file = client.files.create(file=("old.jsonl", b"old"), purpose="batch")
    assert server.process is not None
    found = local_status(server.state)
    assert found.server is not None and (found.server.pid, found.server.url) == (
        server.process.pid,
        server.url,
    )
    (server.state / "work" / "somebody-is-at-this").mkdir()
    kept = clean(server.state, older_than=timedelta(days=1), dry_run=False)
    assert kept.server and kept.removed == () and kept.leftovers == 0
    assert (server.state / "work" / "somebody-is-at-this").exists(), "a worker may be about to name it"
    wait_for(lambda: clean(server.state, older_than=timedelta(0), dry_run=False).removed)
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)
    assert run_batch(client, batch_bytes("linear", ["a or b?"])).status == "completed"


def test_a_directory_that_is_none_of_a_platform(tmp_path: Path) -> None:
    for call in (local_status, clean):
        with pytest.raises(StorageError, match="no local platform's state"):
            call(tmp_path)
    done = ftkit("status", "--state", tmp_path / "none")
    assert done.returncode == 4 and "Traceback" not in done.stderr and str(tmp_path / "none") in done.stderr
    assert not (tmp_path / "none").exists()


def test_one_holds_the_lock(tmp_path: Path) -> None:
    with hold_lock(tmp_path) as first, hold_lock(tmp_path) as second:
        assert (first, second) == (True, False)
    with hold_lock(tmp_path) as again:
        assert again
    with pytest.raises(StorageError), hold_lock(tmp_path / "none"):
        pass


def test_a_server_removes_what_is_older_than_its_days(state: State, own_server: Start) -> None:
    server = own_server("--keep-days", "1", state=state.root)
    client = server.client()
    wait_for(lambda: len(client.files.list().data) == 2)
    assert len(client.models.list().data) > 1 and client.fine_tuning.jobs.list().data


def test_a_full_state_takes_nothing_new_and_gives_all_it_has(state: State, own_server: Start) -> None:
    used = local_status(state.root).total_bytes
    server = own_server("--max-disk", f"{used + 300_000}B", state=state.root)
    client = server.client()
    file = client.files.create(file=("t.jsonl", training_bytes(20)), purpose="fine-tune")
    with pytest.raises(openai.InternalServerError) as refused:
        client.files.create(file=("large", b"x" * 400_000), purpose="batch")
    assert refused.value.status_code == 507 and "--max-disk" in str(refused.value)
    assert refused.value.code == "insufficient_storage"
    assert not list((server.state / "files" / "incoming").iterdir()), "what came of it is gone"
    assert client.files.content(file.id).content == training_bytes(20)
    assert client.files.delete(file.id).deleted


def test_room_is_looked_at_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(tmp_path)
    room.require(1 << 60)  # no limit
    room.most = 100
    room.require(60)
    with pytest.raises(OSError, match="may hold 100 bytes"):
        room.require(60)
    room.require(40)
    with pytest.raises(OSError, match="--max-disk"):
        room.require()
    monkeypatch.setattr("ftkit.local.store.room._LOOK_SECONDS", -1)
    room.require(60)
    (tmp_path / "file").write_bytes(b"x" * 90)
    with pytest.raises(OSError, match="holds 90"):
        room.require(60)


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("90m", timedelta(minutes=90)),
        ("12h", timedelta(hours=12)),
        ("30d", timedelta(days=30)),
        ("0.5 d", timedelta(hours=12)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_ages(text: str, age: timedelta) -> None:
    assert read_age(text) == age


@pytest.mark.parametrize(
    ("text", "size"),
    [("0B", 0), ("800MB", 800_000_000), ("2GiB", 2 << 30), ("1.5k", 1500), ("3 TB", 3 * 10**12)],
)
def test_sizes(text: str, size: int) -> None:
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1y", "1e9d", "99999999999999w"])
def test_no_ages(text: str) -> None:
    with pytest.raises(UsageError, match="is not an age"):
        read_age(text)


@pytest.mark.parametrize("text", ["", "5", "MB", "-1MB", "1PB", "1 mB"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(UsageError, match="is not a size"):
        read_size(text)

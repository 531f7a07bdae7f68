"""Uploads in the store itself: expiry, sweeping, an older database, and ends that cross."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from local_state import keep, open_state

from ftkit.local.state import State
from ftkit.local.store.schema import IDEMPOTENCY, SCHEMA, UPLOADS
from ftkit.local.store.uploads import NotPending, StoredUpload


@pytest.fixture
def state(tmp_path: Path) -> State:
    """An empty state."""
    return open_state(tmp_path / "platform")


def begin(state: State, size: int) -> StoredUpload:
    return state.uploads.create(size=size, filename="a.jsonl", purpose="batch", file_seconds=None)


def add(state: State, upload: StoredUpload, data: bytes) -> str:
    with state.files.blobs.writer() as writer:
        writer.write(data)
        return state.uploads.add_part(upload.id, writer.finish()).id


def age(state: State, upload: StoredUpload, seconds: int = 3601) -> None:
    with state.db.write() as connection:
        connection.execute(
            "UPDATE uploads SET expires_at = expires_at - ? WHERE id = ?", (seconds, upload.id)
        )


def stored(state: State) -> list[str]:
    return list(state.files.blobs.stored())


def test_an_expired_upload_says_so_and_takes_nothing_more(state: State) -> None:
    upload = begin(state, 3)
    part = add(state, upload, b"abc")
    age(state, upload)
    found = state.uploads.get(upload.id)
    assert found is not None and found.view(None)["status"] == "expired"
    steps: list[Callable[[], object]] = [
        lambda: add(state, upload, b"d"),
        lambda: state.uploads.complete(upload.id, [part], None),
        lambda: state.uploads.cancel(upload.id),
    ]
    for step in steps:
        with pytest.raises(NotPending):
            step()
    assert list(state.files.page(purpose=None, ascending=True, after=None, limit=5).items) == []


def test_the_next_upload_clears_away_those_that_expired(state: State) -> None:
    old, running = begin(state, 9), begin(state, 9)
    add(state, old, b"old")
    add(state, old, b"both")
    add(state, running, b"both")
    age(state, old)
    begin(state, 1)
    assert stored(state) == [hashlib.sha256(b"both").hexdigest()]


def test_a_start_clears_away_what_expired_meanwhile_and_keeps_the_rest(state: State) -> None:
    old, running = begin(state, 3), begin(state, 3)
    add(state, old, b"old")
    part = add(state, running, b"new")
    age(state, old)
    state.db.close()
    again = open_state(state.root)
    assert stored(again) == [hashlib.sha256(b"new").hexdigest()]
    done = again.uploads.complete(running.id, [part], hashlib.md5(b"new").hexdigest())
    file = again.uploads.file(done)
    assert file is not None and again.files.path(file).read_bytes() == b"new"


def test_a_completed_uploads_file_may_be_deleted(state: State) -> None:
    upload = begin(state, 3)
    done = state.uploads.complete(upload.id, [add(state, upload, b"abc")], None)
    file = state.uploads.file(done)
    assert file is not None and state.files.delete(file.id)
    assert state.uploads.file(done) is None and stored(state) == []
    assert done.view(None)["status"] == "completed"


def test_a_cancellation_that_comes_first_wins(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the parts are being joined another request cancels: no file comes of it."""
    upload = begin(state, 6)
    parts = [add(state, upload, b"abc"), add(state, upload, b"def")]
    join = state.uploads._join
    monkeypatch.setattr(
        state.uploads,
        "_join",
        lambda parts, writer: (join(parts, writer), state.uploads.cancel(upload.id))[0],
    )
    with pytest.raises(NotPending):
        state.uploads.complete(upload.id, parts, None)
    assert stored(state) == [] and not list(state.files.blobs.incoming.iterdir())


def test_parts_that_vanish_while_they_are_joined_are_a_refusal(state: State) -> None:
    upload = begin(state, 3)
    part = add(state, upload, b"abc")
    state.files.blobs.discard(hashlib.sha256(b"abc").hexdigest())
    with pytest.raises(NotPending):
        state.uploads.complete(upload.id, [part], None)


def test_the_state_of_an_older_version_is_brought_up_to_this_one(tmp_path: Path) -> None:
    root = tmp_path / "old"
    root.mkdir()
    with sqlite3.connect(root / "platform.db") as old:
        for statement in SCHEMA:
            if statement not in (*UPLOADS, *IDEMPOTENCY):
                old.execute(statement)
        old.execute("ALTER TABLE jobs DROP COLUMN method")
        old.execute("ALTER TABLE batches DROP COLUMN output_seconds")
        old.execute("PRAGMA user_version=1")
    old.close()
    state = open_state(root)
    file = keep(state, b"kept\n")
    upload = begin(state, 3)
    add(state, upload, b"abc")
    state.db.close()
    again = open_state(root)
    assert again.files.get(file.id) == file
    found = again.uploads.get(upload.id)
    assert found is not None and found.pending

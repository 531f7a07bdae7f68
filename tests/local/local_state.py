"""A platform's state without its server: files, jobs and batches, and work on them in this process."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from local_platform import chat_example, fruit_rows, jsonl

from ftkit.local.state import State
from ftkit.local.store.batches import Batch
from ftkit.local.store.files import StoredFile
from ftkit.local.store.jobs import Job, NewJob
from ftkit.local.store.leases import Lease
from ftkit.local.worker import Worker


def open_state(root: Path) -> State:
    """The state in a directory, as a server opens it."""
    state = State(root)
    state.prepare()
    return state


def keep(state: State, data: bytes, name: str = "data.jsonl", **options: Any) -> StoredFile:
    """Take bytes into the store, as an upload does."""
    with state.files.blobs.writer() as writer:
        writer.write(data)
        return state.files.keep(writer.finish(), **{"filename": name, "purpose": "fine-tune", **options})


def training(count: int = 30) -> bytes:
    """A training file in which the label can be learnt."""
    return jsonl([chat_example(text, label) for text, label in fruit_rows(count)])


def new_job(
    state: State,
    data: bytes | None = None,
    *,
    validation: bytes | None = None,
    delete: bool = False,
    **change: Any,
) -> str:
    """A job on a kept file; with ``delete`` the client removes its files at once."""
    file = keep(state, training() if data is None else data)
    other = keep(state, validation) if validation is not None else None
    fields: dict[str, Any] = {
        "model": "linear",
        "engine": "linear",
        "suffix": None,
        "seed": 1,
        "training_file": file.id,
        "training_sha256": file.sha256,
        "validation_file": other.id if other else None,
        "validation_sha256": other.sha256 if other else None,
        "hyperparameters": {"n_epochs": 2, "batch_size": 8},
        "metadata": None,
    }
    job = state.jobs.create(NewJob(**{**fields, **change}))
    if delete:
        for kept in (file, other):
            if kept is not None:
                state.files.delete(kept.id)
    return job.id


def new_batch(state: State, data: bytes = b"", *, seconds: int = 3600, delete: bool = False) -> str:
    """A batch on a kept file."""
    file = keep(state, data, purpose="batch")
    batch = state.batches.create(
        endpoint="/v1/chat/completions",
        input_file_id=file.id,
        input_sha256=file.sha256,
        window="1h",
        seconds=seconds,
        metadata={},
    )
    if delete:
        state.files.delete(file.id)
    return batch.id


def job_of(state: State, identifier: str) -> Job:
    """The job, which must be there."""
    job = state.jobs.get(identifier)
    assert job is not None
    return job


def batch_of(state: State, identifier: str) -> Batch:
    """The batch, which must be there."""
    batch = state.batches.get(identifier)
    assert batch is not None
    return batch


def claimed(state: State, owner: str = "w") -> Lease:
    """A claim on the oldest open work, which must be there."""
    lease = state.leases.claim(owner)
    assert lease is not None
    return lease


def work(state: State, owner: str = "worker", *, stand_ins: tuple[str, ...] = ()) -> None:
    """Do everything that is open, as a worker process does."""
    worker = Worker(state.root, owner, stand_ins, idle_seconds=0.02)
    worker.run()


def content(state: State, file_id: str | None) -> bytes:
    """A stored file's bytes, which must be those that its hash names."""
    assert file_id is not None
    file = state.files.get(file_id)
    assert file is not None
    data = state.files.path(file).read_bytes()
    assert hashlib.sha256(data).hexdigest() == file.sha256 and len(data) == file.bytes
    return data


def records(state: State, file_id: str | None) -> list[Any]:
    """A stored JSON Lines file's records."""
    return [json.loads(line) for line in content(state, file_id).splitlines()]


def messages(state: State, job_id: str) -> list[str]:
    """A job's event messages, oldest first."""
    return [event["message"] for event in state.events.events(job_id, after=None, limit=1000).items][::-1]


def on_disk(state: State) -> set[str]:
    """The hashes of the blobs that lie in the store."""
    return {path.name for path in state.files.blobs.root.glob("??/*")}

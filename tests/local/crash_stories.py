"""What a platform is doing when it is killed, and what must be true afterwards: a story for each kind.

A story's ``tell`` does the work on a state directory and writes down what it was promised, as a client
would; ``check`` opens the directory again, lets the work go on, and asserts that all promises are kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_platform import batch_bytes
from local_state import (
    batch_of,
    content,
    job_of,
    keep,
    messages,
    new_batch,
    new_job,
    on_disk,
    open_state,
    records,
    training,
    work,
)

from ftkit.local.engines.base import ModelSpec
from ftkit.local.engines.linear import LinearEngine
from ftkit.local.state import State
from ftkit.local.store.retention import Policy

BATCH = 1100  # three pieces


class Promises:
    """What a client was told, line by line in a file that outlives the process."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, kind: str, **said: Any) -> None:
        """Write one down."""
        with self.path.open("a") as file:
            file.write(json.dumps({"kind": kind, **said}) + "\n")

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Those of a kind, in order."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [line for line in map(json.loads, lines) if line["kind"] == kind]


@dataclass(frozen=True)
class Story:
    """``tell`` may be ended at any point; ``check`` runs in another process."""

    tell: Callable[[Path, Promises], None]
    check: Callable[[State, Promises], None]


def tell_files(root: Path, promises: Promises) -> None:
    """Uploads of equal and other content, small and large, some deleted again."""
    state = open_state(root)
    for number, data in enumerate((b"one", b"two", b"one")):
        file = keep(state, data, f"f{number}")
        promises.add("file", id=file.id, sha256=hashlib.sha256(data).hexdigest())
    with state.files.blobs.writer(hashed=False) as writer:
        writer.write(b"large")
        large = state.files.keep(writer.finish(), filename="large", purpose="batch")
    promises.add("file", id=large.id, sha256=hashlib.sha256(b"large").hexdigest())
    assert state.files.get(large.id)
    first = promises.all("file")[0]
    promises.add("deleting", id=first["id"])
    state.files.delete(first["id"])
    promises.add("deleted", id=first["id"])
    upload = state.uploads.create(size=6, filename="parts", purpose="batch", file_seconds=None)
    parts = []
    for piece in (b"abc", b"def"):
        with state.files.blobs.writer() as writer:
            writer.write(piece)
            parts.append(state.uploads.add_part(upload.id, writer.finish()).id)
    made = state.uploads.complete(upload.id, parts, hashlib.md5(b"abcdef").hexdigest())
    promises.add("file", id=made.file_id, sha256=hashlib.sha256(b"abcdef").hexdigest())


def check_files(state: State, promises: Promises) -> None:
    """Every file is whole, a deleted one is gone, and nothing else lies there but what records name."""
    deleting = {said["id"] for said in promises.all("deleting")}
    for said in promises.all("file"):
        if said["id"] not in deleting:
            assert hashlib.sha256(content(state, said["id"])).hexdigest() == said["sha256"]
    for said in promises.all("deleted"):
        assert state.files.get(said["id"]) is None


def tell_job(root: Path, promises: Promises) -> None:
    """A training of two epochs, whose file is deleted while it runs."""
    state = open_state(root)
    promises.add("job", id=new_job(state, training(40), validation=training(12), delete=True))
    work(state)


def check_job(state: State, promises: Promises) -> None:
    """The job ends as it would have ended; each of its events is there once."""
    for said in promises.all("job"):
        job = job_of(state, said["id"])
        assert job.status == "succeeded", job["error"]
        _, steps = content(state, job["result_file"]).decode().split("\n", 1)
        promises.add("result", steps=steps)
        told = [m for m in messages(state, job.id) if "Taken up again" not in m]
        assert len(told) == len(set(told)), told
        folders = {row["folder"] for row in state.db.all("SELECT folder FROM checkpoints")}
        assert {path.name for path in state.models.root.iterdir()} == folders and len(folders) == 2
        model = state.models.get(job["fine_tuned_model"])
        assert model is not None
        assert LinearEngine().load(state.models.path(model), ModelSpec("linear", "linear"))


def tell_batch(root: Path, promises: Promises) -> None:
    """A batch of three pieces, whose input is deleted while it runs."""
    state = open_state(root)
    texts = [f"Is number {number} odd or even?" for number in range(BATCH)]
    promises.add("batch", id=new_batch(state, batch_bytes("linear", texts), delete=True))
    work(state)


def check_batch(state: State, promises: Promises) -> None:
    """Every request is answered once, in order."""
    for said in promises.all("batch"):
        batch = batch_of(state, said["id"])
        assert batch.status == "completed", batch["errors"]
        lines = records(state, batch["output_file_id"])
        assert [line["custom_id"] for line in lines] == [f"r{number}" for number in range(BATCH)]
        assert len({line["id"] for line in lines}) == BATCH
        assert (batch["total"], batch["completed"], batch["failed"]) == (BATCH, BATCH, 0)
        assert batch["completion_tokens"] == BATCH


def tell_clean(root: Path, promises: Promises) -> None:
    """A trained model and its files, all a month too old, are removed beside a young file."""
    state = open_state(root)
    new_job(state, training(12))
    work(state)
    keep(state, b"old")
    with state.db.write() as connection:
        for statement in (
            "UPDATE jobs SET created_at = 1, finished_at = 1",
            *(f"UPDATE {table} SET created_at = 1" for table in ("files", "models", "checkpoints")),
        ):
            connection.execute(statement)
    young = keep(state, b"young")
    promises.add("young", id=young.id)
    state.retention.clean(Policy(models=True))
    promises.add("clean")


def check_clean(state: State, promises: Promises) -> None:
    """What is young stays, what was said to be gone is, and what was not can be removed now."""
    for said in promises.all("young"):
        assert content(state, said["id"]) == b"young"
        gone = state.retention.clean(Policy(models=True))
        assert not (gone and promises.all("clean"))
        assert not list(state.models.root.iterdir()) and len(on_disk(state)) == 1


def check(root: Path, story: Story, promises: Promises) -> None:
    """Open the state again, let work go on, and see that all is well."""
    state = open_state(root)
    before = {row["id"]: row["completed"] for row in state.db.all("SELECT id, completed FROM batches")}
    asked = _count_asks()
    work(state)
    story.check(state, promises)
    for identifier, completed in before.items():
        assert sum(asked) == BATCH - completed, f"{identifier}: {sum(asked)} asked after {completed} done"
    _check_nothing_else(state)


def _count_asks() -> list[int]:
    """How many requests the linear engine's base answers from now on, for good."""
    asked: list[int] = []
    base = LinearEngine.base

    def counting(self: LinearEngine, model: ModelSpec) -> Any:
        responder: Any = base(self, model)
        answer = responder.answer

        def counted(asks: Sequence[Any]) -> Any:
            asked.append(len(asks))
            return answer(asks)

        responder.answer = counted
        return responder

    setattr(LinearEngine, "base", counting)  # noqa: B010
    return asked


def _check_nothing_else(state: State) -> None:
    """No leftovers: in the store lies exactly what records name."""
    for row in state.db.all("SELECT id FROM files"):
        assert state.files.get(row["id"])
    rows = state.db.all("SELECT sha256 FROM files UNION SELECT sha256 FROM upload_parts")
    named = {row["sha256"] for row in rows}
    assert on_disk(state) == named
    assert not list(state.files.blobs.incoming.iterdir()) and not list(state.files.blobs.aside())
    assert not list(state.work.iterdir())
    assert state.db.one("PRAGMA integrity_check")[0] == "ok"  # type: ignore[index]


STORIES = {
    "files": Story(tell_files, check_files),
    "job": Story(tell_job, check_job),
    "batch": Story(tell_batch, check_batch),
    "clean": Story(tell_clean, check_clean),
}

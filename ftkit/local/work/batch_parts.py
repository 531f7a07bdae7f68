"""The two files that a batch's answers go to: written piece by piece, taken over, handed over.

A piece is on the disk before the database says so. A worker that takes a batch up copies the bytes that
the database knows of; what an earlier one wrote after them is not looked at.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from ftkit.local.state import State
from ftkit.local.store.batches import Batch
from ftkit.local.store.blobs import FinishedBlob, finished, link_or_copy, sync, sync_directory
from ftkit.local.store.leases import Lease
from ftkit.local.work.batch_answers import Answers

NAMES = {"output": "output_bytes", "errors": "error_bytes"}
"""The files, and the columns that say how many of their bytes are good."""
_FILES = {"output": ("output_file_id", "output"), "errors": ("error_file_id", "error")}
"""The files, with the columns and the words in the names of what they become."""


class Parts:
    """One attempt's part files, open for appending."""

    def __init__(self, state: State, lease: Lease, folder: Path) -> None:
        self._state = state
        self._lease = lease
        self._stack = ExitStack()
        self._files: dict[str, BinaryIO] = {
            name: self._stack.enter_context((folder / name).open("ab")) for name in NAMES
        }

    def __enter__(self) -> Parts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def record(self, answers: Answers, end: int) -> None:
        """Make a piece's answers durable; ``end``: the offset in the input after it. Raises ``LeaseLost``."""
        for name, lines in (("output", answers.output), ("errors", answers.errors)):
            if lines:
                file = self._files[name]
                file.write(b"".join(lines))
                file.flush()
                sync(file.fileno())
        with self._state.leases.write(self._lease) as connection:
            connection.execute(
                "UPDATE batches SET input_offset = ?, output_bytes = ?, error_bytes = ?, "
                " completed = completed + ?, failed = failed + ?, prompt_tokens = prompt_tokens + ?,"
                " completion_tokens = completion_tokens + ?"
                " WHERE id = ?",
                (
                    end,
                    *(self._files[name].tell() for name in NAMES),
                    len(answers.output),
                    len(answers.errors),
                    answers.prompt_tokens,
                    answers.completion_tokens,
                    self._lease.id,
                ),
            )


def take_over(state: State, lease: Lease, batch: Batch) -> Path:
    """This attempt's folder, begun with the good bytes of the attempt before. Raises ``LeaseLost``."""
    folder = state.work / f"{lease.id}-{lease.attempt}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, column in NAMES.items():
        with (folder / name).open("wb") as target:
            if batch[column]:
                _copy(state.work / batch["parts"] / name, target, batch[column])
            target.flush()
            sync(target.fileno())
    sync_directory(folder)
    sync_directory(folder.parent)
    with state.leases.write(lease) as connection:
        connection.execute("UPDATE batches SET parts = ? WHERE id = ?", (folder.name, lease.id))
    if batch["parts"]:
        shutil.rmtree(state.work / batch["parts"], ignore_errors=True)
    return folder


def whole_parts(folder: Path) -> dict[str, FinishedBlob]:
    """The part files that are not empty, durable, and each under a second name.

    The first name stays for the next worker, should this one die before they are handed over.
    """
    found: dict[str, FinishedBlob] = {}
    for name in NAMES:
        part = folder / name
        if part.stat().st_size:
            twin = part.with_suffix(".whole")
            twin.unlink(missing_ok=True)
            link_or_copy(part, twin)
            found[name] = finished(twin)
    return found


def keep(
    state: State,
    connection: sqlite3.Connection,
    batch: Batch,
    parts: Mapping[str, FinishedBlob],
    expires_at: int | None,
) -> dict[str, str]:
    """Make files of the parts, in a transaction: the batch's columns with their ids."""
    ids: dict[str, str] = {}
    for name, blob in parts.items():
        column, word = _FILES[name]
        file = state.files.keep(
            blob,
            filename=f"{batch.id}_{word}.jsonl",
            purpose="batch_output",
            expires_at=expires_at,
            connection=connection,
        )
        ids[column] = file.id
    return ids


def _copy(source: Path, target: BinaryIO, size: int) -> None:
    with source.open("rb") as file:
        while size and (data := file.read(min(size, 1 << 20))):
            target.write(data)
            size -= len(data)

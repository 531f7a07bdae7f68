"""Do a batch: check its input, answer its requests in pieces, hand over the output and error files.

Answers go to part files. After each piece they are fsynced, and one transaction records how far the
input and both files are good; a worker that takes a batch up again copies the good bytes and goes
on from there, so no finished request is done twice and none is lost.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from ftkit.local.completions import ChatRequest, chat_request, completion
from ftkit.local.engines.asking import Answer, Refusal
from ftkit.local.envelope import ApiError, bad_value, model_not_found
from ftkit.local.ids import new_id
from ftkit.local.jsonio import dump_line, dump_text
from ftkit.local.models import LoadedModels
from ftkit.local.names import Names, ServedModel
from ftkit.local.state import State
from ftkit.local.store.blobs import finished
from ftkit.local.store.leases import Lease
from ftkit.local.work.batch_input import Line, check, requests

CHUNK = 512


@dataclass(slots=True)
class Answers:
    """A piece's answers: output and error lines, in input order, and their totals."""

    output: list[bytes] = field(default_factory=list)
    errors: list[bytes] = field(default_factory=list)
    prompt_tokens: int = 0
    completion_tokens: int = 0


def run_batch(state: State, lease: Lease, names: Names, models: LoadedModels) -> None:
    """Bring a batch to its end, from where an earlier worker left it. Raises ``LeaseLost``."""
    BatchRun(state, lease, names, models).run()


def fail_batch(state: State, lease: Lease, message: str) -> None:
    """End a batch that this platform itself could not do."""
    fault = {"code": "internal_error", "line": None, "message": message, "param": None}
    with state.leases.write(lease) as connection:
        _finish(connection, lease.id, "failed", errors=dump_text({"object": "list", "data": [fault]}))


def _finish(connection: sqlite3.Connection, batch_id: str, status: str, **columns: Any) -> None:
    settings = "".join(f", {name} = ?" for name in columns)
    connection.execute(
        f"UPDATE batches SET status = ?, {status}_at = ?, lease_owner = NULL, lease_until = NULL{settings}"
        " WHERE id = ?",
        (status, int(time.time()), *columns.values(), batch_id),
    )


class BatchRun:
    """One worker's attempt at a batch."""

    def __init__(self, state: State, lease: Lease, names: Names, models: LoadedModels) -> None:
        self._state = state
        self._lease = lease
        self._names = names
        self._models = models
        self._find = cache(names.find)

    def run(self) -> None:
        """Validate, answer, finalise; or only the last of these for a batch that is being cancelled."""
        batch = self._state.batches.get(self._lease.id)
        assert batch is not None
        source = self._state.files.blobs.path(batch["input_sha256"])
        if batch.status != "validating" or self._validate(source, batch["endpoint"]):
            self._answer(source)
            self._hand_over()
        self._state.files.discard_unneeded(batch["input_sha256"])

    def _validate(self, source: Path, endpoint: str) -> bool:
        checked = check(source, endpoint, lambda name: self._find(name) is not None)
        with self._state.leases.write(self._lease) as connection:
            if checked.faults:
                errors = dump_text({"object": "list", "data": checked.faults})
                _finish(connection, self._lease.id, "failed", errors=errors)
            else:
                connection.execute(
                    "UPDATE batches SET status = 'in_progress', in_progress_at = ?, total = ?, model = ?"
                    " WHERE id = ? AND status = 'validating'",
                    (int(time.time()), checked.total, checked.model, self._lease.id),
                )
        return not checked.faults

    def _answer(self, source: Path) -> None:
        """Answer what is not answered yet, until the end, a cancellation or the batch's expiry."""
        folder = self._parts()
        batch = self._state.batches.get(self._lease.id)
        assert batch is not None
        with (folder / "output").open("ab") as output, (folder / "errors").open("ab") as errors:
            for lines in _pieces(requests(source, batch["input_offset"])):
                if self._status() != "in_progress":
                    break
                if time.time() >= batch["expires_at"]:
                    self._expire(source, output, errors)
                    break
                self._record(lines, self._answers(lines), output, errors)

    def _status(self) -> str:
        row = self._state.db.one("SELECT status FROM batches WHERE id = ?", self._lease.id)
        assert row is not None
        status: str = row["status"]
        return status

    def _parts(self) -> Path:
        """This attempt's part files, begun with the good bytes of the attempt before."""
        batch = self._state.batches.get(self._lease.id)
        assert batch is not None
        folder = self._state.work / f"{self._lease.id}-{self._lease.attempt}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, size in (("output", batch["output_bytes"]), ("errors", batch["error_bytes"])):
            with (folder / name).open("wb") as target:
                if size:
                    _copy(self._state.work / batch["parts"] / name, target, size)
                target.flush()
                os.fsync(target.fileno())
        with self._state.leases.write(self._lease) as connection:
            connection.execute("UPDATE batches SET parts = ? WHERE id = ?", (folder.name, self._lease.id))
        if batch["parts"]:
            shutil.rmtree(self._state.work / batch["parts"], ignore_errors=True)
        return folder

    def _answers(self, lines: Sequence[Line]) -> Answers:
        """Answer a piece: all requests to the same model at once."""
        wanted: list[tuple[ChatRequest, ServedModel] | ApiError] = [self._wanted(line) for line in lines]
        by_model: dict[str, list[int]] = {}
        for position, item in enumerate(wanted):
            if not isinstance(item, ApiError):
                by_model.setdefault(item[1].id, []).append(position)
        replies: dict[int, Answer | ApiError] = {}
        for positions in by_model.values():
            replies.update(zip(positions, self._ask(positions, wanted), strict=True))
        answers = Answers()
        for position, (line, item) in enumerate(zip(lines, wanted, strict=True)):
            outcome = item if isinstance(item, ApiError) else replies[position]
            if isinstance(outcome, ApiError) or isinstance(item, ApiError):
                assert isinstance(outcome, ApiError)
                answers.errors.append(_answer_line(line.custom_id, outcome.status, outcome.body()))
                continue
            body = completion(item[0], item[1], outcome)
            answers.prompt_tokens += body["usage"]["prompt_tokens"]
            answers.completion_tokens += body["usage"]["completion_tokens"]
            answers.output.append(_answer_line(line.custom_id, 200, body))
        return answers

    def _wanted(self, line: Line) -> tuple[ChatRequest, ServedModel] | ApiError:
        try:
            request = chat_request({**line.body, "stream": None, "stream_options": None})
        except ApiError as error:
            return error
        model = self._find(request.model)
        return (request, model) if model is not None else model_not_found(request.model)

    def _ask(self, positions: list[int], wanted: Sequence[Any]) -> Sequence[Answer | ApiError]:
        try:
            responder = self._models.get(wanted[positions[0]][1])
        except ApiError as error:
            return [error] * len(positions)
        found = responder.answer([wanted[position][0].ask for position in positions])
        return [_outcome(answer) for answer in found]

    def _record(self, lines: Sequence[Line], answers: Answers, output: BinaryIO, errors: BinaryIO) -> None:
        """Make a piece's answers durable."""
        for file, found in ((output, answers.output), (errors, answers.errors)):
            if found:
                file.write(b"".join(found))
                file.flush()
                os.fsync(file.fileno())
        with self._state.leases.write(self._lease) as connection:
            connection.execute(
                "UPDATE batches SET input_offset = ?, output_bytes = ?, error_bytes = ?, "
                " completed = completed + ?, failed = failed + ?, prompt_tokens = prompt_tokens + ?,"
                " completion_tokens = completion_tokens + ?"
                " WHERE id = ?",
                (
                    lines[-1].end,
                    output.tell(),
                    errors.tell(),
                    len(answers.output),
                    len(answers.errors),
                    answers.prompt_tokens,
                    answers.completion_tokens,
                    self._lease.id,
                ),
            )

    def _expire(self, source: Path, output: BinaryIO, errors: BinaryIO) -> None:
        """Put every request that was not answered in time into the error file."""
        with self._state.leases.write(self._lease) as connection:
            connection.execute(
                "UPDATE batches SET expired_at = ? WHERE id = ?", (int(time.time()), self._lease.id)
            )
        batch = self._state.batches.get(self._lease.id)
        assert batch is not None
        fault = {
            "code": "batch_expired",
            "message": "This request could not be executed before the completion window expired.",
        }
        for lines in _pieces(requests(source, batch["input_offset"])):
            expired = Answers(errors=[_expired_line(line.custom_id, fault) for line in lines])
            self._record(lines, expired, output, errors)

    def _hand_over(self) -> None:
        """Turn the part files into the batch's files and end it, in one transaction."""
        with self._state.leases.write(self._lease) as connection:
            connection.execute(
                "UPDATE batches SET status = 'finalizing', finalizing_at = ?"
                " WHERE id = ? AND status = 'in_progress'",
                (int(time.time()), self._lease.id),
            )
        batch = self._state.batches.get(self._lease.id)
        assert batch is not None
        expired = "expired" if batch["expired_at"] else "completed"
        ending = "cancelled" if batch.status == "cancelling" else expired
        folder = self._state.work / batch["parts"]
        kept = {
            column: finished(_twin(folder / name))
            for column, name in (("output_file_id", "output"), ("error_file_id", "errors"))
            if (folder / name).stat().st_size
        }
        with self._state.leases.write(self._lease) as connection:
            files = {
                column: self._state.files.keep(
                    blob,
                    filename=f"{batch.id}_{'output' if column == 'output_file_id' else 'error'}.jsonl",
                    purpose="batch_output",
                    connection=connection,
                ).id
                for column, blob in kept.items()
            }
            _finish(connection, batch.id, ending, parts=None, **files)
        shutil.rmtree(folder, ignore_errors=True)


def _outcome(answer: Answer | Refusal) -> Answer | ApiError:
    if isinstance(answer, Refusal):
        return bad_value(answer.param or "messages", answer.message, answer.code)
    return answer


def _twin(part: Path) -> Path:
    """A second name for a part file: the first stays for the next worker should this one die meanwhile."""
    twin = part.with_suffix(".whole")
    twin.unlink(missing_ok=True)
    try:
        os.link(part, twin)
    except OSError:  # a file system without hard links
        shutil.copyfile(part, twin)
    return twin


def _copy(source: Path, target: BinaryIO, size: int) -> None:
    with source.open("rb") as file:
        while size and (data := file.read(min(size, 1 << 20))):
            target.write(data)
            size -= len(data)


def _pieces(lines: Iterator[Line]) -> Iterator[list[Line]]:
    while piece := list(islice(lines, CHUNK)):
        yield piece


def _answer_line(custom_id: str, status: int, body: dict[str, Any]) -> bytes:
    response = {"status_code": status, "request_id": new_id("req_"), "body": body}
    return dump_line(
        {"id": new_id("batch_req_"), "custom_id": custom_id, "response": response, "error": None}
    )


def _expired_line(custom_id: str, error: dict[str, str]) -> bytes:
    return dump_line({"id": new_id("batch_req_"), "custom_id": custom_id, "response": None, "error": error})

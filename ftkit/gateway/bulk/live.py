"""Asks requests in real time and keeps each answer on the disk, so that a killed run asks none twice."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from ftkit.data.files import encode_json
from ftkit.errors import storage_error
from ftkit.gateway.bulk.state import Piece

if TYPE_CHECKING:
    from ftkit.display import Progress
    from ftkit.gateway.bulk.session import Session
    from ftkit.gateway.realtime import Pace

_FSYNC_SECONDS = 1.0


def ask_live(session: Session, piece: Piece, pace: Pace | None, progress: Progress) -> None:
    """Ask what the piece has no answer for yet; when this returns it has ended."""
    from ftkit.gateway.realtime import Pace, answer_all

    file = f"answers/{piece.round}-{piece.number:05}-realtime.jsonl"
    path = session.work.path / file
    piece.answers, piece.status = (file,), "running"
    session.save()
    whole_lines(path)
    session.take(piece)
    keeper = Keeper(path)
    try:
        answer_all(
            session.wire,
            _requests(session, piece),
            pace or Pace.of(session.wire.provider.limits),
            lambda answer: keeper.keep(encode_json(answer)),
            progress,
        )
    finally:
        keeper.close()
        session.take(piece)
    session.stopped = session.work.cancelled
    piece.ended, piece.status = True, "cancelled" if session.stopped else "completed"
    session.save()


def _requests(session: Session, piece: Piece) -> Iterator[Mapping[str, Any]]:
    """The requests of which nothing is known in this piece, until somebody cancels."""
    looked = 0.0
    for line in session.prepared.lines(session.table.unheard(piece.number).tolist()):
        if time.monotonic() - looked >= _FSYNC_SECONDS:
            if session.work.cancelled:
                return
            looked = time.monotonic()
        yield msgspec.json.decode(line)


def whole_lines(path: Path) -> None:
    """Cut off what a killed process left of a line at its end; make the file where there is none."""
    try:
        with path.open("ab+") as file:
            end = file.seek(0, os.SEEK_END)
            while end:
                start = max(0, end - (1 << 16))
                file.seek(start)
                block = file.read(end - start)
                if (at := block.rfind(b"\n")) >= 0:
                    end = start + at + 1
                    break
                end = start
            file.truncate(end)
    except OSError as error:
        raise storage_error(error, path) from error


class Keeper:
    """Appends answers to a file; safe for several threads. At most a second of them is not on the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._synced = time.monotonic()
        try:
            self._file: BinaryIO = path.open("ab")
        except OSError as error:
            raise storage_error(error, path) from error

    def keep(self, answer: bytes) -> None:
        """Write one answer, which is JSON."""
        with self._lock:
            try:
                self._file.write(answer + b"\n")
                self._file.flush()
                if time.monotonic() - self._synced >= _FSYNC_SECONDS:
                    os.fsync(self._file.fileno())
                    self._synced = time.monotonic()
            except OSError as error:
                raise storage_error(error, self._path) from error

    def close(self) -> None:
        """Put everything on the disk."""
        try:
            os.fsync(self._file.fileno())
            self._file.close()
        except OSError as error:
            raise storage_error(error, self._path) from error

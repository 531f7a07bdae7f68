"""The work directory: which piece of the requests is asked by which batch, and what came of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ftkit.data.files import atomic_write
from ftkit.errors import DataError, UsageError, storage_error

if TYPE_CHECKING:
    from ftkit.gateway.bulk.ids import Positions

Via = Literal["batch", "realtime"]

STATE, LOCK, CANCEL = "state.json", "lock", "cancel"
_REMEDY = "Take another work directory, or delete this one to start over."


class Piece(BaseModel):
    """Requests that are asked together. They stand in ``file``, or are asked in real time.

    They are those from position ``first`` on, or those that the file ``positions`` names. ``answers``
    are the files that came; ``ended`` says that no more will come.
    """

    model_config = ConfigDict(extra="forbid")

    number: int
    round: int
    via: Via
    rows: int
    first: int = 0
    positions: str | None = None
    file: str | None = None
    bytes: int = 0
    tokens: int = 0
    sha256: str = ""
    batch_id: str | None = None
    status: str = "planned"
    vanished: bool = False
    answers: tuple[str, ...] = ()
    ended: bool = False


class RunState(BaseModel):
    """The whole file. ``run`` sets a run that asks everything once more apart; ``base`` is the round after
    which the attempts count anew, because a person resumed; ``finished`` says that ``out`` was written.
    ``dollars`` is about what the requests cost in batches and in real time.
    """

    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    created_at: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    platform: str
    out: str
    window: str
    via: Via
    reason: str = ""
    dollars: tuple[float | None, float | None] = (None, None)
    attempts: int
    run: str = ""
    base: int = 0
    finished: bool = False
    pieces: list[Piece] = []

    @property
    def begun(self) -> bool:
        """Whether anything was asked."""
        return any(piece.batch_id is not None or piece.answers for piece in self.pieces)

    @property
    def round(self) -> int:
        """The last round begun."""
        return max((piece.round for piece in self.pieces), default=0)

    def of_round(self, number: int) -> list[Piece]:
        """The pieces of a round."""
        return [piece for piece in self.pieces if piece.round == number]

    @property
    def batch_ids(self) -> tuple[str, ...]:
        """The batches, in the order of their pieces."""
        return tuple(piece.batch_id for piece in self.pieces if piece.batch_id is not None)


class WorkFolder:
    """The files of one run. Only who holds it (:meth:`alone`) changes its state; anybody may cancel."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.requests = path / "requests"
        self.rounds = path / "rounds"
        self.answers = path / "answers"

    @contextmanager
    def alone(self, wait: bool = False) -> Iterator[None]:
        """Hold the directory; UsageError where another process or thread does, unless it is waited for."""
        from ftkit.storage.locks import holding

        def busy(seconds: float) -> None:
            if wait:
                return
            raise UsageError(
                "another process works in this directory",
                where=str(self.path),
                hint="Wait for it, or take another work directory.",
            )

        for folder in (self.path, self.rounds, self.answers):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise storage_error(error, folder) from error
        with holding(self.path / LOCK, 0, busy):
            yield

    def load(self) -> RunState | None:
        """The state; None where no run has begun here."""
        path = self.path / STATE
        try:
            return RunState.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise storage_error(error, path) from error
        except ValidationError as error:
            what = f"this is no state of a run of batches: {error.errors()[0]['msg']}"
            raise DataError(what, where=str(path), hint=_REMEDY) from error

    def require(self) -> RunState:
        """The state; UsageError where no run has begun here."""
        if (state := self.load()) is not None:
            return state
        raise UsageError(
            "this is no work directory of a run of batches",
            where=str(self.path),
            hint="Give the directory that `ftkit batches run` named.",
        )

    def save(self, state: RunState) -> None:
        """Write the state, whole or not at all."""
        atomic_write(self.path / STATE, state.model_dump_json(indent=1))

    def clear(self) -> None:
        """Delete all that is in the directory; who holds it goes on holding it."""
        try:
            self.forget()
            for folder in (self.rounds, self.answers):
                shutil.rmtree(folder)
                folder.mkdir()
        except OSError as error:
            raise storage_error(error, self.path) from error

    def remove(self) -> None:
        """Delete the directory itself."""
        shutil.rmtree(self.path, ignore_errors=True)

    def forget(self) -> None:
        """Delete the requests, and the state of their run."""
        (self.path / STATE).unlink(missing_ok=True)
        if self.requests.exists():
            shutil.rmtree(self.requests)

    @property
    def cancelled(self) -> bool:
        """Whether somebody wants the run to stop."""
        return (self.path / CANCEL).exists()

    def cancel(self, wanted: bool) -> None:
        """Say, or take back, that the run is to stop."""
        mark = self.path / CANCEL
        try:
            if wanted:
                mark.touch()
            else:
                mark.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(error, mark) from error

    def positions(self, piece: Piece) -> Positions:
        """The positions of a piece's requests, rising."""
        import numpy as np

        from ftkit.gateway.bulk.plan import read_numbers

        if piece.positions is None:
            return np.arange(piece.first, piece.first + piece.rows, dtype=np.int64)
        return np.array(read_numbers(self.path / piece.positions, piece.rows), np.int64)

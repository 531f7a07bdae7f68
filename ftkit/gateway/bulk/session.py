"""What the parts of one run share: platform, work directory, requests, answers and state."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from ftkit.gateway.bulk.answer_lines import FINAL, OK
from ftkit.gateway.bulk.answers import AnswerTable
from ftkit.gateway.bulk.ids import IdIndex
from ftkit.gateway.bulk.plan import IDS, Prepared, ShardLimits
from ftkit.gateway.bulk.rounds import Cutter
from ftkit.gateway.bulk.state import Piece, RunState, WorkFolder

if TYPE_CHECKING:
    from ftkit.gateway.batches import Batches
    from ftkit.gateway.bulk.ids import Positions


class Session:
    """One run while a process holds its work directory; what earlier ones fetched is taken in at once.

    ``stopped`` is set where somebody cancelled: nothing new is asked then.
    """

    def __init__(self, batches: Batches, work: WorkFolder, prepared: Prepared, state: RunState) -> None:
        self.batches, self.wire = batches, batches.wire
        self.work, self.prepared, self.state = work, prepared, state
        self.limits = ShardLimits.of(self.wire.provider.limits)
        self.ids = prepared.folder / IDS
        self._index = IdIndex(self.ids, prepared.count)
        self.table = AnswerTable(self._index, prepared.count)
        self.stopped = False
        for piece in state.pieces:
            self.begin(piece)
            if piece.ended:
                self.take(piece)

    def begin(self, piece: Piece) -> None:
        """From now on the piece's requests are asked in it."""
        whole = piece.positions is None
        span = slice(piece.first, piece.first + piece.rows)
        self.table.asking(piece.number, span if whole else self.work.positions(piece))

    def take(self, piece: Piece) -> None:
        """Take in the piece's answer files; in place of what was taken in of them before."""
        self.table.forget(piece.number)
        for file in piece.answers:
            self.table.read(piece.number, self.work.path / file, again=piece.via == "realtime")

    def save(self) -> None:
        """Write the state down."""
        self.work.save(self.state)

    @property
    def answered(self) -> int:
        """Requests that need no further asking: answered, or refused for good."""
        counts = self.table.counts()
        return counts[OK] + counts[FINAL]

    def pending(self) -> Positions:
        """The requests that have no answer, and no failure that stays."""
        import numpy as np

        return np.flatnonzero(self.table.state < FINAL)

    def next_round(self) -> None:
        """Cut what is pending into the pieces of a new round."""
        number = self.state.round + 1
        made = list(self._cut(self.pending(), number, self.limits))
        for piece in made:
            self.begin(piece)
        self.state.pieces += made
        self.save()

    def halve(self, piece: Piece) -> list[Piece]:
        """Two smaller pieces in place of one that the platform has no room for."""
        limits = self.limits._replace(requests=(piece.rows + 1) // 2)
        made = list(self._cut(self.work.positions(piece), piece.round, limits))
        for one in made:
            self.begin(one)
        self.state.pieces = [one for one in self.state.pieces if one is not piece] + made
        self.save()
        return made

    def _cut(self, positions: Positions, round_number: int, limits: ShardLimits) -> list[Piece]:
        first = max(piece.number for piece in self.state.pieces) + 1
        cutter = Cutter(self.work, self.prepared, limits)
        return list(cutter.cut(positions, round_number, self.state.via, first))

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._index.close()
        self.prepared.close()

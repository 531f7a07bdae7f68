"""Fetches the answers of a batch that has ended into the work directory, and takes them in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit.errors import NotOnPlatform
from ftkit.gateway.bulk.state import Piece
from ftkit.gateway.results import Batch

if TYPE_CHECKING:
    from ftkit.gateway.bulk.session import Session


def fetch(session: Session, piece: Piece, batch: Batch) -> None:
    """Download output and error file, join them by ``custom_id`` and note that the piece has ended.

    Where lines are broken or fewer than the platform says, both are downloaded once more: the line
    may have been at fault.
    """
    table = session.table
    _download(session, piece, batch)
    session.take(piece)
    heard = piece.rows - len(table.unheard(piece.number))
    if table.came_of(piece.number).corrupt or heard < min(batch.completed, piece.rows):
        session.wire.display.note(
            f"the answers of batch {batch.id} are not whole: downloading them once more"
        )
        _download(session, piece, batch)
        session.take(piece)
    piece.ended = True
    session.save()


def _download(session: Session, piece: Piece, batch: Batch) -> None:
    kept: list[str] = []
    for name, file_id in (("output", batch.output_file_id), ("errors", batch.error_file_id)):
        if file_id is None:
            continue
        file = f"answers/{piece.round}-{piece.number:05}-{name}.jsonl"
        try:
            session.batches.files.download(file_id, session.work.path / file)
            kept.append(file)
        except NotOnPlatform:
            session.wire.display.warn(
                f"the file {file_id} of batch {batch.id} is no longer on {session.wire.target.title}: "
                "its requests count as not answered"
            )
    piece.answers = tuple(kept)

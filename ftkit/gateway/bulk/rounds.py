"""Cuts what is to be asked into pieces: the shards at first, later the requests that have no answer yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

from ftkit.data.jsonl import JsonlWriter, open_jsonl_writer
from ftkit.gateway.bulk.plan import Prepared, ShardLimits, estimated_tokens, write_numbers
from ftkit.gateway.bulk.state import Piece, Via, WorkFolder

if TYPE_CHECKING:
    from ftkit.gateway.bulk.ids import Positions


def first_pieces(prepared: Prepared, via: Via) -> list[Piece]:
    """Every shard is a piece; in real time all requests together are one."""
    if via == "realtime":
        return [Piece(number=0, round=1, via=via, rows=prepared.count)]
    return [
        Piece(
            number=number,
            round=1,
            via=via,
            rows=shard.rows,
            first=shard.first,
            file=f"requests/{shard.file}",
            bytes=shard.bytes,
            tokens=shard.tokens,
            sha256=shard.sha256,
        )
        for number, shard in enumerate(prepared.plan.shards)
    ]


class Cutter:
    """Cuts requests, given by their positions, into pieces of a round."""

    def __init__(self, work: WorkFolder, prepared: Prepared, limits: ShardLimits) -> None:
        self._work, self._prepared, self._limits = work, prepared, limits

    def cut(self, positions: Positions, round_number: int, via: Via, number: int) -> Iterator[Piece]:
        """The pieces, numbered from ``number`` on, with their files on the disk."""
        start = 0
        while start < len(positions):
            name = f"{round_number}-{number:05}"
            if via == "realtime":
                piece = Piece(number=number, round=round_number, via=via, rows=len(positions))
            else:
                piece = self._written(positions[start:], name, number, round_number)
            part = positions[start : start + piece.rows]
            piece.positions = f"rounds/{name}.bin"
            write_numbers(self._work.path / piece.positions, part)
            yield piece
            start += piece.rows
            number += 1

    def _written(self, positions: Positions, name: str, number: int, round_number: int) -> Piece:
        """One piece: as many of the requests, from the first on, as a batch may hold."""
        file = f"rounds/{name}.jsonl"
        tokens = 0
        with ExitStack() as stack:
            writer = stack.enter_context(open_jsonl_writer(self._work.path / file))
            for ended in self._prepared.lines(positions.tolist()):
                line = ended.removesuffix(b"\n")
                more = tokens + estimated_tokens(line)
                if writer.rows and not self._limits.allow(writer.rows + 1, writer.bytes + len(ended), more):
                    break
                writer.write_line(line)
                tokens = more
        return _piece(writer, file, tokens, number, round_number)


def _piece(writer: JsonlWriter, file: str, tokens: int, number: int, round_number: int) -> Piece:
    return Piece(
        number=number,
        round=round_number,
        via="batch",
        rows=writer.rows,
        file=file,
        bytes=writer.bytes,
        tokens=tokens,
        sha256=writer.sha256,
    )

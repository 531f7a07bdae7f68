"""Reads answer files: for each request the place of its best answer, and what else came.

The order is never trusted: every line goes to the request of its ``custom_id``. In memory there are
about 50 bytes for each request.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.gateway.bulk.answer_lines import NONE, OK, AnswerLines, read_lines
from ftkit.gateway.bulk.ids import IdIndex, line_blocks

if TYPE_CHECKING:
    from ftkit.gateway.bulk.ids import Positions

_BLOCK = 1 << 19


@dataclass
class Came:
    """What came in answer files: lines for requests that were not asked there, further answers to one
    that was, broken lines; and the tokens of the answers as the platform counted them.
    """

    strangers: int = 0
    duplicates: int = 0
    corrupt: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    stranger: str | None = None

    def see_strangers(self, count: int, first: str) -> None:
        """Count strangers, and keep the first one's id."""
        self.strangers += count
        self.stranger = self.stranger or first

    def __add__(self, other: Came) -> Came:
        return Came(
            self.strangers + other.strangers,
            self.duplicates + other.duplicates,
            self.corrupt + other.corrupt,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.stranger or other.stranger,
        )


class AnswerTable:
    """The best answer of each of ``count`` requests, by position: its state, file, offset and length."""

    def __init__(self, index: IdIndex, count: int) -> None:
        import numpy as np

        self._index = index
        self.state = np.zeros(count, np.uint8)
        self.file = np.full(count, -1, np.int32)
        self.offset = np.zeros(count, np.int64)
        self.length = np.zeros(count, np.int32)
        self._asked = np.full(count, -1, np.int32)
        self._heard = np.full(count, -1, np.int32)
        self.files: list[Path] = []
        self._came: dict[int, Came] = {}

    @property
    def came(self) -> Came:
        """What came in all files."""
        return sum(self._came.values(), Came())

    def came_of(self, piece: int) -> Came:
        """What came in the files of one piece."""
        return self._came.setdefault(piece, Came())

    def asking(self, piece: int, positions: Positions | slice) -> None:
        """From now on these requests are asked in this piece; a piece has a number of its own."""
        self._asked[positions] = piece

    def read(self, piece: int, path: Path, *, again: bool = False) -> None:
        """Take in an answer file of a piece. An answer never gives way to a failure.

        ``again``: the file may hold several tries of a request, of which a later one is no duplicate.
        """
        number = len(self.files)
        self.files.append(path)
        for block, start in line_blocks(path, _BLOCK):
            lines = read_lines(block)
            self.came_of(piece).corrupt += lines.broken
            if lines.ids:
                self._take(piece, number, lines, start, again)

    def forget(self, piece: int) -> None:
        """Take back what was read of a piece, to read it anew."""
        heard = self._heard == piece
        self.state[heard] = NONE
        self._heard[heard] = -1
        self._came.pop(piece, None)

    def unheard(self, piece: int) -> Positions:
        """The requests of a piece for which no line came."""
        import numpy as np

        return np.flatnonzero((self._asked == piece) & (self._heard != piece))

    def counts(self) -> list[int]:
        """How many requests are in each state."""
        import numpy as np

        return [int(count) for count in np.bincount(self.state, minlength=OK + 1)]

    def _take(self, piece: int, number: int, lines: AnswerLines, start: int, again: bool) -> None:
        import numpy as np

        positions = self._index.positions(lines.ids)
        known = (positions >= 0) & (self._asked[positions] == piece)
        if not known.all():
            strangers = np.flatnonzero(~known)
            self.came_of(piece).see_strangers(len(strangers), lines.ids[int(strangers[0])])
        fresh = np.flatnonzero(known & (self._heard[positions] != piece))
        first = fresh[np.unique(positions[fresh], return_index=True)[1]]
        self._heard[positions[first]] = piece
        self._put(first, positions, lines, number, start)
        came = self.came_of(piece)
        came.prompt_tokens += int(lines.prompt_tokens[first].sum())
        came.completion_tokens += int(lines.completion_tokens[first].sum())
        if len(first) < int(known.sum()):
            known[first] = False
            for at in np.flatnonzero(known).tolist():
                came.duplicates += not again
                self._put(np.array([at]), positions, lines, number, start)

    def _put(self, at: Any, positions: Any, lines: AnswerLines, number: int, start: int) -> None:
        """Note the places of the lines that are better than what is known, or newer and as bad."""
        before = self.state[positions[at]]
        at = at[(lines.states[at] >= before) & (before != OK)]
        where = positions[at]
        self.state[where] = lines.states[at]
        self.file[where] = number
        self.offset[where] = lines.begins[at] + start
        self.length[where] = lines.ends[at] - lines.begins[at]

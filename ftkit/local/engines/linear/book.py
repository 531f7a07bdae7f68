"""The numbers of replies: which frames and which values of each field training has met."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ftkit.local.engines.base import TrainingError
from ftkit.local.engines.linear.replies import Frame, take_apart

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_REPLIES = 1024
"""Most distinct replies, or values of one field, that a linear model may learn: beyond, it is free text."""
MAX_CLASSES = 4096
"""Most distinct frames and values of all fields together."""
_MAX_REMEMBERED = 4096
_Key = TypeVar("_Key", Frame, str)
UNKNOWN, ABSENT = -1, -2
"""Instead of a class: training never saw it; the reply has no such field."""


class Numbers(NamedTuple):
    """A reply by number: its frame, and the value in each of the frame's slots."""

    frame: int
    values: tuple[int, ...]


class ReplyBook:
    """Frames and fields' values in the order in which they were met; the numbers count up from 0."""

    def __init__(
        self, frames: Iterable[Frame] = (), fields: Mapping[str, Iterable[str]] | None = None
    ) -> None:
        self._frames = {frame: number for number, frame in enumerate(frames)}
        self._fields = {
            name: {value: number for number, value in enumerate(values)}
            for name, values in (fields or {}).items()
        }
        self._classes = sum(self.sizes)
        self._learnt: dict[str, Numbers] = {}

    @property
    def frames(self) -> list[Frame]:
        """All frames, by number."""
        return list(self._frames)

    @property
    def fields(self) -> dict[str, list[str]]:
        """The values of every field, by number."""
        return {name: list(values) for name, values in self._fields.items()}

    @property
    def sizes(self) -> list[int]:
        """How many frames there are, and how many values of each field."""
        return [len(self._frames), *(len(values) for values in self._fields.values())]

    def learn(self, reply: str) -> Numbers:
        """A reply's numbers, new ones where needed. Raises ``TrainingError`` when they are too many."""
        found = self._learnt.get(reply)
        if found is None:
            found = self._learn(reply)
            if len(self._learnt) < _MAX_REMEMBERED:
                self._learnt[reply] = found
        return found

    def _learn(self, reply: str) -> Numbers:
        frame, values = take_apart(reply)
        number = self._number(self._frames, frame, None)
        places = zip(frame.fields, values, strict=True)
        return Numbers(
            number,
            tuple(self._number(self._fields.setdefault(field, {}), value, field) for field, value in places),
        )

    def find(self, reply: str) -> Numbers:
        """A reply's numbers, ``UNKNOWN`` for a frame or a value that was never learnt."""
        frame, values = take_apart(reply)
        number = self._frames.get(frame)
        if number is None:
            return Numbers(UNKNOWN, ())
        places = zip(frame.fields, values, strict=True)
        return Numbers(number, tuple(self._fields[field].get(value, UNKNOWN) for field, value in places))

    def _number(self, known: dict[_Key, int], key: _Key, field: str | None) -> int:
        number = known.get(key)
        if number is None:
            if len(known) >= MAX_REPLIES or self._classes >= MAX_CLASSES:
                raise _too_many(field, len(known) >= MAX_REPLIES)
            number = known[key] = len(known)
            self._classes += 1
        return number


def _too_many(field: str | None, of_one: bool) -> TrainingError:
    if not of_one:
        said = f"The assistant replies have more than {MAX_CLASSES} different values in all their fields."
    elif field is None:
        said = f"The training file has more than {MAX_REPLIES} different assistant replies."
    else:
        said = (
            f"The field '{field[:80]}' of the assistant replies has more than {MAX_REPLIES} different values."
        )
    return TrainingError(
        f"{said} The linear engine learns which of a few replies to give; it cannot write new text."
        " Use it for labels, or another engine for free text.",
        code="too_many_replies",
        param="training_file",
    )


class Targets:
    """The replies of a data set's rows, by number."""

    def __init__(self) -> None:
        self._frames = array("i")
        self._values = array("i")

    def __len__(self) -> int:
        return len(self._frames)

    def add(self, numbers: Numbers) -> None:
        """The next row's reply."""
        self._frames.append(numbers.frame)
        self._values.extend(numbers.values)

    def matrix(self, book: ReplyBook) -> NDArray[np.int32]:
        """Shape (rows, 1 + fields): each row's frame, then its value of each field, or ``ABSENT``."""
        import numpy as np

        frames = np.array(self._frames, dtype=np.int32)
        values = np.array(self._values, dtype=np.int32)
        places = {name: place for place, name in enumerate(book.fields, start=1)}
        found = np.full((len(frames), 1 + len(places)), ABSENT, dtype=np.int32)
        found[:, 0] = frames
        slots = np.array([*(len(frame.fields) for frame in book.frames), 0])  # the last is UNKNOWN's
        starts = np.cumsum(slots[frames]) - slots[frames]
        for number, frame in enumerate(book.frames):
            if frame.fields:
                rows = np.flatnonzero(frames == number)
                for slot, field in enumerate(frame.fields):
                    found[rows, places[field]] = values[starts[rows] + slot]
        return found

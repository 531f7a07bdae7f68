"""Training examples as n-gram counts in temporary files, so that memory does not grow with their number."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.local.engines.base import TrainingExample
from ftkit.local.engines.linear.ahead import in_order
from ftkit.local.engines.linear.book import ReplyBook, Targets
from ftkit.local.engines.linear.features import COLUMNS, MAX_COUNT, Segment, count_features, segments_of
from ftkit.local.engines.linear.rows import VectorRows
from ftkit.local.engines.linear.vectors import FeatureScale, Vectors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CHUNK = 256
_CHUNK_CHARACTERS = 150_000
_CHUNK_COUNTS = 1_000_000
Conversation = list[Segment]


class CommonParts:
    """Parts that every conversation so far has had, such as the one system prompt of a task.

    What every row has weighs nothing, so such parts are taken out before anything is counted. ``dropped``
    holds those that a later row had not: (part, rows from whose beginning it was taken out).
    """

    def __init__(self) -> None:
        self._parts: list[Segment] | None = None
        self._rows = 0
        self.dropped: list[tuple[Segment, int]] = []

    @property
    def parts(self) -> list[Segment]:
        """What all rows have."""
        return list(self._parts or ())

    def strip(self, conversation: Conversation) -> Conversation:
        """The next row's conversation without the common parts."""
        if self._parts is None:
            self._parts = list(dict.fromkeys(part for part in conversation if part[0] != "last"))
        for part in list(self._parts):
            if part in conversation:
                conversation.remove(part)
            else:
                self._parts.remove(part)
                self.dropped.append((part, self._rows))
        self._rows += 1
        return conversation


class CountedRows:
    """The n-gram counts of a training set, in a file; how many rows have each n-gram; what they reply."""

    def __init__(self, examples: Iterable[TrainingExample], folder: Path, book: ReplyBook) -> None:
        """Read and count all examples. Raises ``TrainingError`` when ``book`` cannot take their replies."""
        import numpy as np

        self.targets = Targets()
        self._path = folder / "counts"
        self._common = CommonParts()
        self._ends = array("q", [0])
        self._frequency = np.zeros(COLUMNS, dtype=np.int64)
        fresh: list[NDArray[np.int32]] = []
        with self._path.open("wb") as file:
            for counts in in_order(count_features, self._conversations(examples, book)):
                file.write(_packed(counts))
                self._ends.extend((counts.indptr[1:].astype(np.int64) + self._ends[-1]).tolist())
                fresh.append(counts.indices)
                if sum(map(len, fresh)) > COLUMNS:
                    self._note(fresh)
        self._note(fresh)

    def __len__(self) -> int:
        return len(self.targets)

    def _note(self, fresh: list[NDArray[np.int32]]) -> None:
        """Add the columns of new rows to the frequencies, many at once: each time all columns are passed."""
        import numpy as np

        if fresh:
            self._frequency += np.bincount(np.concatenate(fresh), minlength=COLUMNS)
        fresh.clear()

    def _conversations(
        self, examples: Iterable[TrainingExample], book: ReplyBook
    ) -> Iterator[list[Conversation]]:
        for chunk in chunked(examples):
            for example in chunk:
                self.targets.add(book.learn(example.reply))
            yield [self._common.strip(segments_of(example.messages)) for example in chunk]

    def scale(self, most: int) -> FeatureScale:
        """Choose at most ``most`` features."""
        import numpy as np

        rows, frequency = len(self), self._frequency.copy()
        for part, until in self._common.dropped:
            frequency[count_features([[part]]).indices] += until
        np.minimum(frequency, rows, out=frequency)
        for part in self._common.parts:
            frequency[count_features([[part]]).indices] = rows
        return FeatureScale.fit(frequency, rows, most)

    def vectors(self, vectors: Vectors, path: Path) -> VectorRows:
        """The rows as vectors in another file; the counts' own file is deleted."""
        dropped = [(count_features([[part]]), until) for part, until in self._common.dropped]
        with self._path.open("rb") as file:

            def read(rows: tuple[int, int]) -> Any:
                start, end = rows
                counts = self._counts(file.fileno(), start, end)
                for part, until in dropped:
                    if start < until:
                        counts = counts + _first_rows(until - start, counts.shape[0]) @ part
                return vectors.of(counts)

            made = VectorRows.write(path, in_order(read, self._ranges()))
        self._path.unlink()
        return made

    def _ranges(self) -> Iterator[tuple[int, int]]:
        """Stretches of rows, each short in rows and in counts."""
        start = 0
        for end in range(1, len(self) + 1):
            if (
                end == len(self)
                or end - start == _CHUNK
                or self._ends[end + 1] - self._ends[start] > _CHUNK_COUNTS
            ):
                yield start, end
                start = end

    def _counts(self, file: int, start: int, end: int) -> Any:
        """The counts of rows ``start`` to ``end`` as CSR. Plain reads: the pages stay the system's."""
        import numpy as np
        from scipy.sparse import csr_matrix

        ends = np.array(self._ends[start : end + 1], dtype=np.int64)
        packed = np.frombuffer(os.pread(file, 4 * int(ends[-1] - ends[0]), 4 * int(ends[0])), dtype=np.uint32)
        columns = (packed >> np.uint32(8)).astype(np.int32)
        return csr_matrix((packed & np.uint32(MAX_COUNT), columns, ends - ends[0]), (end - start, COLUMNS))


def _packed(counts: Any) -> bytes:
    """Columns and counts, 24 and 8 bits."""
    import numpy as np

    packed: NDArray[np.uint32] = counts.indices.astype(np.uint32) << np.uint32(8)
    packed |= np.minimum(counts.data, MAX_COUNT).astype(np.uint32)
    return packed.tobytes()


def _first_rows(many: int, rows: int) -> Any:
    """A column of ``rows`` rows with a one in each of the first ``many``."""
    import numpy as np
    from scipy.sparse import csr_matrix

    return csr_matrix((np.arange(rows) < many).astype(np.uint32)[:, None])


def chunked(examples: Iterable[TrainingExample]) -> Iterator[list[TrainingExample]]:
    """Lists of examples, each list short in rows and in characters."""
    chunk: list[TrainingExample] = []
    size = 0
    for example in examples:
        chunk.append(example)
        size += sum(len(str(message.get("content") or "")) for message in example.messages)
        if len(chunk) >= _CHUNK or size > _CHUNK_CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk

"""Training examples as n-gram counts in temporary files, so that memory does not grow with their number."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ftkit.local.engines.base import TrainingError, TrainingExample
from ftkit.local.engines.linear.features import COLUMNS, count_features, segments_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_REPLIES = 1024
"""Most distinct replies that a linear model may learn: beyond, it is no classification any more."""
_CHUNK = 256


class Dataset:
    """Rows of n-gram counts and the class of each. Minibatches are read from the files as they are needed."""

    def __init__(self, folder: Path, name: str) -> None:
        self._indices_path = folder / f"{name}.indices"
        self._counts_path = folder / f"{name}.counts"
        self._ends = array("q", [0])
        self._classes = array("i")
        self.frequency: NDArray[np.int64] | None = None

    @classmethod
    def build(
        cls,
        examples: Iterable[TrainingExample],
        folder: Path,
        name: str,
        replies: dict[str, int],
        *,
        grow: bool,
    ) -> Dataset:
        """Count the n-grams of every example.

        With ``grow``, unseen replies become new classes in ``replies``; without, they are class -1.
        Raises ``TrainingError`` (``too_many_replies``) beyond ``MAX_REPLIES`` classes.
        """
        import numpy as np

        made = cls(folder, name)
        frequency = np.zeros(COLUMNS, dtype=np.int64)
        with made._indices_path.open("wb") as indices, made._counts_path.open("wb") as counts:
            for chunk in _chunks(examples):
                made._learn_classes(chunk, replies, grow)
                frequency += made._append(
                    count_features([segments_of(e.messages) for e in chunk]), indices, counts
                )
        made.frequency = frequency
        return made

    def __len__(self) -> int:
        return len(self._classes)

    @property
    def classes(self) -> NDArray[np.int32]:
        """The class of every row; -1 for a reply that training never saw."""
        import numpy as np

        return np.array(self._classes, dtype=np.int32)

    def open(self) -> Rows:
        """Begin to read rows."""
        import numpy as np

        return Rows(
            np.array(self._ends, dtype=np.int64), self._indices_path.open("rb"), self._counts_path.open("rb")
        )

    def _learn_classes(self, chunk: list[TrainingExample], replies: dict[str, int], grow: bool) -> None:
        for example in chunk:
            if grow and example.reply not in replies:
                if len(replies) == MAX_REPLIES:
                    raise TrainingError(
                        f"The training file has more than {MAX_REPLIES} different assistant replies."
                        " The linear engine learns which of a few replies to give; it cannot write new text."
                        " Use it for labels, or another engine for free text.",
                        code="too_many_replies",
                        param="training_file",
                    )
                replies[example.reply] = len(replies)
            self._classes.append(replies.get(example.reply, -1))

    def _append(self, matrix: Any, indices: BinaryIO, counts: BinaryIO) -> NDArray[np.int64]:
        import numpy as np

        indices.write(matrix.indices.astype(np.int32).tobytes())
        counts.write(np.minimum(matrix.data, 255).astype(np.uint8).tobytes())
        start = self._ends[-1]
        self._ends.extend((matrix.indptr[1:].astype(np.int64) + start).tolist())
        return np.bincount(matrix.indices, minlength=COLUMNS)


class Rows:
    """Random access to a data set's rows. Plain reads, not a memory map: the pages stay the system's."""

    def __init__(self, ends: NDArray[np.int64], indices: BinaryIO, counts: BinaryIO) -> None:
        self._ends = ends
        self._indices = indices
        self._counts = counts

    def take(self, rows: NDArray[np.int64]) -> Any:
        """These rows' counts as a CSR matrix of float32."""
        import numpy as np
        from scipy.sparse import csr_matrix

        starts = self._ends[rows]
        lengths = self._ends[rows + 1] - starts
        places = list(zip(starts.tolist(), lengths.tolist(), strict=True))
        indices = b"".join(os.pread(self._indices.fileno(), 4 * size, 4 * start) for start, size in places)
        counts = b"".join(os.pread(self._counts.fileno(), size, start) for start, size in places)
        data = np.frombuffer(counts, dtype=np.uint8).astype(np.float32)
        ends = np.concatenate([[0], np.cumsum(lengths)])
        return csr_matrix((data, np.frombuffer(indices, dtype=np.int32), ends), shape=(len(rows), COLUMNS))


def _chunks(examples: Iterable[TrainingExample]) -> Iterator[list[TrainingExample]]:
    """Lists of examples, each list short in rows and in characters."""
    iterator = iter(examples)
    while chunk := list(islice(iterator, 1)):
        size = _length(chunk[0])
        for example in iterator:
            chunk.append(example)
            size += _length(example)
            if len(chunk) >= _CHUNK or size > 150_000:
                break
        yield chunk


def _length(example: TrainingExample) -> int:
    return sum(len(str(message.get("content") or "")) for message in example.messages)

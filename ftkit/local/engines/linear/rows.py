"""A data set's vectors in a temporary file, read in minibatches."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PAIR = [("place", "<i4"), ("value", "<f4")]
_PAIR_BYTES = 8


class VectorRows:
    """Random access to rows. Plain reads, not a memory map: the pages stay the system's."""

    def __init__(self, file: BinaryIO, ends: array[int], width: int) -> None:
        import numpy as np

        self._file = file
        self._ends = np.array(ends, dtype=np.int64)
        self._width = width

    @classmethod
    def write(cls, path: Path, matrices: Iterable[Any]) -> VectorRows:
        """Write CSR matrices of float32, one below the other, and open them."""
        import numpy as np

        ends, width = array("q", [0]), 0
        with path.open("wb") as file:
            for matrix in matrices:
                pairs = np.empty(matrix.nnz, dtype=_PAIR)
                pairs["place"], pairs["value"] = matrix.indices, matrix.data
                file.write(pairs.tobytes())
                ends.extend((matrix.indptr[1:].astype(np.int64) + ends[-1]).tolist())
                width = matrix.shape[1]
        return cls(path.open("rb"), ends, width)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def take(self, rows: NDArray[np.int64]) -> Any:
        """These rows as a CSR matrix."""
        import numpy as np
        from scipy.sparse import csr_matrix

        starts = self._ends[rows]
        lengths = self._ends[rows + 1] - starts
        descriptor = self._file.fileno()
        pieces = [
            os.pread(descriptor, size, start)
            for size, start in zip(
                (lengths * _PAIR_BYTES).tolist(), (starts * _PAIR_BYTES).tolist(), strict=True
            )
        ]
        pairs = np.frombuffer(b"".join(pieces), dtype=_PAIR)
        ends = np.zeros(len(rows) + 1, dtype=np.int32)
        np.cumsum(lengths, out=ends[1:])
        places, values = np.ascontiguousarray(pairs["place"]), np.ascontiguousarray(pairs["value"])
        return csr_matrix((values, places, ends), shape=(len(rows), self._width))

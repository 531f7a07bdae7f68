"""Names for the types of the columns; imported by type checkers only, so that numpy is not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Codes = NDArray[np.int8]
"""Numbers of parts."""
Numbers = NDArray[np.uint64]
"""Hashes."""
Counts = NDArray[np.int32]
States = NDArray[np.uint8]
Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]

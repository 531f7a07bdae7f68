"""Makes the Python files beside a recipe importable while it is carried out: its hooks and metrics."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def own_code(folder: Path) -> Iterator[None]:
    """Modules of ``folder`` can be imported; afterwards they are forgotten.

    Another recipe may have modules of the same names, and a copy is edited between two runs. The folder
    comes last on the path: a file of a recipe does not take the place of an installed package.
    """
    place = str(folder.resolve())
    if not any(folder.glob("*.py")) or place in sys.path:
        yield
        return
    before = set(sys.modules)
    sys.path.append(place)
    try:
        yield
    finally:
        sys.path.remove(place)
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None)
            if file is not None and Path(file).parent == Path(place):
                del sys.modules[name]

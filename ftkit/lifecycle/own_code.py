"""Makes the Python files beside a recipe importable while it is carried out: its hooks and metrics."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ftkit.data import sha256_file
from ftkit.lifecycle.recipe import Recipe


def own_files(recipe: Recipe) -> dict[str, str]:
    """The SHA-256 of each file beside a recipe that decides a result: its modules and its judges' rubric."""
    paths = sorted(recipe.folder.glob("*.py"))
    judge = recipe.benchmark.judge
    if judge is not None and judge.rubric is not None:
        paths.append(Path(recipe.beside(judge.rubric)))
    return {path.name: sha256_file(path) for path in paths if path.is_file()}


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

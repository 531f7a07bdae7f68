"""What the tests of retraining share: a recipe's policy and name, rows that come later."""

from __future__ import annotations

import hashlib
from pathlib import Path


def name_of(recipe: Path) -> str:
    """The model's name in the registry, which no other test has."""
    return f"m-{hashlib.sha256(str(recipe).encode()).hexdigest()[:12]}"


def with_policy(recipe: Path, *lines: str) -> None:
    """Write ``[retrain]`` anew, with the test's own name."""
    file = recipe / "recipe.toml"
    before = file.read_text().split("[retrain]")[0].rstrip()
    file.write_text("\n".join([before, "[retrain]", f'name = "{name_of(recipe)}"', *lines, ""]))


def add_rows(rows: Path, count: int, label: str = "up", words: str = "profit rose") -> None:
    """New rows at the end of the data, with the mark that keeps them apart from other tests' rows."""
    unit = rows.read_text().splitlines()[1].rsplit(" ", 1)[-1]
    with rows.open("a") as file:
        file.writelines(f"{label},{words} in district {n} of the unit {unit}\n" for n in range(count))

"""Prints the project's style numbers beside their budget, and fails where one is missed.

Run as ``python tools/style.py``. The budget is the project's own (see CONTRIBUTING.md).
"""

from __future__ import annotations

import ast
import math
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("ftkit", "validators", "recipes")
Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Function:
    """One function or method that is not inside another function."""

    lines: int
    public: bool
    documented: bool
    annotated: bool


def functions(node: ast.AST, public: bool = True) -> Iterator[Function]:
    """Functions and methods below ``node``, those inside functions left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from functions(child, public and not child.name.startswith("_"))
        elif isinstance(child, Definition):
            arguments = child.args
            named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            named += [a for a in (arguments.vararg, arguments.kwarg) if a]
            yield Function(
                lines=(child.end_lineno or child.lineno) - child.lineno + 1,
                public=public and not child.name.startswith("_"),
                documented=ast.get_docstring(child) is not None,
                annotated=all(a.annotation or a.arg in ("self", "cls") for a in named),
            )
        elif isinstance(child, ast.If | ast.Try | ast.With):
            yield from functions(child, public)


def line_count(folder: str) -> list[int]:
    """Lines of every Python file below ``folder``."""
    files = sorted((ROOT / folder).rglob("*.py"))
    return [len(file.read_text("utf-8").splitlines()) for file in files]


def share(part: int, whole: int) -> float:
    """Percent, 100 for nothing."""
    return 100 * part / whole if whole else 100.0


def p95(values: list[int]) -> int:
    """Nearest-rank 95th percentile."""
    return sorted(values)[max(0, math.ceil(0.95 * len(values)) - 1)]


def main() -> int:
    """Print each number with its bound; 1 where a bound is missed."""
    sizes = [n for folder in SOURCES for n in line_count(folder) if n]
    trees = [ast.parse(f.read_text("utf-8")) for s in SOURCES for f in sorted((ROOT / s).rglob("*.py"))]
    found = [f for tree in trees for f in functions(tree)]
    spans = [f.lines for f in found]
    public = [f for f in found if f.public]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    rows: list[tuple[str, float, str, float]] = [
        ("file, median lines", median(sizes), "<=", 200),
        ("file, 95th percentile", p95(sizes), "<=", 500),
        ("file, longest", max(sizes), "<=", 800),
        ("function, median lines", median(spans), "<=", 12),
        ("function, 95th percentile", p95(spans), "<=", 45),
        ("functions over 60 lines, %", share(sum(n > 60 for n in spans), len(spans)), "<=", 2),
        ("annotated functions, %", share(sum(f.annotated for f in found), len(found)), ">=", 100),
        ("public docstrings, %", share(sum(f.documented for f in public), len(public)), ">=", 85),
        (
            "module docstrings, %",
            share(sum(bool(ast.get_docstring(t)) for t in trees), len(trees)),
            ">=",
            100,
        ),
        ("test lines per source line", sum(line_count("tests")) / sum(sizes), ">=", 1.0),
        ("runtime dependencies", len(project["dependencies"]), "<=", 14),
    ]
    missed = 0
    for name, value, sign, bound in rows:
        good = value <= bound if sign == "<=" else value >= bound
        missed += not good
        print(f"{name:30} {value:8.2f}  {sign} {bound:g}{'' if good else '  MISSED'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

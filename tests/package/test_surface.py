"""The public surface: what `ftkit` exports, and that importing it is cheap."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import ftkit

HEAVY = ("openai", "datasets", "pandas", "numpy", "sklearn", "matplotlib", "tiktoken", "pydantic", "rich")


@pytest.mark.parametrize("name", ftkit.__all__)
def test_every_exported_name_exists(name: str) -> None:
    assert getattr(ftkit, name) is not None


def test_all_is_the_surface() -> None:
    assert list(ftkit.__all__) == sorted(ftkit.__all__)
    assert {n for n in dir(ftkit) if not n.startswith("_")} >= {
        n for n in ftkit.__all__ if not n.startswith("_")
    }


@pytest.mark.parametrize("name", [n for n in ftkit.__all__ if n != "__version__"])
def test_every_exported_name_is_documented(name: str) -> None:
    assert (getattr(ftkit, name).__doc__ or "").strip()


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ftkit.nothing  # type: ignore[attr-defined]


@pytest.mark.parametrize("statement", ["import ftkit", "import ftkit.cli"])
def test_import_loads_nothing_heavy(statement: str) -> None:
    code = f"import sys; {statement}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["validate", "split", "connect", "benchmark", "run", "retrain", "resolve"])
def test_functions_are_fully_annotated(name: str) -> None:
    signature = inspect.signature(getattr(ftkit, name))  # whether the names mean anything is mypy's matter
    assert all(each.annotation is not each.empty for each in signature.parameters.values())
    assert signature.return_annotation is not signature.empty

"""Packages that import their names when they are used: every name is there, none costs anything before."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

import ftkit

PACKAGES = (
    "ftkit",
    "ftkit.benchmarking",
    "ftkit.benchmarking.metrics",
    "ftkit.benchmarking.versus",
    "ftkit.data",
    "ftkit.gateway",
    "ftkit.gateway.realtime",
    "ftkit.inference",
    "ftkit.inference.backends",
    "ftkit.inference.llm",
    "ftkit.ledger",
    "ftkit.local",
    "ftkit.tokens",
)


@pytest.mark.parametrize("name", PACKAGES)
def test_a_fresh_package_lists_and_gives_all_its_names(name: str) -> None:
    """In a process of its own: here, other tests have imported everything."""
    code = f"""
import importlib, types
package = importlib.import_module({name!r})
assert set(package.__all__) <= set(dir(package)), "dir lists what was not used yet"
for each in package.__all__:
    value = getattr(package, each)
    assert not isinstance(value, types.ModuleType), each
    assert vars(package)[each] is value, "kept for the next use"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", PACKAGES)
def test_a_name_that_is_not_there_is_an_attribute_error(name: str) -> None:
    package = importlib.import_module(name)
    with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'nothing'"):
        _ = package.nothing
    assert not hasattr(package, "__wrapped__"), "as inspect and doctest ask"
    with pytest.raises(ImportError, match="nothing"):
        exec(f"from {name} import nothing", {})


@pytest.mark.parametrize("name", PACKAGES)
def test_a_star_import_gives_the_surface(name: str) -> None:
    space: dict[str, object] = {}
    exec(f"from {name} import *", space)
    assert set(importlib.import_module(name).__all__) <= set(space)


def test_no_module_hides_the_name_that_it_holds() -> None:
    """An import of ``a.b.c`` makes ``c`` an attribute of ``a.b``: a lazy ``c`` of that home would be lost."""
    hidden = []
    for info in pkgutil.walk_packages(ftkit.__path__, "ftkit."):
        package, _, module = info.name.rpartition(".")
        if getattr(sys.modules.get(package), "_HOME", {}).get(module) == info.name:
            hidden.append(info.name)
    assert hidden == []
    assert "ftkit.registry.exports" in sys.modules, "the walk imports every package"

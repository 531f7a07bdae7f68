"""docs/metrics.md is written from the metrics, has all of them, and what it tells is so."""

from __future__ import annotations

import re
import runpy
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ftkit.benchmarking import Score, find_metric
from ftkit.benchmarking.metrics import MetricBase, option, options_of

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "metrics.md").read_text("utf-8")


@pytest.fixture(scope="module")
def tool() -> Any:
    """tools/metric_reference.py as a module."""
    return SimpleNamespace(**runpy.run_path(str(ROOT / "tools" / "metric_reference.py"), run_name="tool"))


def test_the_page_is_current(tool: Any) -> None:
    assert tool.page() == PAGE


def test_every_shipped_metric_is_on_the_page_with_its_options(tool: Any) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    shipped = set(project["entry-points"]["ftkit.metrics"])
    assert shipped == set(tool.SHIPPED)
    for name in tool.SHIPPED:
        section = re.search(rf"^## {name}\b.*?(?=^## )", PAGE, re.M | re.S)
        assert section, name
        for one in options_of(type(find_metric(name, **tool.NEEDED.get(name, {})))):
            assert f"| `{one.name}` |" in section[0]


def blocks() -> list[str]:
    """The page's Python examples."""
    return re.findall(r"```python\n(.*?)```", PAGE, re.S)


def test_the_function_of_the_page_works(tmp_path: Path) -> None:
    (tmp_path / "scores.py").write_text(blocks()[0])
    metric = find_metric("scores.py:close", tolerance="0.5")
    assert metric.score("1.4", ("1",), ()).correct
    assert not metric.score("1.6", ("1",), ()).correct


def test_the_class_of_the_page_works() -> None:
    from dataclasses import dataclass

    names = {
        "dataclass": dataclass,
        "MetricBase": MetricBase,
        "option": option,
        "Score": Score,
        "__name__": "x",
    }
    exec(compile(blocks()[1], "page", "exec", dont_inherit=True), names)
    metric = find_metric(names["Length"], slack=2)
    assert metric.score("abcd", ("ab",), ()).correct
    assert not metric.score("abcde", ("ab",), ()).correct

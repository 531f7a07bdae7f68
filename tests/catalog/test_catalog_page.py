"""docs/catalog.md has every platform, model and source of the catalog, and nothing that is not known."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ftkit.catalog import Model, Price, Provider, builtin_catalog

TOOL = Path(__file__).resolve().parents[2] / "tools" / "catalog_reference.py"


@pytest.fixture
def tool() -> Any:
    return SimpleNamespace(**runpy.run_path(str(TOOL), run_name="catalog_reference"))


def test_every_platform_and_model_is_there(tool: Any) -> None:
    text, catalog = tool.page(), builtin_catalog()
    for provider in catalog.providers():
        assert f"\n## {provider.title}\n" in text
        for model in catalog.models(provider.name):
            assert f"\n| `{model.id}` |" in text.partition(f"\n## {provider.title}\n")[2]


def test_every_source_is_there_as_a_link(tool: Any) -> None:
    text = tool.page()
    for model in builtin_catalog().models():
        for group in (model.limits, model.price, model.shutdown):
            for address in re.findall(r"https?://[^\s,;)]+", group.source or ""):
                assert f"<{address}>" in text


def test_every_mark_of_a_source_is_listed_in_its_section(tool: Any) -> None:
    for part in re.split(r"\n## ", tool.page())[1:]:
        body, _, sources = part.partition("\nSources:\n")
        listed = set(re.findall(r"^- (\[\d+\])", sources, re.M))
        assert set(re.findall(r"\[\d+\]", body)) == listed


def test_what_is_not_known_is_not_zero(tool: Any) -> None:
    unknown = tool.row(Model(id="m", provider="p"), tool.Sources())
    assert unknown == "| `m` | no | – / – | – | – | – | – | – | – |\n"
    free = tool.row(Model(id="m", provider="p", price=Price(train=0, input=0)), tool.Sources())
    assert free == "| `m` | no | – / – | 0.00 | 0.00 / – | – | – | – | – |\n"


def test_a_platform_of_which_little_is_known(tool: Any) -> None:
    text = "".join(tool.section(Provider(name="new", title="New one"), []))
    assert text == "\n## New one\n\n| `new` | |\n| --- | --- |\n| address | – |\n| key | none |\n"


def test_a_stale_page_is_found_and_written(
    tool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "catalog.md"
    monkeypatch.setitem(tool.main.__globals__, "PAGE", page)
    monkeypatch.setattr(sys, "argv", ["catalog_reference.py", "--check"])
    assert tool.main() == 1
    assert "make format" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["catalog_reference.py"])
    assert tool.main() == 0
    monkeypatch.setattr(sys, "argv", ["catalog_reference.py", "--check"])
    assert tool.main() == 0
    page.write_text(page.read_text("utf-8") + "more\n", "utf-8")
    assert tool.main() == 1

"""The tour's own examples: its asynchronous Python runs as printed, its settings are good."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from doc_pages import LONGEST, blocks, end_server, run_script

from ftkit.settings import load_settings

PAGE = "tour.md"
pytestmark = pytest.mark.timeout(LONGEST)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A working directory whose local platform ends with the test."""
    yield tmp_path
    end_server(tmp_path / "state")


def test_the_asynchronous_example_runs_as_printed(folder: Path) -> None:
    [asynchronous] = [b.code for b in blocks(PAGE) if b.language == "python" and "async" in b.code]
    (folder / "example.py").write_text(f"import ftkit\n{asynchronous}", "utf-8")
    done = run_script(f"{sys.executable} example.py", folder)
    assert done.returncode == 0, done.stderr
    assert len((folder / "answers.jsonl").read_text().splitlines()) == 100


def test_the_count_on_the_page_about_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    [example] = [block.code for block in blocks("concepts/tokens.md") if block.language == "python"]
    exec(example, {})
    assert example.endswith(f"# {capsys.readouterr().out}")


def test_the_settings_are_good(folder: Path) -> None:
    [rules] = [block.code for block in blocks(PAGE) if block.language == "toml"]
    (folder / "ftkit.toml").write_text(rules)
    settings = load_settings()
    assert settings.validation.severity == {"FT501": "error"}
    assert settings.validation.params == {"FT502.similarity": 0.85}


def test_the_settings_on_the_page_on_configuration_say_what_they_seem_to(folder: Path) -> None:
    from ftkit.settings import Settings, ValidationSettings

    toml = [block.code for block in blocks("configuration.md") if block.language == "toml"]
    (folder / "ftkit.toml").write_text("\n".join(toml))
    catalog = load_settings().catalog
    assert catalog.require_model("our-model-8b").limits.training_context == 8192
    assert catalog.provider("ours").dialect.job_status == {"waiting": "queued"}
    text = (Path(__file__).resolve().parents[2] / "docs" / "configuration.md").read_text("utf-8")
    for name in Settings.model_fields:
        shown = {
            "providers": "[providers.",
            "models": "[models.",
            "validation": "[validation]",
            "ledger": "[ledger]",
            "files": "",
        }
        assert shown.get(name, f"| `{name}` |") in text
    for name in ValidationSettings.model_fields:
        assert f"\n{name} = " in text

"""The tutorial runs as it stands: its commands in one shell, then its Python, on the local platform."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from doc_pages import DOCS, LONGEST, blocks, end_server, run_script

from ftkit.benchmarking import BenchmarkReport

PAGE = "tutorial.md"
pytestmark = pytest.mark.timeout(LONGEST)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where the tutorial is done."""
    yield tmp_path
    end_server(tmp_path / "state")


@pytest.mark.slow
def test_the_tutorial_runs_as_it_stands(folder: Path) -> None:
    shell = "\n".join(block.code for block in blocks(PAGE) if block.language == "bash")
    python = "\n".join(block.code for block in blocks(PAGE) if block.language == "python")
    (folder / "tutorial.py").write_text(python, "utf-8")
    done = run_script(f"{shell}\npython3 tutorial.py", folder)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "positive" in done.stdout.splitlines(), "what the page says that the model says"
    assert "no difference from" in done.stdout, "what the page says of the two runs"
    for name in ("first", "python"):
        report = BenchmarkReport.model_validate_json((folder / "runs" / name / "report.json").read_bytes())
        tuned, base = sorted(report.models, key=lambda score: -score.accuracy)
        assert tuned.model.startswith("ft:linear:") and base.model == "linear"
        assert tuned.low > base.high, "the tutorial shows a difference"
    assert (folder / "runs" / "first" / "report.html").is_file()
    assert {path.name for path in (folder / "runs").iterdir()} >= {"short", "long", "first", "python"}
    assert len(re.findall(r"\bstand", done.stdout + done.stderr)) > 0, "a rehearsal says what it is"


def test_the_tutorial_names_no_file_that_nothing_makes() -> None:
    text = (DOCS / PAGE).read_text("utf-8")
    assert "parts/train.jsonl" in text and "--out parts" in text
    assert [block.file for block in blocks(PAGE) if block.file] == []

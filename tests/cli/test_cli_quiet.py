"""``--quiet``: no progress and no notices; but what nobody watches does not fail in silence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from ftkit.cli.split import split

ROW = {"messages": [{"role": "user", "content": "well?"}, {"role": "assistant", "content": "yes"}]}


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A split that leaves a part without rows."""
    monkeypatch.chdir(tmp_path)
    Path("one.jsonl").write_text(json.dumps(ROW) + "\n")
    return CliRunner()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (["--quiet"], ["warning: test: no row fell into this part"]),
        (["-q", "--json"], ['{"type": "warning", "text": "test: no row fell into this part"}']),
    ],
)
def test_warnings_alone_are_shown(call: CliRunner, how: list[str], said: list[str]) -> None:
    command = ["one.jsonl", "--train", "0.8", "--test", "0.2", "--out", "parts"]
    loud = call.invoke(split, command)
    assert loud.exit_code == 0, loud.output
    assert "read one.jsonl" in loud.stderr
    quiet = call.invoke(split, [*command[:-1], "again", *how])
    assert (quiet.exit_code, quiet.stderr.splitlines()) == (0, said)

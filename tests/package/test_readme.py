"""README's own examples: the Python block runs as printed, the commands exist, links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from ftkit.cli.root import cli

PROJECT = Path(__file__).resolve().parents[2]
README = (PROJECT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def test_the_python_example_runs_as_printed(tmp_path: Path) -> None:
    rows = [("profit rose", "up"), ("sales fell", "down")]
    with (tmp_path / "train.jsonl").open("w") as file:
        for i in range(60):
            text, label = rows[i % 2]
            turns = [("system", "Answer up or down."), ("user", f"{text} in unit {i}"), ("assistant", label)]
            example = {"messages": [{"role": role, "content": content} for role, content in turns]}
            file.write(json.dumps(example) + "\n")
    [example_code] = blocks("python")
    try:
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                f"{example_code}\nprint(scores.models[0].accuracy, result.state)",
            ],
            capture_output=True, text=True, timeout=150, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == "1.0 new"
    finally:
        server = tmp_path / "state" / "local" / "server.json"
        if server.exists():
            os.kill(json.loads(server.read_text())["pid"], signal.SIGTERM)


def test_it_is_short_and_shows_the_report() -> None:
    assert len(README.splitlines()) <= 130
    [picture] = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert (PROJECT / picture).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("line", re.findall(r"^    (ftkit .*?)(?:  +#.*)?$", README, re.M))
def test_every_command_shown_has_the_options_shown(line: str) -> None:
    command: click.Command = cli
    words = line.split()[1:]
    while isinstance(command, click.Group) and words:
        found = command.get_command(click.Context(command), words.pop(0))
        assert found is not None, line
        command = found
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_links_to_files_lead_somewhere() -> None:
    targets = [t for t in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in t]
    assert targets
    assert [t for t in targets if not (PROJECT / t).exists()] == []

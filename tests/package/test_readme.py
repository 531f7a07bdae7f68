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
from ftkit.settings.load import load_settings

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
    example_code, asynchronous = blocks("python")
    try:
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                f"{example_code}\n{asynchronous}\nprint(scores.models[0].accuracy, result.state)",
            ],
            capture_output=True, text=True, timeout=150, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == "1.0 new"
        assert len((tmp_path / "answers.jsonl").read_text().splitlines()) == 100
    finally:
        server = tmp_path / "state" / "local" / "server.json"
        if server.exists():
            os.kill(json.loads(server.read_text())["pid"], signal.SIGTERM)


def test_the_configuration_example_is_valid(tmp_path: Path) -> None:
    rules, platforms, own_models = blocks("toml")
    (tmp_path / "ftkit.toml").write_text(f"{platforms}\n{rules}\n{own_models}")
    settings = load_settings()
    assert settings.platform == "nebius"
    assert settings.catalog.require_model("our-model-8b").limits.training_context == 8192
    assert settings.catalog.require_model("house/writer").rates.burst == (300, 10)
    assert settings.validation.severity == {"FT501": "error"}
    assert settings.validation.params == {"FT502.similarity": 0.85}


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

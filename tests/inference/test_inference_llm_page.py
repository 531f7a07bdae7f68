"""docs/llm.md: its Python runs as printed, its commands exist, its table of options is whole."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ftkit.cli.generate import generate
from ftkit.inference.llm import LLMOptions, LLMResponse

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "llm.md").read_text("utf-8")
SAID = [
    "A good year for steel -> good",
    "A bad day at sea -> bad",
    "2 of 2",
    "{'text': 'Sales fell in a bad quarter', 'word': 'bad'}",
    "good response_format",
    "{'mood': 'bad'}",
    "[{'mood': 'bad', 'stars': 0}, {'mood': 'good', 'stars': 0}]",
    "{'topic': 'falling leaves', 'season': 'spring'}",
    "text,mood,stars",
    "1 0 0.0",
    "True",
]


def test_the_python_of_the_page_runs_as_printed(tmp_path: Path) -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.S))
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=150, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == SAID
    finally:
        server = tmp_path / "state" / "local" / "server.json"
        if server.exists():
            os.kill(json.loads(server.read_text())["pid"], signal.SIGTERM)


@pytest.mark.parametrize("name", LLMOptions.model_fields)
def test_every_option_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_what_the_page_says_of_a_response_is_there() -> None:
    table = PAGE.partition("| attribute |")[2].partition("```")[0]
    for line in table.splitlines()[2:]:
        for name in re.findall(r"`(\w+)", line.split("|")[1] if line.count("|") > 2 else ""):
            assert name in (*LLMResponse.model_fields, *dir(LLMResponse), "LLMResponse"), name


@pytest.mark.parametrize("line", re.findall(r"^    (ftkit generate .*)$", PAGE, re.M))
def test_the_commands_of_the_page_have_these_options(line: str) -> None:
    known = {option for parameter in generate.params for option in parameter.opts}
    assert {word for word in line.split() if word.startswith("--")} <= known

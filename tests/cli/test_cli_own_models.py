"""Models of ftkit.toml that a hook answers for, at the command line: asked, shown, and what goes wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

TOML = """
[models."house/writer"]
hook = "cli_house_models:Writer"
price = { input = 0.5, output = 1.5 }
limits = { inference_context = 16385 }
rates = { burst = [300, 10], input_tokens_per_minute = 20_000, concurrent_requests = 8 }

[models."house/broken"]
hook = "cli_house_models:broken"

[models."house/gone"]
hook = "cli_house_models:gone"
"""
HOOK = """
class Writer:
    version = "1"

    def call(self, messages, prompt, max_tokens=None):
        return f"{len(messages)} {max_tokens} {prompt}", 5, 3


def broken(prompt):
    return {}[prompt]
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "ftkit.toml").write_text(TOML)
    (folder / "cli_house_models.py").write_text(HOOK)
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")  # the project is the nearest folder above with an ftkit.toml


def test_a_hook_is_asked_without_any_platform(here: Any, tmp_path: Path) -> None:
    done = here("chat", "house/writer", "Hello there", "--system", "Be kind.", "--max-tokens", "7")
    assert (done.returncode, done.stdout) == (0, "2 7 Be kind.\n\nHello there\n")
    reply = json.loads(here("chat", "hook:cli_house_models:Writer", "Hi", "--json").stdout)
    assert (reply["text"], reply["usage"]["total_tokens"]) == ("1 None Hi", 8)
    assert not (tmp_path / "state" / "local").exists()


def test_what_a_hook_raises_is_told(here: Any) -> None:
    done = here("chat", "house/broken", "Hello")
    assert done.returncode == 3
    assert "house/broken: KeyError: 'Hello'" in done.stderr
    gone = here("chat", "house/gone", "Hello")
    assert gone.returncode == 2 and "has no attribute 'gone'" in gone.stderr


def test_an_own_model_is_shown_from_the_catalog(here: Any, tmp_path: Path) -> None:
    text = here("models", "show", "house/writer").stdout
    for words in (
        "cli_house_models:Writer",
        "16,385 tokens",
        "20,000 input tokens a minute, 300 requests in 10 seconds, 8 at a time",
    ):
        assert words in text
    known = json.loads(here("models", "show", "house/writer", "--json").stdout)
    assert known["platform"] is None and known["catalog"]["rates"]["burst"] == [300, 10.0]
    assert not (tmp_path / "state" / "local").exists()

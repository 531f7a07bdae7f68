"""``ftkit models platforms``: what the catalog and ``ftkit.toml`` know of each platform."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

Command = Callable[..., CompletedProcess[str]]
OURS = """
[providers.ours]
title = "Our gateway"
base_url = "https://llm.example.com/v1"
lacks = ["uploads"]

[providers.ours.limits]
requests_per_minute = 1200
"""


def test_all_of_them_with_a_person_s_own(here: Command, tmp_path: Path) -> None:
    (tmp_path / "ftkit.toml").write_text(OURS)
    listed = json.loads(here("models", "platforms", "--json").stdout)
    by_name = {p["name"]: p for p in listed}
    assert {"local", "kluster", "nebius", "openai", "azure-openai", "custom", "ours"} <= set(by_name)
    assert by_name["ours"]["limits"]["requests_per_minute"] == 1200
    assert by_name["kluster"]["dialect"]["suffix_field"] == "nickname"
    text = here("models", "platforms").stdout
    assert "Our gateway" in text and "closed" in text


def test_one_of_them_says_what_it_takes_and_what_is_not_known(here: Command, tmp_path: Path) -> None:
    (tmp_path / "ftkit.toml").write_text(OURS)
    shown = here("models", "platforms", "kluster").stdout
    assert "max_tokens to max_completion_tokens" in shown
    assert "of requests: n, response_format" in shown
    assert "checkpoints, events, pause" in shown
    ours = here("models", "platforms", "ours").stdout
    fields = {line[:22].strip(): line[22:].strip() for line in ours.splitlines()}
    assert fields["requests a minute"] == "1,200"
    assert fields["tokens a minute"] == fields["trains by"] == "unknown"
    assert fields["lacks"] == "uploads"


def test_a_platform_that_nobody_knows(here: Command) -> None:
    done = here("models", "platforms", "klustr")
    assert done.returncode == 2
    assert "Did you mean kluster" in done.stderr and done.stdout == ""


def test_a_dialect_s_mistakes_name_their_line(here: Command, tmp_path: Path) -> None:
    (tmp_path / "ftkit.toml").write_text(OURS.replace('["uploads"]', '["upload"]'))
    done = here("models", "platforms")
    assert done.returncode == 4
    assert "ftkit.toml:5" in done.stderr and "lacks" in done.stderr

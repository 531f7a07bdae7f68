"""`ftkit doctor`: its exit codes, what it prints for a person and for a program, and no key in either."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

KEY = "sk-proj-0123456789abcdefghijklmnop"


def test_all_is_well(here: Any) -> None:
    done = here("doctor")
    assert done.returncode == 0
    assert "missing" not in done.stdout
    for word in ("python", "ftkit", "state directory", "not needed", "not running; started when"):
        assert word in done.stdout
    assert done.stderr == ""


def test_what_is_missing_is_said_with_what_mends_it(here: Any) -> None:
    done = here("doctor", "--platform", "openai")
    assert done.returncode == 1
    assert "openai: export OPENAI_API_KEY=..." in done.stdout.splitlines()


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["words", "json"])
def test_no_key_is_printed(here: Any, monkeypatch: pytest.MonkeyPatch, options: list[str]) -> None:
    for name in ("OPENAI_API_KEY", "NEBIUS_API_KEY"):
        monkeypatch.setenv(name, KEY)
    address = ["--platform", "openai", "--base-url", "http://127.0.0.1:9/v1"]
    done = here("doctor", "--all-platforms", *address, *options)
    assert done.returncode == 1
    assert "127.0.0.1:9" in done.stdout
    assert KEY not in done.stdout + done.stderr


def test_json_has_every_check_and_leaves_with_one_where_something_is_missing(here: Any) -> None:
    done = here("doctor", "--json", "--platform", "nebius")
    diagnosis = json.loads(done.stdout)
    assert (done.returncode, diagnosis["ok"]) == (1, False)
    missing = [check for check in diagnosis["checks"] if check["state"] == "missing"]
    assert {check["area"] for check in missing} == {"keys", "platform"}
    assert all(check["mend"] for check in missing)


def test_every_platform_is_listed_when_asked_for(here: Any) -> None:
    checks = json.loads(here("doctor", "--json", "--all-platforms").stdout)["checks"]
    assert {"local", "openai", "nebius", "kluster"} <= {c["name"] for c in checks if c["area"] == "keys"}


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ('platform = "opnai"\n', (2, 4), "openai"),
        ("timeout = -1\n", (4,), "ftkit.toml:1"),
        ('[providers.openai]\napi_key = "sk-proj-0123456789abcdefghij"\n', (4,), "key_env"),
        ("[providers\n", (4,), "ftkit.toml:1"),
        ("\xff", (4,), "not UTF-8"),
    ],
    ids=["platform", "value", "key", "syntax", "encoding"],
)
def test_broken_configuration(
    here: Any, tmp_path: Path, text: str, code: tuple[int, ...], words: str
) -> None:
    (tmp_path / "ftkit.toml").write_bytes(text.encode("latin-1"))
    done = here("doctor", "--json")
    assert done.returncode in code
    assert done.stdout == ""
    error = json.loads(done.stderr)["error"]
    assert words in error["message"] + error.get("hint", "")
    assert "sk-proj" not in done.stderr


def test_a_configuration_beside_the_broken_one_can_be_named(here: Any, tmp_path: Path) -> None:
    (tmp_path / "ftkit.toml").write_text("[broken\n")
    (tmp_path / "good.toml").write_text("timeout = 5\n")
    done = here("doctor", "--config", "good.toml")
    assert done.returncode == 0
    assert "good.toml" in done.stdout

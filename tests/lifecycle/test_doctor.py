"""The diagnosis: each state of each check, what is needed and what is not, and no key in sight."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftkit.lifecycle.doctor import Check, Diagnosis, diagnose
from ftkit.settings import Settings, load_settings

KEY = "sk-proj-0123456789abcdefghijklmnop"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a platform that wants ``KEY``."""
    home = tmp_path_factory.mktemp("guarded")
    (home / "keys").write_text(KEY)
    command = [sys.executable, "-m", "ftkit.local", "--state", str(home / "state"), "--port", "0"]
    process = subprocess.Popen([*command, "--api-key-file", str(home / "keys")])
    record, deadline = home / "state" / "server.json", time.monotonic() + 60
    while not record.exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    yield f"{json.loads(record.read_text())['url']}/v1"
    process.terminate()
    process.wait(30)


@pytest.fixture
def nowhere() -> str:
    """An address at which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/v1"


def only(diagnosis: Diagnosis, area: str, name: str) -> Check:
    (check,) = [c for c in diagnosis.checks if (c.area, c.name) == (area, name)]
    return check


def test_nothing_set_up_is_enough_for_the_local_platform(tmp_path: Path) -> None:
    diagnosis = diagnose(load_settings())
    assert diagnosis.ok
    assert {c.area for c in diagnosis.checks} == {
        "versions",
        "configuration",
        "ledger",
        "keys",
        "platform",
        "vocabularies",
    }
    local = only(diagnosis, "platform", "local")
    assert (local.state, "not running" in local.detail) == ("ok", True)
    assert only(diagnosis, "keys", "local").state == "ok"
    assert list(tmp_path.iterdir()) == [], "to look leaves nothing behind"


def test_a_running_platform_answers(platform: Settings) -> None:
    check = only(diagnose(load_settings()), "platform", "local")
    assert check.state == "ok"
    assert check.detail.startswith("answers, ")


@pytest.mark.parametrize(
    "content", ['{"pid": 999999999, "url": "http://127.0.0.1:9", "version": "0"}', "{", ""], ids=len
)
def test_a_platform_that_died_is_not_started(tmp_path: Path, content: str) -> None:
    record = tmp_path / "state" / "local" / "server.json"
    record.parent.mkdir(parents=True)
    record.write_text(content)
    check = only(diagnose(load_settings()), "platform", "local")
    assert (check.state, "not running" in check.detail) == ("ok", True)
    assert [p.name for p in record.parent.iterdir()] == ["server.json"]


def test_a_missing_key_of_the_chosen_platform() -> None:
    diagnosis = diagnose(load_settings(platform="openai"))
    assert not diagnosis.ok
    key = only(diagnosis, "keys", "openai")
    assert (key.state, key.mend) == ("missing", "export OPENAI_API_KEY=...")
    assert only(diagnosis, "platform", "openai").state == "missing"


def test_keys_of_other_platforms_are_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEBIUS_API_KEY", KEY)
    diagnosis = diagnose(load_settings(), all_platforms=True)
    assert diagnosis.ok
    states = {c.name: (c.state, c.detail) for c in diagnosis.checks if c.area == "keys"}
    assert states["nebius"] == ("ok", "environment")
    assert states["openai"] == ("unused", "OPENAI_API_KEY is not set")
    assert states["local"] == ("ok", "not needed")
    assert KEY not in diagnosis.model_dump_json()
    assert [c.name for c in diagnosis.checks if c.area == "platform"] == ["local"], "only the chosen is asked"


@pytest.mark.parametrize("variable", [None, "  "])
def test_an_address_on_this_machine_needs_no_key(
    platform: Settings, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    if variable:
        monkeypatch.setenv("FTKIT_API_KEY", variable)
    url = json.loads((platform.local_state / "server.json").read_text())["url"]
    diagnosis = diagnose(load_settings(platform="custom", base_url=f"{url}/v1"))
    assert diagnosis.ok, diagnosis.checks
    assert only(diagnosis, "keys", "custom").detail == "not needed"


def test_an_address_elsewhere_needs_one() -> None:
    diagnosis = diagnose(load_settings(platform="custom", base_url="https://platform.invalid/v1"))
    assert only(diagnosis, "keys", "custom").state == "missing"
    assert not diagnosis.ok


def test_nothing_answers(nowhere: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    started = time.monotonic()
    diagnosis = diagnose(load_settings(platform="openai", base_url=nowhere))
    check = only(diagnosis, "platform", "openai")
    assert (check.state, diagnosis.ok) == ("missing", False)
    assert nowhere in check.detail
    assert check.mend
    assert time.monotonic() - started < 10, "asked once, not five times"


def test_something_else_answers(guarded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address is right but for its path: no API there."""
    monkeypatch.setenv("FTKIT_API_KEY", KEY)
    diagnosis = diagnose(load_settings(platform="custom", base_url=guarded.replace("/v1", "/v2")))
    check = only(diagnosis, "platform", "custom")
    assert (check.state, diagnosis.ok) == ("missing", False)
    assert "404" in check.detail


@pytest.mark.parametrize(("key", "state"), [(KEY, "ok"), (KEY[::-1], "missing")], ids=["right", "wrong"])
def test_a_key_is_tried_and_never_shown(
    guarded: str, monkeypatch: pytest.MonkeyPatch, key: str, state: str
) -> None:
    monkeypatch.setenv("FTKIT_API_KEY", key)
    diagnosis = diagnose(load_settings(platform="custom", base_url=guarded))
    check = only(diagnosis, "platform", "custom")
    assert check.state == state
    assert diagnosis.ok is (state == "ok")
    assert only(diagnosis, "keys", "custom").detail == "environment", "a key is there; it may be wrong"
    if state == "missing":
        assert "FTKIT_API_KEY" in str(check.mend)
    assert key not in diagnosis.model_dump_json()


def test_a_closed_platform_is_a_warning(guarded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KLUSTER_API_KEY", KEY)
    diagnosis = diagnose(load_settings(platform="kluster", base_url=guarded))
    check = only(diagnosis, "platform", "kluster")
    assert (check.state, diagnosis.ok) == ("warning", True)
    assert "has closed" in check.detail


def test_configuration_files_that_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = tmp_path / "user-config" / "config.toml"
    user.parent.mkdir()
    user.write_text("timeout = 5\n")
    (tmp_path / "ftkit.toml").write_text("max_retries = 1\n")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    diagnosis = diagnose(load_settings())
    assert only(diagnosis, "configuration", "user file").detail == str(user)
    project = only(diagnosis, "configuration", "project file")
    assert (project.state, project.detail) == ("ok", str(tmp_path / "ftkit.toml"))


def test_a_configuration_file_named_by_hand(tmp_path: Path) -> None:
    (tmp_path / "ftkit.toml").write_text("max_retries = 1\n")
    other = tmp_path / "other.toml"
    other.write_text("timeout = 5\n")
    project = only(diagnose(load_settings(other)), "configuration", "project file")
    assert (project.state, project.detail) == ("ok", str(other))


@pytest.mark.parametrize("name", ["state", "runs"])
def test_directories_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / "file").write_text("")
    variable = f"FTKIT_{name.upper()}_DIR"
    monkeypatch.setenv(variable, str(tmp_path / "file" / "deep" / "er"))
    diagnosis = diagnose(load_settings())
    check = only(diagnosis, "configuration", f"{name} directory")
    assert (check.state, diagnosis.ok) == ("missing", False)
    assert variable in str(check.mend)


def test_vocabularies_that_are_not_here_are_not_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FTKIT_TOKENIZER_DIR", raising=False)
    monkeypatch.setenv("FTKIT_CACHE_DIR", str(tmp_path / "empty"))
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "empty"))
    diagnosis = diagnose(load_settings())
    found = [c for c in diagnosis.checks if c.area == "vocabularies"]
    assert {c.state for c in found} == {"unused"}
    assert all(c.mend == f"ftkit tokenizers fetch {c.name}" for c in found)
    assert diagnosis.ok

"""The local platform starts by itself, once, and only what really runs is believed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ftkit.errors import PlatformUnreachable, StorageError
from ftkit.gateway import Platform, connect
from ftkit.gateway.autostart import api_address, find_local
from ftkit.settings import Settings

DEAD = 2**22 - 3  # above the usual highest process id


def test_a_running_platform_is_used_again(local: Platform, local_settings: Settings, seen: Any) -> None:
    with connect("local", settings=local_settings, display=seen) as again:
        assert not again.started_local
        assert again.base_url == local.base_url
        assert again.local_server is not None
        assert local.local_server is not None
        assert again.local_server.pid == local.local_server.pid
        assert again.identity == local.identity == str(local_settings.local_state.resolve())
        assert any(m.id == "linear" for m in again.models.list())
    assert seen.notes == []


def test_start_past_a_stale_file_and_stop(tmp_path: Path, seen: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789abcdefghij")
    settings = Settings(state_dir=tmp_path / "st")
    record = settings.local_state / "server.json"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"pid": DEAD, "url": "http://127.0.0.1:9", "version": "0.0"}))
    with connect("local", settings=settings, display=seen) as platform:
        server = platform.local_server
        assert server is not None
        try:
            assert platform.started_local
            assert server.pid != DEAD
            assert find_local(settings.local_state) is not None
            (note,) = seen.notes
            assert platform.base_url in note
            assert str(settings.local_state) in note
            assert "stops by itself 5 minutes" in note
            environment = Path(f"/proc/{server.pid}/environ")
            if environment.exists():  # keys of hosted platforms stay out of the platform's process
                assert b"OPENAI_API_KEY" not in environment.read_bytes()
                assert b"PATH=" in environment.read_bytes()
        finally:
            platform.stop_local()
        assert find_local(settings.local_state) is None
        with pytest.raises(ProcessLookupError):
            os.kill(server.pid, 0)
        platform.stop_local()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"pid": 1}',
        '{"pid": "x", "url": "http://127.0.0.1:9"}',
        json.dumps({"pid": DEAD, "url": "http://127.0.0.1:9"}),
        json.dumps({"pid": os.getpid(), "url": "http://127.0.0.1:9"}),
        json.dumps({"pid": -1, "url": "http://127.0.0.1:9"}),
        json.dumps({"pid": os.getpid(), "url": "not an address"}),
    ],
    ids=range(10),  # process ids differ between the processes that collect the tests
)
def test_what_is_not_believed(tmp_path: Path, content: str) -> None:
    (tmp_path / "server.json").write_text(content)
    assert find_local(tmp_path) is None


@pytest.mark.parametrize(
    "health", ["<html>", {"status": "ok"}, {"version": "1"}, [], (500, {"status": "ok"})]
)
def test_another_program_on_the_port_is_not_believed(canned: Any, tmp_path: Path, health: object) -> None:
    canned._answers["GET", "/healthz"] = [health]
    url = canned.address.removesuffix("/v1")
    (tmp_path / "server.json").write_text(json.dumps({"pid": os.getpid(), "url": url}))
    assert find_local(tmp_path) is None
    assert [a.path for a in canned.asked] == ["/healthz"]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "http://127.0.0.1:8080/", "http://127.0.0.1:8080/v1"]
)
def test_the_api_address(url: str) -> None:
    assert api_address(url) == "http://127.0.0.1:8080/v1"


CLIENT = """
import json
from ftkit.display import SilentDisplay
from ftkit.gateway.autostart import ensure_local
from ftkit.settings import load_settings
server = ensure_local(load_settings().local_state, SilentDisplay())
print(json.dumps([server.pid, server.started]))
"""


def test_two_at_the_same_instant_start_one(tmp_path: Path) -> None:
    state = tmp_path / "state"
    clients = [
        subprocess.Popen([sys.executable, "-c", CLIENT], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
        for _ in range(2)
    ]
    answers = [json.loads(client.communicate(timeout=90)[0]) for client in clients]
    with connect("local") as platform:  # the clients have ended, the platform lives on
        assert not platform.started_local
        assert platform.local_server is not None
        assert platform.local_server.state == (state / "local").resolve()
        pids = {platform.local_server.pid, *(a[0] for a in answers)}
        assert platform.models.list()
        platform.stop_local()
    assert len(pids) == 1
    assert sorted(a[1] for a in answers) == [False, True]


def test_a_start_that_fails_shows_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "uvicorn.py").write_text("raise ImportError('broken on purpose')\n")
    monkeypatch.setenv("PYTHONPATH", str(broken))
    monkeypatch.setattr("ftkit.gateway.autostart._SECOND_TRY", 0.05)
    settings = Settings(state_dir=tmp_path / "st")
    started = time.monotonic()
    with pytest.raises(PlatformUnreachable) as caught:
        connect("local", settings=settings)
    assert time.monotonic() - started < 30
    assert "did not start: it ended with code" in caught.value.message
    assert "| ImportError: broken on purpose" in caught.value.message
    assert str(settings.local_state / "server.log") in str(caught.value.hint)


def test_a_state_directory_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "st").write_text("a file")
    with pytest.raises(StorageError) as caught:
        connect("local", settings=Settings(state_dir=tmp_path / "st"))
    assert caught.value.exit_code == 4
    assert str(tmp_path / "st") in str(caught.value)

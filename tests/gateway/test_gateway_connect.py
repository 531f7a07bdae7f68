"""Connecting: which address, which key, and what must never travel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ftkit.gateway
from ftkit.errors import ConfigurationError, MissingKey, UsageError
from ftkit.gateway import connect
from ftkit.gateway.connection import is_loopback
from ftkit.settings import Settings, load_settings

KEY = "sk-proj-0123456789abcdefghijklmnop"


@pytest.mark.parametrize(
    ("name", "variable"),
    [("openai", "OPENAI_API_KEY"), ("kluster", "KLUSTER_API_KEY"), ("nebius", "NEBIUS_API_KEY")],
)
def test_a_missing_key_names_its_variable(name: str, variable: str) -> None:
    with pytest.raises(MissingKey) as caught:
        connect(name)
    assert variable in str(caught.value)
    assert caught.value.exit_code == 4


def test_a_platform_without_an_address() -> None:
    with pytest.raises(ConfigurationError, match="no address") as caught:
        connect("custom")
    assert "FTKIT_BASE_URL" in str(caught.value.hint)


def test_an_unknown_platform() -> None:
    with pytest.raises(UsageError, match="'opneai'") as caught:
        connect("opneai")
    assert "openai" in str(caught.value.hint)


@pytest.mark.parametrize(
    "address", ["ftp://host/v1", "host/v1", "http://", "http://host:99999/v1", "http://[::1"]
)
def test_what_is_not_an_address(address: str) -> None:
    with pytest.raises(ConfigurationError, match="not the address"):
        connect(base_url=address, api_key="k")


@pytest.mark.parametrize(
    ("settings", "platform", "base_url", "expected"),
    [
        ({"base_url": "{}"}, None, None, "custom"),
        ({"base_url": "{}"}, "local", None, "local"),
        ({"base_url": "{}", "platform": "local"}, None, None, "local"),
        ({"base_url": "{}", "platform": "kluster"}, "kluster", None, "kluster"),
        ({}, None, "{}", "custom"),
        ({"platform": "openai"}, None, "{}", "custom"),
        ({}, "local", "{}", "local"),
        ({}, "openai", "{}", "openai"),
    ],
)
def test_whose_address_it_is(
    canned: Any, settings: dict[str, str], platform: str | None, base_url: str | None, expected: str
) -> None:
    filled = {k: v.format(canned.address) for k, v in settings.items()}
    address = base_url.format(canned.address) if base_url else None
    made = connect(platform, settings=Settings(**filled), base_url=address, api_key="k")  # type: ignore[arg-type]
    with made:
        assert (made.name, made.base_url, made.identity) == (expected, canned.address, canned.address)
        assert not made.started_local
        assert made.local_server is None


def test_an_address_in_the_settings_stays_with_its_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    settings = Settings(platform="local", base_url="http://127.0.0.1:9/v1")
    with connect("openai", settings=settings) as platform:
        assert platform.base_url == "https://api.openai.com/v1"


def test_the_local_platform_may_be_named_without_its_path() -> None:
    with connect("local", settings=Settings(), base_url="http://127.0.0.1:9") as platform:
        assert platform.base_url == "http://127.0.0.1:9/v1"


def test_the_environment_chooses(canned: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTKIT_BASE_URL", canned.address)
    monkeypatch.setenv("FTKIT_TIMEOUT", "3")
    canned.answer("GET", "/models", {"data": []})
    with connect("local") as platform:
        assert platform.models.list() == []
        assert (platform.name, platform.settings.timeout) == ("local", 3.0)
    assert not (load_settings().local_state).exists()


def test_a_key_goes_to_its_own_platform_only(canned: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_ORG_ID", "org-private")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-private")
    canned.answer("GET", "/models", {"data": []})
    canned.answer("POST", "/fine_tuning/jobs", {"id": "j"})
    with connect(settings=Settings(), base_url=canned.address) as platform:
        platform.models.list()
        platform.jobs.create("file-1", "m")
    assert len(canned.asked) == 2
    for asked in canned.asked:
        assert KEY not in str(asked.headers)
        assert "private" not in str(asked.headers)


def test_the_environments_key_is_used(canned: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KLUSTER_API_KEY", f" {KEY}\n")
    canned.answer("GET", "/models", {"data": []})
    with connect("kluster", settings=Settings(), base_url=canned.address) as platform:
        platform.models.list()
        assert KEY not in repr(platform)
        assert KEY not in repr(vars(platform))
    assert canned.asked[0].headers["authorization"] == f"Bearer {KEY}"


def test_this_machine_needs_no_proxy_and_no_key(canned: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    canned.answer("GET", "/models", {"data": [{"id": "m"}]})
    with connect(settings=Settings(max_retries=0), base_url=canned.address) as platform:
        assert [m.id for m in platform.models.list()] == ["m"]


def test_a_hosted_address_needs_a_key() -> None:
    with pytest.raises(MissingKey, match="no API key"):
        connect(settings=Settings(), base_url="https://models.example.org/v1")


def test_a_closed_platform_is_tried_with_a_warning(canned: Any, to_canned: Any, seen: Any) -> None:
    closed = {"providers": {"kluster": {"closed": "2025-07-24", "notice": "kluster.ai has closed."}}}
    canned.answer("GET", "/models", {"data": []})
    assert to_canned("kluster", settings=closed, display=seen).models.list() == []
    assert seen.warnings == ["kluster.ai has closed."]
    later = {"providers": {"kluster": {"closed": "2999-01-01"}}}
    to_canned("kluster", settings=later, display=seen)
    assert len(seen.warnings) == 1


def test_a_key_in_the_clear_is_warned_of(seen: Any) -> None:
    connect(settings=Settings(), base_url="http://models.example.org/v1", api_key="k", display=seen).close()
    connect(settings=Settings(), base_url="https://models.example.org/v1", api_key="k", display=seen).close()
    assert len(seen.warnings) == 1
    assert "unencrypted" in seen.warnings[0]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://127.0.0.1:8080/v1", True),
        ("http://localhost/v1", True),
        ("http://[::1]:80/v1", True),
        ("http://127.0.0.1.example.org/v1", False),
        ("https://api.openai.com/v1", False),
        ("http://10.0.0.1/v1", False),
    ],
)
def test_loopback(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected


def test_the_package_is_light_and_whole() -> None:
    code = "import sys, ftkit.gateway as g; from ftkit.gateway import Answer; print('openai' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    for name in ftkit.gateway.__all__:
        assert getattr(ftkit.gateway, name).__name__ == name
    with pytest.raises(AttributeError):
        ftkit.gateway.nothing  # noqa: B018
    assert set(ftkit.gateway.__all__) <= set(dir(ftkit.gateway))


def test_uploads_that_cannot_be(canned: Any, to_canned: Any, tmp_path: Path) -> None:
    files = to_canned().files
    with pytest.raises(UsageError, match="not there"):
        files.upload(tmp_path / "none.jsonl")
    with pytest.raises(UsageError, match="not a file"):
        files.upload(tmp_path)
    with pytest.raises(UsageError, match="not there"):
        files.resolve("train.jsonl")
    assert files.resolve("file-abc") == "file-abc"
    assert canned.asked == []


def test_an_upload_waits_until_it_is_processed(
    canned: Any, to_canned: Any, tmp_path: Path, seen: Any
) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(b"x" * 300_000)
    canned.answer("POST", "/files", {"id": "f", "status": "uploaded"})
    canned.answer("GET", "/files/f", {"id": "f", "status": "processing"}, {"id": "f", "status": "processed"})
    assert to_canned(display=seen).files.upload(path).status == "processed"
    assert path.read_bytes() in canned.asked[0].body
    assert canned.paths() == ["/files", "/files/f", "/files/f"]
    done = [p[1] for p in seen.progress if p[0] == "Upload data.jsonl"]
    assert done == sorted(done)
    assert done[-1] == 300_000
    assert len(set(done)) > 2


def test_a_file_that_the_platform_refuses(canned: Any, to_canned: Any, tmp_path: Path) -> None:
    from ftkit.errors import PlatformRefused

    path = tmp_path / "data.jsonl"
    path.write_text("x")
    canned.answer("POST", "/files", {"id": "f", "status": "error", "status_details": "line 1 is not JSON"})
    with pytest.raises(PlatformRefused, match="line 1 is not JSON"):
        to_canned().files.upload(path)


def test_a_file_that_stays_uploaded_is_used(canned: Any, to_canned: Any, tmp_path: Path, seen: Any) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text("x")
    canned.answer("POST", "/files", {"id": "f", "status": "uploaded"})
    canned.answer("GET", "/files/f", {"id": "f", "status": "uploaded"})
    assert to_canned(display=seen, settings={"timeout": 0.3}).files.upload(path).id == "f"
    assert any("still uploaded" in note for note in seen.notes)

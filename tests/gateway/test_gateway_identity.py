"""What a platform is known by in the ledger, connected or not, and the ledger of a connection."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ftkit.errors import Interrupted, UsageError
from ftkit.gateway import Platform, connect
from ftkit.gateway.connection import identity_of
from ftkit.settings import Settings


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"platform": "openai"}, "https://api.openai.com/v1"),
        ({"base_url": "http://127.0.0.1:9/v1/"}, "http://127.0.0.1:9/v1"),
        ({"platform": "openai", "base_url": "https://proxy.example/openai"}, "https://proxy.example/openai"),
        ({"base_url": "http://me:secret@127.0.0.1:9/v1?key=s3cret#x"}, "http://127.0.0.1:9/v1"),
        ({"platform": "local", "base_url": "http://127.0.0.1:9"}, "http://127.0.0.1:9/v1"),
    ],
)
def test_an_address_is_its_own_name_but_for_its_secrets(
    given: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789abcdefghij")
    settings = Settings(**given)  # type: ignore[arg-type]
    assert identity_of(settings) == expected
    with connect(settings=settings) as platform:
        assert platform.identity == expected


def test_the_local_platform_is_its_state_whatever_its_port(local: Platform, tmp_path: Path) -> None:
    assert local.identity == identity_of(local.settings) == str(local.settings.local_state.resolve())
    assert identity_of(Settings(state_dir=tmp_path / "x" / ".." / "y")) == str(tmp_path / "y" / "local")


def test_a_name_that_nobody_knows() -> None:
    with pytest.raises(UsageError, match="nowhere"):
        identity_of(Settings(platform="nowhere"))


def test_a_connection_has_the_ledger_of_its_state_directory_and_closes_it(tmp_path: Path) -> None:
    settings = Settings(base_url="http://127.0.0.1:9/v1", state_dir=tmp_path / "s")
    with connect(settings=settings) as platform:
        assert platform.ledger is platform.ledger
        with platform.ledger.claim("job", platform.identity, {"model": "m"}) as claim:
            claim.intend()
        assert (tmp_path / "s" / "ledger.db-wal").exists()
    assert [p.name for p in sorted((tmp_path / "s").iterdir())] == ["ledger.db", "ledger.lock"]


def test_a_rest_ends_when_the_wire_is_stopped() -> None:
    with connect(settings=Settings(base_url="http://127.0.0.1:9/v1")) as platform:
        wire = platform._wire
        wire.rest(0)
        threading.Timer(0.05, wire.stop.set).start()
        with pytest.raises(Interrupted, match="waiting for the platform"):
            wire.rest(30)

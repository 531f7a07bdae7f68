"""Keys: where they come from, and that they stay out of every text."""

from __future__ import annotations

import pytest

from ftkit.catalog import Provider, builtin_catalog
from ftkit.errors import MissingKey
from ftkit.settings import api_key, key_status, named_key, redact

OURS = Provider(name="ours", title="Our platform", key_env="OUR_API_KEY")


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_API_KEY", " abc ")
    assert api_key(OURS) == "abc"
    assert key_status(OURS) == "environment"


def test_missing_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OUR_API_KEY", raising=False)
    assert key_status(OURS) == "none"
    with pytest.raises(MissingKey, match="export OUR_API_KEY=") as caught:
        api_key(OURS)
    assert caught.value.exit_code == 4


def test_from_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = pytest.importorskip("keyring")
    from keyring.backend import KeyringBackend

    class Memory(KeyringBackend):  # type: ignore[misc]
        priority = 1
        stored: dict[tuple[str, str], str] = {}  # noqa: RUF012

        def get_password(self, service: str, username: str) -> str | None:
            return self.stored.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            self.stored[service, username] = password

    before = keyring.get_keyring()
    keyring.set_keyring(Memory())
    try:
        keyring.set_password("ftkit", "OUR_API_KEY", "from-the-ring")
        assert api_key(OURS) == "from-the-ring"
        assert key_status(OURS) == "keyring"
    finally:
        keyring.set_keyring(before)


def test_a_key_by_the_name_of_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOUSE_KEY", raising=False)
    with pytest.raises(MissingKey, match="HOUSE_KEY"):
        named_key("HOUSE_KEY")
    monkeypatch.setenv("HOUSE_KEY", " a-secret-of-mine ")
    assert named_key("HOUSE_KEY") == "a-secret-of-mine"
    monkeypatch.delenv("HOUSE_KEY")
    assert redact("it was a-secret-of-mine") == "it was [redacted]"  # one that was given out once


def test_the_local_platform_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FTKIT_LOCAL_KEY", raising=False)
    local = builtin_catalog().provider("local")
    assert key_status(local) == "not needed"
    assert api_key(local)


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-proj-abcdefghijklmnopqrstuvwx",
        "Authorization: Bearer abc.def-ghi",
        "hf_abcdefghijklmnopqrstuvwxyz01",
    ],
)
def test_key_shapes_are_redacted(text: str) -> None:
    assert "[redacted]" in redact(text)
    for secret in ("abcdefghijklmnop", "abc.def-ghi"):
        assert secret not in redact(text)


def test_a_known_key_is_redacted_whatever_its_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_API_KEY", "plain-words-key")
    assert redact("they said plain-words-key is wrong") == "they said [redacted] is wrong"


def test_ordinary_text_stays() -> None:
    text = "The task-force said that sk-8 boards sell. key-value pairs; hf_hub"
    assert redact(text) == text

"""Redaction: whole keys, masked keys, keys in addresses and headers go; ordinary words stay."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftkit.catalog import Provider
from ftkit.settings import api_key, key_status, redact

SECRET = "s3cr3t-Value_with.dots"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Incorrect API key provided: sk-proj-********************************a1b2.", "a1b2"),
        ("Incorrect API key provided: plainkey****1234. Find yours at ...", "1234"),
        (f"key sk-ant-{'a1B2' * 6} refused", "a1B2"),
        ("Authorization: Bearer eyJhbGciOi.J9.x", "eyJhbGciOi"),
        ('{"Authorization": "Bearer abcdef"}', "abcdef"),
        ("POST https://person:hunter22@example.com/v1 failed", "hunter22"),
        ("GET https://example.com/v1?api_key=hunter22&x=1", "hunter22"),
        ("GET https://example.com/v1?x=1&api-key=hunter22", "hunter22"),
        ("GET https://example.com/v1?access_token=hunter22#top", "hunter22"),
        ("GET https://store.example.com/f?sv=1&sig=aGVsbG8%3D", "aGVsbG8"),
        ("line one\nsk-abcdefghijklmnopqrstuvwxyz\nline three", "abcdefgh"),
    ],
)
def test_a_secret_goes_whatever_its_dress(text: str, secret: str) -> None:
    told = redact(text)
    assert secret not in told
    assert "[redacted]" in told


def test_what_is_around_a_secret_in_an_address_stays() -> None:
    told = redact("https://me:hunter22@example.com/v1?key=abc&page=2")
    assert told == "https://[redacted]@example.com/v1?key=[redacted]&page=2"


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8080/v1 does not answer",
        "mail me@example.com, or ftp://me@example.com",
        "https://example.com/a:b/c@d?page=2&keyword=x",
        "export OPENAI_API_KEY=...",
        "providers.foo.api_key: a key does not belong in a file",
        "**bold** and 2 * 3 ** 4",
        "a step: sk-learn, key-value, hf_hub",
        "ft:gpt-4o-mini-2024-07-18:acme:news:9abcDEF",
        "",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("name", ["X_API_KEY", "X_KEY", "X_TOKEN", "X_SECRET", "X_PASSWORD"])
def test_values_of_variables_that_hold_secrets_go(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, f"  {SECRET}\n")
    assert redact(f"<{SECRET}>") == "<[redacted]>"


@pytest.mark.parametrize("name", ["KEYBOARD", "X_KEYS_FILE", "TOKENIZER_DIR"])
def test_values_of_other_variables_stay(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "/plain/path/of/words")
    assert redact("in /plain/path/of/words") == "in /plain/path/of/words"


def test_a_short_value_does_not_blot_out_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X_API_KEY", "test")
    assert redact("the test of tests") == "the test of tests"


@pytest.mark.parametrize("order", [("A_API_KEY", "B_API_KEY"), ("B_API_KEY", "A_API_KEY")])
def test_a_key_that_begins_like_another_leaves_no_rest(
    monkeypatch: pytest.MonkeyPatch, order: tuple[str, str]
) -> None:
    for name, value in zip(order, ("plainvalue", "plainvalueTAIL"), strict=True):
        monkeypatch.setenv(name, value)
    assert redact("plainvalueTAIL plainvalue") == "[redacted] [redacted]"


def test_a_key_of_a_variable_with_any_name_goes_once_it_was_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name says nothing, so only the platform that names it makes it a secret."""
    monkeypatch.setenv("OURS", "only-here-used-value")
    ours = Provider(name="ours", title="Ours", key_env="OURS")
    assert api_key(ours) == "only-here-used-value"
    assert redact("got only-here-used-value") == "got [redacted]"


def test_a_key_of_blanks_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "  \n")
    assert key_status(Provider(name="ours", title="Ours", key_env="OURS")) == "none"
    assert key_status(Provider(name="ours", title="Ours", key_env="OURS", local=True)) == "not needed"


def test_a_platform_without_a_variable_needs_no_key() -> None:
    free = Provider(name="free", title="Free")
    assert key_status(free) == "not needed"
    assert api_key(free)


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(codec="ascii", exclude_characters="sk-"), max_size=20), st.text(max_size=20))
def test_a_key_goes_from_the_middle_of_any_text(before: str, after: str) -> None:
    assert "abcdefghijklmnop" not in redact(f"{before} sk-abcdefghijklmnop {after}")

"""Where API keys come from (environment, OS keyring) and how they are kept out of every text."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Literal

from ftkit.errors import MissingKey

if TYPE_CHECKING:
    from ftkit.catalog import Provider

KEYRING_SERVICE = "ftkit"
_SECRET_SHAPES = re.compile(
    r"\b(sk|pk|rk|key|hf|gsk|xai|nvapi)[-_][A-Za-z0-9_\-]{16,}|(?<=Bearer )[^\s\"',]+"
)
_SECRET_NAMES = re.compile(r"(_API_KEY|_TOKEN|_SECRET|_LOCAL_KEY|_ACCESS_KEY|PASSWORD)$")

KeyPlace = Literal["environment", "keyring", "none", "not needed"]


def api_key(provider: Provider) -> str:
    """The key for a platform: its environment variable, else the OS keyring.

    A platform on this machine needs none and answers with a placeholder, because the openai
    client insists on one. Raises MissingKey that names the variable to set.
    """
    if (key := _find(provider)) is not None:
        return key[0]
    if provider.local or provider.key_env is None:
        return "not-needed"
    raise MissingKey(
        f"no API key for {provider.title}",
        hint=f"Set it in the environment: export {provider.key_env}=...  "
        f"(or, with the keyring extra installed: keyring set {KEYRING_SERVICE} {provider.key_env}).",
    )


def key_status(provider: Provider) -> KeyPlace:
    """Where the key for ``provider`` would come from; never the key itself."""
    if (key := _find(provider)) is not None:
        return key[1]
    return "not needed" if provider.local or provider.key_env is None else "none"


def _find(provider: Provider) -> tuple[str, KeyPlace] | None:
    if provider.key_env is None:
        return None
    if value := os.environ.get(provider.key_env, "").strip():
        return value, "environment"
    stored = None if provider.local else _from_keyring(provider.key_env)
    return (stored, "keyring") if stored else None


def _from_keyring(name: str) -> str | None:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return None
    try:
        return keyring.get_password(KEYRING_SERVICE, name)
    except KeyringError:
        return None


def redact(text: str) -> str:
    """``text`` with every known or key-shaped secret replaced by ``[redacted]``."""
    for name, value in os.environ.items():
        if _SECRET_NAMES.search(name) and len(value) >= 8:
            text = text.replace(value, "[redacted]")
    return _SECRET_SHAPES.sub("[redacted]", text)

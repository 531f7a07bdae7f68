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
    r"\b(?:sk|pk|rk|key|hf|gsk|xai|nvapi)[-_][A-Za-z0-9_\-]{16,}"
    r"|(?<=Bearer )[^\s\"',]+"
    r"|\b[\w\-]{2,}\*{3,}[\w\-*]*"  # a platform's own masking still shows both ends
    r"|(?<=://)[^\s/@]+:[^\s/@]+(?=@)"  # user and password in an address
)
_IN_ADDRESS = re.compile(r"(?i)([?&](?:api[-_]?key|key|sig|\w*token|\w*secret|password)=)[^\s&#\"',]+")
_SECRET_NAMES = re.compile(r"(_KEY|_TOKEN|_SECRET|PASSWORD)$")
_SHORTEST = 8
"""Shorter values are not looked for: they would blot out ordinary words."""

_given_out: set[str] = set()  # keys of the keyring, and of variables that a person named

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


def named_key(variable: str) -> str:
    """The key of an environment variable that a person named, else of the OS keyring under its name.

    Raises MissingKey that names the variable to set.
    """
    found = os.environ.get(variable, "").strip() or _from_keyring(variable)
    if not found:
        raise MissingKey(
            f"no API key in {variable}", hint=f"Set it in the environment: export {variable}=..."
        )
    _given_out.add(found)
    return found


def _find(provider: Provider) -> tuple[str, KeyPlace] | None:
    if provider.key_env is None:
        return None
    place: KeyPlace = "environment"
    found = os.environ.get(provider.key_env, "").strip()
    if not found and not provider.local:
        place, found = "keyring", _from_keyring(provider.key_env) or ""
    _given_out.add(found)
    return (found, place) if found else None


def _from_keyring(name: str) -> str | None:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return None
    try:
        stored: str | None = keyring.get_password(KEYRING_SERVICE, name)
        return stored
    except KeyringError:
        return None


def redact(text: str) -> str:
    """``text`` with every known or key-shaped secret replaced by ``[redacted]``."""
    known = {value.strip() for name, value in os.environ.items() if _SECRET_NAMES.search(name)} | _given_out
    for value in sorted(known, key=len, reverse=True):  # one key may be the beginning of another
        if len(value) >= _SHORTEST:
            text = text.replace(value, "[redacted]")
    return _SECRET_SHAPES.sub("[redacted]", _IN_ADDRESS.sub(r"\1[redacted]", text))

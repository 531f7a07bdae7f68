"""The platform's keys: read from a file, made at random where there is none, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ftkit.errors import ConfigurationError, storage_error
from ftkit.local.config import ServeOptions
from ftkit.local.store.blobs import sync_directory

KEY_FILE: Final = "api-key"
"""Name of the file, in the state directory, of the key that the platform makes for itself."""
LEAST_KEY_LENGTH: Final = 8
"""Fewest characters of a key where others on the network may try to guess it."""


class Keys:
    """The accepted keys, as digests only."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._digests = [hashlib.sha256(key.encode()).digest() for key in keys]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def find(self, header: str) -> int | None:
        """Which key, from 1, an ``Authorization`` header holds; None when it is none of them.

        Every key is compared, in constant time: how long it takes tells nothing of the keys.
        """
        kind, _, given = header.partition(" ")
        digest = hashlib.sha256(given.strip().encode("latin-1")).digest()  # the header's own bytes
        matches = [hmac.compare_digest(digest, key) for key in self._digests]
        if kind.lower() != "bearer" or True not in matches:
            return None
        return matches.index(True) + 1


def accepted_keys(options: ServeOptions) -> tuple[tuple[str, ...], Path | None]:
    """(keys, the file that holds them). No keys and no file: only programs on this machine can ask.

    Where the platform listens elsewhere and no file is named, it has a random key of its own in the state
    directory. Raises ``ConfigurationError`` for a file without a proper key, ``StorageError`` for one that
    cannot be read or written.
    """
    path = options.api_key_file
    if path is None:
        if is_loopback(options.host):
            return (), None
        path = options.state / KEY_FILE
        if not path.exists():
            _make_key(path)
    keys = _read_keys(path)
    if not is_loopback(options.host) and min(map(len, keys)) < LEAST_KEY_LENGTH:
        raise ConfigurationError(
            f"a key has fewer than {LEAST_KEY_LENGTH} characters; on {options.host} it would be guessed",
            where=str(path),
            hint="Leave out --api-key-file for a random key, or write longer ones.",
        )
    return keys, path


def _make_key(path: Path) -> None:
    """Write a random key that only this user can read; the file never holds less than the whole key."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"ftk-{secrets.token_urlsafe(32)}\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise storage_error(error, path) from error


def _read_keys(path: Path) -> tuple[str, ...]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise storage_error(error, path) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError("the key file is not UTF-8 text", where=str(path)) from error
    keys = tuple(line.strip() for line in text.splitlines() if line.strip())
    if not keys:
        raise ConfigurationError("the key file has no key", where=str(path), hint="Write one key a line.")
    return keys


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address to listen at."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

"""Settings: files, environment and command line in one checked object, and keys apart from it."""

from __future__ import annotations

from ftkit.settings.keys import api_key, key_status, named_key, redact
from ftkit.settings.load import load_settings
from ftkit.settings.model import LedgerSettings, Settings, ValidationSettings

__all__ = [
    "LedgerSettings",
    "Settings",
    "ValidationSettings",
    "api_key",
    "key_status",
    "load_settings",
    "named_key",
    "redact",
]

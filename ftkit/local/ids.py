"""Make the identifiers of this platform's objects."""

from __future__ import annotations

import secrets

_ALIKE = str.maketrans("-_", "xX")


def new_id(prefix: str, length: int = 24) -> str:
    """``prefix`` and ``length`` random letters and digits."""
    return prefix + secrets.token_urlsafe(length)[:length].translate(_ALIKE)

"""What a person writes for a model: ``NAME``, ``NAME@ALIAS`` or ``NAME@3``."""

from __future__ import annotations

import re
from typing import NamedTuple

from ftkit.errors import UsageError

CHAMPION = "champion"
"""The alias of a name that is written without one."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_ALIAS = re.compile(r"[a-z][a-z0-9._-]{0,31}")


class Reference(NamedTuple):
    """A name with the alias, or with the number of the version, that is meant."""

    name: str
    alias: str = CHAMPION
    version: int | None = None

    def __str__(self) -> str:
        return f"{self.name}@{self.alias if self.version is None else self.version}"


def reference(text: str) -> Reference:
    """Read ``NAME``, ``NAME@ALIAS`` or ``NAME@VERSION``. Raises UsageError where it is none of these."""
    name, mark, rest = text.partition("@")
    checked_name(name)
    if not mark:
        return Reference(name)
    if rest.isascii() and rest.isdigit():
        return Reference(name, version=int(rest))
    return Reference(name, checked_alias(rest))


def checked_name(name: str) -> str:
    """``name``, where it is a good one. Raises UsageError."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be a name for models",
            hint="Small letters, digits, dots, underscores and hyphens, at most 64, a letter or digit first.",
        )
    return name


def checked_alias(alias: str) -> str:
    """``alias``, where it is a good one. Raises UsageError."""
    if not _ALIAS.fullmatch(alias):
        raise UsageError(
            f"{alias!r} cannot be an alias",
            hint="Small letters, digits, dots, underscores and hyphens, at most 32, a letter first.",
        )
    return alias


def checked_model(model: str) -> str:
    """``model``, where it says something. Raises UsageError."""
    if not model.strip():
        raise UsageError("an empty text cannot be a model", hint="Give its id as its platform lists it.")
    return model

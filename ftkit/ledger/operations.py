"""What the ledger tells of one operation, and the key that an operation is known by."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ftkit.data import canonical_json
from ftkit.display.html import Shown

Kind = Literal["upload", "job", "batch", "retraining"]
State = Literal["begun", "done", "abandoned", "renewed"]
"""``begun``: sent, or about to be, with no known end; ``abandoned``: surely not done; ``renewed``: what
was done holds no longer."""


class LogLine(Shown, BaseModel):
    """One thing that happened to an operation, and which process of which host wrote it down."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    what: str
    name: str
    note: str
    pid: int
    host: str
    version: str


class Operation(Shown, BaseModel):
    """An upload, job, batch or round of retraining that ftkit did, or began. Holds no content and no keys.

    ``key`` stands for kind, platform and request; ``name`` for the last attempt, and is sent to
    the platform with it. ``result_id`` is the id there. ``history`` is filled where it was asked for.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    kind: Kind
    platform: str
    state: State
    name: str
    request: dict[str, Any]
    result_id: str | None
    result: dict[str, Any]
    intended_at: datetime | None
    done_at: datetime | None
    attempts: int
    pid: int
    host: str
    version: str
    history: tuple[LogLine, ...] = ()


def key_of_operation(kind: Kind, platform: str, request: Mapping[str, Any]) -> str:
    """32 hexadecimal digits of the SHA-256 over the canonical JSON of ``[kind, platform, request]``."""
    return hashlib.sha256(canonical_json([kind, platform, dict(request)])).hexdigest()[:32]

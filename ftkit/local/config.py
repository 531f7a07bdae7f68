"""The local platform's settings and the limits that it keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from ftkit.local.engines.base import ModelSpec
from ftkit.local.guard.limits import Limits

ORGANIZATION: Final = "ftkit"
"""Name of the one organisation on a local platform, as it stands in jobs and in tuned models' names."""

MIB: Final = 1024 * 1024
MAX_BODY_BYTES: Final = 16 * MIB
"""Largest JSON request body."""
MAX_UPLOAD_BYTES: Final = 6 * 1024 * MIB
"""Largest uploaded file: the largest batch input that a known platform takes (kluster.ai: 6 GB)."""
LARGE_UPLOAD_BYTES: Final = 16 * MIB
"""An upload of more is answered before it is hashed."""
MAX_PART_BYTES: Final = 64 * MIB
"""Largest part of an upload in parts, as OpenAI's platform has it."""
UPLOAD_SECONDS: Final = 3600
"""How long an upload in parts may take, as OpenAI's platform has it."""
MAX_LINE_BYTES: Final = 16 * MIB
"""Longest line of a training file or a batch input."""
MAX_BATCH_REQUESTS: Final = 50_000
"""Most requests in a batch, as OpenAI's and kluster.ai's platforms have it."""
MIN_TRAINING_EXAMPLES: Final = 10
"""Fewest examples in a training file, as OpenAI's and kluster.ai's platforms have it."""
MAX_NAME_LENGTH: Final = 256
"""Longest file name or model name."""
LEASE_SECONDS: Final = 30.0
"""How long a worker's claim on a piece of work lasts without a sign of life."""
WORKER_IDLE_SECONDS: Final = 10.0
"""How long a worker without work stays."""


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """How a local platform is served.

    ``port`` 0 takes any free one. ``api_key_file`` holds the accepted keys, one a line; without it, a
    platform that listens beyond this machine makes a random key of its own. ``idle_exit`` is in seconds: the
    server ends when no request came for so long and nothing is queued or running.
    ``models`` are configured models, ``models_files`` TOML files of more (see ``configured``);
    ``stand_ins`` further hosted names, ``NAME`` for the linear engine to answer, ``NAME=MODEL`` for any
    model of this platform. With ``keep_days``, what ended or came so many days ago is removed by and by (see
    ``store.retention``); ``max_disk`` is in bytes: a state directory that holds more takes no uploads and no
    new work. ``verbose`` logs every request, ``log`` says in which form; ``limits`` is what
    clients may take.
    """

    state: Path
    host: str = "127.0.0.1"
    port: int = 8080
    api_key_file: Path | None = None
    idle_exit: float | None = None
    workers: int = 2
    stand_ins: tuple[str, ...] = ()
    models: tuple[ModelSpec, ...] = ()
    models_files: tuple[Path, ...] = ()
    keep_days: float | None = None
    max_disk: int | None = None
    verbose: bool = False
    log: Literal["text", "json"] = "text"
    limits: Limits = field(default_factory=Limits)

"""The client side of one OpenAI-compatible platform: files, jobs, batches, chat and models.

``connect`` gives a :class:`Platform`; whatever a platform answers becomes one of the frozen
results below. Names are imported when they are first used: the openai client costs a second.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ftkit.gateway.connect import connect
    from ftkit.gateway.platform import Platform
    from ftkit.gateway.requests import chat_request
    from ftkit.gateway.results import (
        Answer,
        Batch,
        ChatReply,
        Checkpoint,
        FileInfo,
        Job,
        JobEvent,
        ModelInfo,
    )

_HOME = {
    "Answer": "results",
    "Batch": "results",
    "ChatReply": "results",
    "Checkpoint": "results",
    "FileInfo": "results",
    "Job": "results",
    "JobEvent": "results",
    "ModelInfo": "results",
    "Platform": "platform",
    "chat_request": "requests",
    "connect": "connect",
}

__all__ = [
    "Answer",
    "Batch",
    "ChatReply",
    "Checkpoint",
    "FileInfo",
    "Job",
    "JobEvent",
    "ModelInfo",
    "Platform",
    "chat_request",
    "connect",
]


def __getattr__(name: str) -> Any:
    try:
        module = _HOME[name]
    except KeyError:
        raise AttributeError(f"module 'ftkit.gateway' has no attribute {name!r}") from None
    value = getattr(import_module(f"ftkit.gateway.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

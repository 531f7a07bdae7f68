"""The client side of one OpenAI-compatible platform: files, jobs, batches, chat and models.

``connect`` gives a :class:`Platform`; whatever a platform answers becomes one of the frozen
results below. Names are imported when they are first used: the openai client costs a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.gateway.aio import AsyncPlatform, connect_async
    from ftkit.gateway.bulk.result import BulkResult
    from ftkit.gateway.connection import connect
    from ftkit.gateway.orders import Dpo, JobOrder, Reinforcement, Supervised, Wandb
    from ftkit.gateway.platform import Platform
    from ftkit.gateway.progress import JobFigures
    from ftkit.gateway.realtime.pace import Pace
    from ftkit.gateway.requests import chat_request
    from ftkit.gateway.results import (
        Answer,
        Batch,
        ChatReply,
        Checkpoint,
        Embedded,
        FileInfo,
        Job,
        JobEvent,
        ModelDownload,
        ModelFile,
        ModelInfo,
        ReplyPiece,
    )
    from ftkit.gateway.watched import Update

_HOME = {
    "Answer": "ftkit.gateway.results",
    "AsyncPlatform": "ftkit.gateway.aio",
    "Batch": "ftkit.gateway.results",
    "BulkResult": "ftkit.gateway.bulk.result",
    "ChatReply": "ftkit.gateway.results",
    "Checkpoint": "ftkit.gateway.results",
    "Dpo": "ftkit.gateway.orders",
    "Embedded": "ftkit.gateway.results",
    "FileInfo": "ftkit.gateway.results",
    "Job": "ftkit.gateway.results",
    "JobEvent": "ftkit.gateway.results",
    "JobFigures": "ftkit.gateway.progress",
    "JobOrder": "ftkit.gateway.orders",
    "ModelDownload": "ftkit.gateway.results",
    "ModelFile": "ftkit.gateway.results",
    "ModelInfo": "ftkit.gateway.results",
    "Pace": "ftkit.gateway.realtime.pace",
    "Platform": "ftkit.gateway.platform",
    "Reinforcement": "ftkit.gateway.orders",
    "ReplyPiece": "ftkit.gateway.results",
    "Supervised": "ftkit.gateway.orders",
    "Update": "ftkit.gateway.watched",
    "Wandb": "ftkit.gateway.orders",
    "chat_request": "ftkit.gateway.requests",
    "connect": "ftkit.gateway.connection",
    "connect_async": "ftkit.gateway.aio",
}

__all__ = [
    "Answer",
    "AsyncPlatform",
    "Batch",
    "BulkResult",
    "ChatReply",
    "Checkpoint",
    "Dpo",
    "Embedded",
    "FileInfo",
    "Job",
    "JobEvent",
    "JobFigures",
    "JobOrder",
    "ModelDownload",
    "ModelFile",
    "ModelInfo",
    "Pace",
    "Platform",
    "Reinforcement",
    "ReplyPiece",
    "Supervised",
    "Update",
    "Wandb",
    "chat_request",
    "connect",
    "connect_async",
]

__getattr__, __dir__ = lazy_names(__name__, _HOME)

"""The three methods that a model may be asked by, with their paths: for the routes and for batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ftkit.local.asking import chat, completions, embeddings
from ftkit.local.asking.wanted import Wanted

ENDPOINTS: Final[Mapping[str, Callable[[Any], Wanted]]] = {
    chat.PATH: chat.ChatWanted.read,
    completions.PATH: completions.CompletionWanted.read,
    embeddings.PATH: embeddings.EmbeddingWanted.read,
}
"""From a path to what reads a request's body, which raises ``ApiError`` (400) for a wrong one."""

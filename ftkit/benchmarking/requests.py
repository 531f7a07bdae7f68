"""What each model is asked: the request of every row, and a file name for every model."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ftkit.benchmarking.heldout import HeldOutRow, RowIds
from ftkit.gateway import chat_request


def slug(model: str) -> str:
    """A file name for a model id: its own characters where a file system takes them, at most 80."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", model).strip("-.") or "model"
    return plain if len(plain) <= 80 else f"{plain[:71]}-{hashlib.sha256(model.encode()).hexdigest()[:8]}"


def slugs(models: Sequence[str]) -> dict[str, str]:
    """A file name for each model; ids that would share one get a hash of the id behind it."""
    plain = {model: slug(model) for model in models}
    lowered = [name.lower() for name in plain.values()]  # some file systems do not tell case apart
    return {
        model: name
        if lowered.count(name.lower()) == 1
        else f"{name}-{hashlib.sha256(model.encode()).hexdigest()[:8]}"
        for model, name in plain.items()
    }


def requests_of(
    rows: Iterable[HeldOutRow], ids: RowIds, model: str, parameters: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """One request for each row: what all are asked with, and what the row brings (tools, a wanted form)."""
    said = {name: value for name, value in parameters.items() if value is not None}
    for row in rows:
        own = {**said, **row.parameters}
        yield chat_request(ids.id_of(row.number), model, row.messages, **own)

"""Writes each model's requests as batch files, split where the platform's limits ask for it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from ftkit.catalog import ProviderLimits
from ftkit.data import canonical_json, open_jsonl_writer

ENDPOINT = "/v1/chat/completions"


class Shard(BaseModel):
    """One request file of a model: at most what one batch may hold."""

    model_config = ConfigDict(frozen=True)

    file: str
    rows: int
    sha256: str


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


class RequestWriter:
    """The requests of one model, in one file or several; used in a ``with`` block.

    A file appears when it is complete; on an error the one at work does not.
    """

    def __init__(
        self, folder: Path, name: str, model: str, parameters: Mapping[str, Any], limits: ProviderLimits
    ) -> None:
        self.model = model
        self.shards: list[Shard] = []
        self._folder, self._name, self._parameters = folder, name, parameters
        self._rows_limit, self._bytes_limit = limits.batch_requests, limits.batch_bytes
        self._stack = ExitStack()
        self._writer: Any = None

    def __enter__(self) -> RequestWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        if error[0] is None:
            self._finish()
        else:
            self._stack.__exit__(*error)

    def write(self, custom_id: str, messages: Sequence[dict[str, Any]]) -> None:
        """Write one request; begins the next file where this one would pass a limit."""
        body = {"model": self.model, "messages": messages, **self._parameters}
        line = canonical_json({"custom_id": custom_id, "method": "POST", "url": ENDPOINT, "body": body})
        if self._writer is not None and self._full(len(line) + 1):
            self._finish()
        if self._writer is None:
            self._writer = self._stack.enter_context(open_jsonl_writer(self._folder / self._file()))
        self._writer.write_line(line)

    def _full(self, size: int) -> bool:
        rows, taken = self._writer.rows, self._writer.bytes
        too_many = self._rows_limit is not None and rows >= self._rows_limit
        return too_many or (self._bytes_limit is not None and taken + size > self._bytes_limit)

    def _file(self) -> str:
        number = len(self.shards) + 1
        return f"{self._name}.requests.jsonl" if number == 1 else f"{self._name}.requests-{number}.jsonl"

    def _finish(self) -> None:
        if self._writer is None:
            return
        shard = Shard(file=self._file(), rows=self._writer.rows, sha256=self._writer.sha256)
        self._stack.close()
        self.shards.append(shard)
        self._writer = None

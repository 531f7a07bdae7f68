"""The files of models that were tuned on ftkit's local platform: list them, and bring them here whole."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ftkit.data.files import put_in_place, sha256_file, temporary_beside
from ftkit.errors import PlatformError, storage_error
from ftkit.gateway.results import ModelDownload, ModelFile
from ftkit.gateway.transfer import Download
from ftkit.gateway.wire import Wire, checked_id

if TYPE_CHECKING:
    from openai import OpenAI

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,200}")
"""Names that are surely names of files here, whatever the platform says."""
_MERGING_SECONDS = 3600.0
_RAW = "X-Stainless-Raw-Response"
"""How the openai client is told to hand over the response itself: "true" read, "stream" as it comes."""


class ModelFiles:
    """The files of one tuned model; ``merged``: as one whole model, an adapter merged into its base."""

    def __init__(self, wire: Wire, model_id: str, merged: bool = False) -> None:
        self._wire = wire
        self._id = checked_id("model", model_id)
        self._path = f"/models/{quote(self._id, safe='')}/files"
        self._query = {"merged": "true"} if merged else {}
        self._merged = merged

    def list(self) -> list[ModelFile]:
        """All of them. A model that is still to be merged is merged first, which may take minutes."""
        reply = self._wire.call("list the model's files", self._ask, timeout=_MERGING_SECONDS).object
        found = reply.get("data")
        if not isinstance(found, list):
            raise PlatformError(f"{self._wire.target.title} does not list the files of models")
        return [_read(item) for item in found]

    def _ask(self, timeout: float) -> Any:
        return self._send(self._wire.client, self._path, {_RAW: "true"}, timeout=timeout)

    def download(self, folder: Path) -> ModelDownload:
        """Bring them into ``folder``. What is there already, byte for byte, is not sent again."""
        files = self.list()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for file in files:
                self._bring(file, folder / file.name)
        except OSError as error:
            raise storage_error(error, folder) from error
        return ModelDownload(model=self._id, folder=folder, merged=self._merged, files=files)

    def _bring(self, file: ModelFile, target: Path) -> None:
        """One file: all of it or none, and its bytes are those that the platform listed."""
        if target.is_file() and target.stat().st_size == file.bytes and sha256_file(target) == file.sha256:
            return
        descriptor, temporary = temporary_beside(target)
        try:
            with os.fdopen(descriptor, "wb") as out:
                Download(self._wire, file.name, lambda _: file, self._open).into(out)
            if sha256_file(temporary) != file.sha256:
                raise PlatformError(
                    f"{file.name} changed while it was downloaded", hint="Download the model again."
                )
            put_in_place(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)

    @contextmanager
    def _open(self, name: str, headers: dict[str, str]) -> Iterator[Any]:
        path = f"{self._path}/{quote(name, safe='')}"
        response = self._send(self._wire.once_client, path, {**headers, _RAW: "stream"})
        try:
            yield response
        finally:
            response.close()

    def _send(self, client: OpenAI, path: str, headers: dict[str, str], **more: Any) -> Any:
        options: Any = {"headers": headers, "params": self._query, **more}
        return client.get(path, cast_to=object, options=options)


def _read(item: Any) -> ModelFile:
    """An entry of the list. PlatformError where it is none, or where its name could be a path."""
    try:
        file = ModelFile(name=item["name"], bytes=item["bytes"], sha256=item["sha256"])
    except (TypeError, KeyError, ValueError) as error:
        raise PlatformError("the platform listed a model's file without name, size or SHA-256") from error
    if not _PLAIN.fullmatch(file.name):
        raise PlatformError(f"the platform listed a file whose name cannot be one here: {file.name!r}")
    return file

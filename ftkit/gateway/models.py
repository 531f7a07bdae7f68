"""The models that a platform offers."""

from __future__ import annotations

import difflib
from builtins import list as List
from pathlib import Path
from typing import Any

from ftkit.errors import NotOnPlatform, PlatformError
from ftkit.gateway.model_files import ModelFiles
from ftkit.gateway.reading import read_model
from ftkit.gateway.results import ModelDownload, ModelFile, ModelInfo
from ftkit.gateway.wire import Wire, checked_id


class Models:
    """``platform.models``."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(self) -> List[ModelInfo]:
        """All models, as the platform orders them."""
        pages = self._wire.pages("list the models", self._one_page)
        return [read_model(item) for page in pages for item in page]

    def get(self, model_id: str) -> ModelInfo:
        """One model; NotOnPlatform where there is none of this id.

        Ids with a slash are looked up in the list where the platform cannot find them by address.
        """
        method = self._wire.client.models.with_raw_response.retrieve
        try:
            reply = self._wire.call("find the model", method, checked_id("model", model_id))
        except NotOnPlatform as error:
            known = self._known()
            if "/" in model_id and model_id in known:
                return known[model_id]
            if close := difflib.get_close_matches(model_id, known, n=2):
                error.hint = f"Did you mean {' or '.join(close)}? {error.hint or ''}".strip()
            raise
        return read_model(reply.object)

    def _known(self) -> dict[str, ModelInfo]:
        """All models by their ids; none where the platform does not list them."""
        try:
            return {model.id: model for model in self.list()}
        except PlatformError:
            return {}

    def delete(self, model_id: str) -> None:
        """Delete a tuned model on the platform."""
        method = self._wire.client.models.with_raw_response.delete
        self._wire.call("delete the model", method, checked_id("model", model_id))

    def files(self, model_id: str, *, merged: bool = False) -> List[ModelFile]:
        """The files of a model that was tuned on ftkit's local platform.

        ``merged``: as one whole model, an adapter merged into its base, which may take minutes once.
        NotOnPlatform where there is no such model, or where the platform gives no files.
        """
        return ModelFiles(self._wire, model_id, merged).list()

    def download(self, model_id: str, folder: str | Path, *, merged: bool = False) -> ModelDownload:
        """Bring a tuned model's files into ``folder``, each whole and checked by its SHA-256.

        An adapter is one that plain PEFT and vLLM load, and ``merged`` a whole model for transformers and
        vLLM; README.md says how. Files that are there already are not sent again.
        """
        return ModelFiles(self._wire, model_id, merged).download(Path(folder))

    def _one_page(self, after: str | None = None) -> Any:
        query = {"after": after} if after else None
        return self._wire.client.models.with_raw_response.list(extra_query=query)

"""Loaded models, a few at a time: the server's for chat, each worker's for batches."""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict

from ftkit.local.engines.base import Engine, Responder
from ftkit.local.engines.registry import Engines
from ftkit.local.envelope import ApiError
from ftkit.local.inference import open_model
from ftkit.local.names import ServedModel
from ftkit.local.store.models import ModelStore

KEPT = 4


class LoadedModels:
    """The ``KEPT`` most recently used models. While one is loaded, the others answer on."""

    def __init__(self, store: ModelStore, engines: Engines | None = None) -> None:
        self._store = store
        self._engines = engines or Engines()
        self._kept: OrderedDict[str, Responder] = OrderedDict()
        self._guard = threading.Lock()
        self._loading: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def get(self, model: ServedModel) -> Responder:
        """The loaded model. Raises ``ApiError`` (500 or 503) when its engine or its files are broken."""
        found = self.loaded(model)
        if found is not None:
            return found
        key = _key(model)
        with self._guard:
            turn = self._loading[key]
        with turn:
            found = self.loaded(model)
            if found is None:
                found = self._load(model)
                with self._guard:
                    self._kept[key] = found
                    while len(self._kept) > KEPT:
                        self._kept.popitem(last=False)
                    self._loading.pop(key, None)
        return found

    def loaded(self, model: ServedModel) -> Responder | None:
        """The model if it is loaded; never waits."""
        key = _key(model)
        with self._guard:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
        return found

    def engine(self, model: ServedModel) -> Engine:
        """The engine of a model. Raises ``ApiError`` (503) when it cannot be used."""
        engine = self._engines.get(model.engine)
        if engine is None:
            raise ApiError(
                503,
                f"The engine '{model.engine}' of model '{model.id}' cannot be used on this platform.",
                type="server_error",
                code="engine_unavailable",
            )
        return engine

    def _load(self, model: ServedModel) -> Responder:
        engine = self.engine(model)
        folder = self._store.path(model.tuned) if model.tuned else None
        if engine.separate:
            return open_model(self._store.root.parent, model.spec, folder)
        try:
            return engine.base(model.spec) if folder is None else engine.load(folder, model.spec)
        except (OSError, ValueError, KeyError) as error:
            raise ApiError(
                500,
                f"The files of model '{model.id}' cannot be read.",
                type="server_error",
                code="model_unreadable",
            ) from error


def _key(model: ServedModel) -> str:
    return model.tuned.folder if model.tuned else f"base:{model.spec.name}"

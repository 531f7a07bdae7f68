"""Names of models: the base, the stand-ins for hosted ones, and the tuned ones made here."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from ftkit.errors import ConfigurationError
from ftkit.local.config import MAX_NAME_LENGTH, ORGANIZATION
from ftkit.local.engines.base import ModelSpec
from ftkit.local.engines.registry import engine_names
from ftkit.local.store.models import ModelStore, TunedModel

DEFAULT_ENGINE: Final = "linear"
NEED_A_SOURCE: Final = frozenset(("transformers",))
"""Engines that have no model of their own: each of theirs is configured."""
OWNER: Final = "ftkit-local"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]*")


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A name that can be asked for.

    ``base`` is the untuned model's name; ``stand_in_for`` the hosted model that an engine of this
    platform answers for; ``spec`` what is loaded to answer; ``tuned`` what was trained, or None for an
    untuned model.
    """

    id: str
    created_at: int
    base: str
    spec: ModelSpec
    stand_in_for: str | None
    tuned: TunedModel | None = None

    @property
    def engine(self) -> str:
        """The engine's name."""
        return self.spec.engine

    def view(self) -> dict[str, Any]:
        """OpenAI's model object, with ``engine`` and ``stand_in_for`` beside its fields."""
        return {
            "id": self.id,
            "object": "model",
            "created": self.created_at,
            "owned_by": ORGANIZATION if self.tuned else OWNER,
            "shutdown_date": None,
            "engine": self.engine,
            "stand_in_for": self.stand_in_for,
            "root": self.base,
        }

    @property
    def fingerprint(self) -> str:
        """What answered, for ``system_fingerprint``."""
        return f"ftkit-{self.engine}" + (f"-stand-in-for-{self.stand_in_for}" if self.stand_in_for else "")


def built_in_stand_ins() -> dict[str, str]:
    """Hosted model names and the engines that stand in for them, as ``stand_ins.toml`` lists them."""
    text = files("ftkit.local").joinpath("stand_ins.toml").read_text(encoding="utf-8")
    table: dict[str, list[str]] = tomllib.loads(text)
    return {name: engine for engine, names in table.items() for name in names}


class Names:
    """Every model name of one platform.

    ``models`` are configured ones; ``stand_ins`` hosted names, each answered by the linear engine, or by
    the model after the ``=`` in ``NAME=MODEL``. Raises ``ConfigurationError`` where they contradict.
    """

    def __init__(
        self, store: ModelStore, stand_ins: Iterable[str] = (), models: Iterable[ModelSpec] = ()
    ) -> None:
        self._store = store
        self._own = {name: ModelSpec(name, name) for name in engine_names() if name not in NEED_A_SOURCE}
        for model in models:
            self._own[_name(model.name)] = _usable(model)
        self._stand_ins = {name: own for name, own in built_in_stand_ins().items() if name not in self._own}
        for given in stand_ins:
            name, _, target = given.partition("=")
            if name in self._own:
                raise ConfigurationError(
                    f"{name} cannot stand in: it is a model of this platform", hint="Choose another name."
                )
            if target and target not in self._own:
                raise ConfigurationError(
                    f"{_name(name)} cannot stand for {target!r}: there is no model of this name",
                    hint=f"Models: {', '.join(self._own)}. Configure more with --model.",
                )
            self._stand_ins[_name(name)] = target or DEFAULT_ENGINE

    def find(self, name: str) -> ServedModel | None:
        """The model of this name, tuned or not; None when there is none."""
        return self.base(name) or self._tuned(self._store.get(name))

    def base(self, name: str) -> ServedModel | None:
        """The untuned model of this name; None when there is none."""
        own = self._own.get(name)
        if own is not None:
            return ServedModel(name, 0, name, own, None)
        if name in self._stand_ins:
            return ServedModel(name, 0, name, self._own[self._stand_ins[name]], name)
        return None

    def all(self) -> list[ServedModel]:
        """The platform's own models, stand-ins, then the tuned ones, newest first."""
        bases = [self.base(name) for name in (*self._own, *self._stand_ins)]
        tuned = [self._tuned(model) for model in self._store.all()]
        return [model for model in (*bases, *tuned) if model is not None]

    def _tuned(self, model: TunedModel | None) -> ServedModel | None:
        """A tuned model whose base is no longer configured keeps its engine: a linear one needs no more."""
        if model is None:
            return None
        root = untuned_name(model.base)
        base = self.base(root)
        if base is None or base.engine != model.engine:
            hosted = root if model.engine not in NEED_A_SOURCE and root != model.engine else None
            spec = ModelSpec(root, model.engine)
            return ServedModel(model.id, model.created_at, root, spec, hosted, model)
        return ServedModel(model.id, model.created_at, root, base.spec, base.stand_in_for, model)


def _name(name: str) -> str:
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME_LENGTH:
        raise ConfigurationError(
            f"{name!r} cannot be a model's name", hint="Use letters, digits and . _ : / -"
        )
    return name


def _usable(model: ModelSpec) -> ModelSpec:
    if model.name in engine_names() or model.name.startswith("ft:"):
        raise ConfigurationError(
            f"{model.name!r} cannot be a configured model's name",
            hint="An engine's own model has this name, or a tuned one could have it: choose another.",
        )
    if model.engine in NEED_A_SOURCE and not model.source:
        raise ConfigurationError(
            f"model {model.name}: the engine {model.engine!r} needs a source",
            hint=f"Write {model.name}={model.engine}:SOURCE, a folder or a name of a hub.",
        )
    if model.engine not in engine_names():
        raise ConfigurationError(
            f"model {model.name}: there is no engine {model.engine!r}",
            hint=f"Engines here: {', '.join(engine_names())}.",
        )
    return model


def tuned_name(base: str, suffix: str | None, unique: str) -> str:
    """``ft:BASE:ORGANISATION:SUFFIX:ID``, as OpenAI forms it; a tuned base gives its own base."""
    return f"ft:{untuned_name(base)}:{ORGANIZATION}:{suffix or ''}:{unique}"


def untuned_name(name: str) -> str:
    """The name of the untuned model that a model goes back to."""
    if not name.startswith("ft:"):
        return name
    return name.removeprefix("ft:").rsplit(f":{ORGANIZATION}:", 1)[0]

"""Read which models a platform is to serve: from the command line, from TOML files, from its state.

A TOML file names models, each with its engine, its source and the engine's own settings, and stand-ins::

    [models.tiny]
    engine = "transformers"
    source = "./tiny-llama"        # ./ and ../ begin at this file's folder
    dtype = "float32"              # anything more is the engine's own

    [stand-ins]
    "gpt-4o-mini" = "tiny"

``models.toml`` in the state directory is read at every start, so that a platform that starts by itself
serves the same models as one that is started by hand.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ftkit.errors import ConfigurationError, storage_error
from ftkit.local.config import ServeOptions
from ftkit.local.engines.base import ModelSpec

STATE_FILE = "models.toml"
_RELATIVE = ("./", "../", "~/")


@dataclass(frozen=True, slots=True)
class Configured:
    """Models and stand-ins of one place; a stand-in is ``NAME`` or ``NAME=MODEL``."""

    models: tuple[ModelSpec, ...] = ()
    stand_ins: tuple[str, ...] = ()


def read_model(text: str) -> ModelSpec:
    """``NAME=ENGINE`` or ``NAME=ENGINE:SOURCE`` as a model. Raises ``ConfigurationError``."""
    name, equals, rest = text.partition("=")
    engine, colon, source = rest.partition(":")
    if not (name and equals and engine) or (colon and not source):
        raise ConfigurationError(
            f"{text!r} is not a model",
            hint="Write NAME=ENGINE:SOURCE, for example tiny=transformers:./tiny-llama.",
        )
    return ModelSpec(name, engine, _source(source, Path.cwd()) if source else None)


def read_models(path: Path) -> Configured:
    """The models and stand-ins of a TOML file. Raises ``ConfigurationError`` or ``StorageError``."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise storage_error(error, path) from error
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError are both
        raise ConfigurationError(f"this is not TOML: {error}", where=str(path)) from error
    unknown = sorted(set(table) - {"models", "stand-ins"})
    if unknown:
        raise _wrong(path, f"unknown table: {', '.join(unknown)}")
    models, stand_ins = (_table(path, name, table.get(name, {})) for name in ("models", "stand-ins"))
    return Configured(
        tuple(_model(path, name, _table(path, f"models.{name}", model)) for name, model in models.items()),
        tuple(_stand_in(path, name, model) for name, model in stand_ins.items()),
    )


def configured(options: ServeOptions) -> ServeOptions:
    """The options with all models in them: of the state, of the files, then its own; a later name wins."""
    own = options.state / STATE_FILE
    paths = [*([own] if own.exists() else []), *options.models_files]
    places = [*map(read_models, paths), Configured(options.models, options.stand_ins)]
    models = {model.name: model for place in places for model in _once(place.models)}
    stand_ins = {name.partition("=")[0]: name for place in places for name in place.stand_ins}
    return replace(options, models=tuple(models.values()), stand_ins=tuple(stand_ins.values()))


def _once(models: Iterable[ModelSpec]) -> list[ModelSpec]:
    """The models of one place, in which a name may stand once only."""
    found: dict[str, ModelSpec] = {}
    for model in models:
        if model.name in found:
            raise ConfigurationError(f"model {model.name} is configured twice", hint="Name each model once.")
        found[model.name] = model
    return list(found.values())


def _model(path: Path, name: str, table: Mapping[str, Any]) -> ModelSpec:
    options = dict(table)
    engine, source = options.pop("engine", None), options.pop("source", None)
    if not isinstance(engine, str):
        raise _wrong(path, f"models.{name} needs an engine")
    if not isinstance(source, str | None):
        raise _wrong(path, f"models.{name}.source is not a text")
    return ModelSpec(name, engine, _source(source, path.parent) if source else None, options)


def _stand_in(path: Path, name: str, model: Any) -> str:
    if not isinstance(model, str) or not model:
        raise _wrong(path, f"stand-ins.{name} is not a model's name")
    return f"{name}={model}"


def _table(path: Path, name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(path, f"{name} is not a table")
    return value


def _source(source: str, folder: Path) -> str:
    """A source that begins like a path from here becomes a whole one; any other is the engine's own word."""
    if not source.startswith(_RELATIVE):
        return source
    return str((folder / Path(source).expanduser()).resolve())


def _wrong(path: Path, message: str) -> ConfigurationError:
    return ConfigurationError(
        message,
        where=str(path),
        hint='Write [models.NAME] with engine and source, and [stand-ins] with "NAME" = "MODEL".',
    )

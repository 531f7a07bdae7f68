"""How a server tells its worker processes which models there are: as JSON on their command line."""

from __future__ import annotations

from dataclasses import asdict

from ftkit.local.config import ServeOptions
from ftkit.local.engines.base import ModelSpec
from ftkit.local.jsonio import dump_text, load


def worker_arguments(options: ServeOptions) -> tuple[str, ...]:
    """The arguments after the state directory."""
    told = {"stand_ins": options.stand_ins, "models": [asdict(model) for model in options.models]}
    return (dump_text(told),)


def read_arguments(arguments: list[str]) -> tuple[tuple[str, ...], tuple[ModelSpec, ...]]:
    """(stand-ins, models) from ``worker_arguments``."""
    told = load(arguments[0].encode()) if arguments else {}
    models = tuple(ModelSpec(**model) for model in told.get("models", ()))
    return tuple(told.get("stand_ins", ())), models

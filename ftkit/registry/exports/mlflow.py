"""MLflow: a run with parameters and figures, and a version of a registered model that points to it.

Stands on ``mlflow.MlflowClient`` alone, so that ``mlflow-skinny`` is enough.
"""

from __future__ import annotations

import logging
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from ftkit.errors import ConfigurationError
from ftkit.registry.cards.card import Card
from ftkit.registry.curve import Point
from ftkit.registry.exports.base import (
    Exported,
    ExportOptions,
    Material,
    metrics_of,
    missing,
    parameters_of,
    tags_of,
)
from ftkit.registry.publishing import write_card

T = TypeVar("T")
EXPERIMENT = "ftkit"
_FOLDER = "ftkit"  # of the run's artifacts
_UNFIT = re.compile(r"[^\w\-. ]")  # for the name of a metric or parameter; "/" would make folders of files
_ALIAS = re.compile(r"(?!latest$|v\d+$)[\w-]+")  # the others are MLflow's own, or no aliases to it
_LONGEST_NAME = 200  # bytes
_LONGEST_PARAMETER, _LONGEST_TAG = 6000, 5000  # characters
_BATCH = 1000  # figures in a request
_ITS = ("mlflow.", "sqlalchemy.", "alembic.")
_WHICH = ("ftkit.name", "ftkit.version", "ftkit.model", "ftkit.platform")


def write(card: Card, options: ExportOptions, material: Material) -> Exported:
    """Write a run and a version of the registered model, or bring those that are there up to date.

    The aliases of the version move in MLflow as they have moved here. Raises ConfigurationError where MLflow
    is not installed or refuses.
    """
    with _said():
        client = _client(options.uri)
        version = card.version
        known = _known(client, card)
        made = known or _created(client, card, options.project or EXPERIMENT)
        _draw(client, made.run_id, material.curve)
        aliases = [alias for alias in version.aliases if _ALIAS.fullmatch(alias)]
        for alias in aliases:
            client.set_registered_model_alias(version.name, alias, str(made.version))
        for name, value in _tags(card).items():
            client.set_model_version_tag(version.name, str(made.version), name, value)
    left = sorted(set(version.aliases) - set(aliases))
    return Exported(
        target="mlflow",
        name=version.name,
        version=str(made.version),
        run=made.run_id,
        where=str(client.tracking_uri),
        aliases=tuple(aliases),
        points=len(material.curve),
        new=known is None,
        notes=(*material.notes, *(f"MLflow takes no alias {alias!r}: it stays behind" for alias in left)),
    )


def check_installed() -> None:
    """Raises ConfigurationError where MLflow is not installed."""
    _mlflow()


def _client(uri: str | None) -> Any:
    return _mlflow().MlflowClient(tracking_uri=uri)


def _mlflow() -> Any:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing goes out that nobody asked for
    try:
        return import_module("mlflow")
    except ImportError as error:
        raise missing("MLflow", "mlflow", error) from error


def _known(client: Any, card: Card) -> Any | None:
    """The version that an earlier export made of the same version; None where there is none."""
    found = client.search_model_versions(f"name = '{card.version.name}'")
    return next((one for one in found if _same(one.tags, card)), None)


def _same(tags: Mapping[str, str], card: Card) -> bool:
    """Whether something with these tags was made of this version."""
    ours = _tags(card)
    return all(tags.get(name) == ours.get(name) for name in _WHICH)


def _tags(card: Card) -> dict[str, str]:
    return {name: value[:_LONGEST_TAG] for name, value in tags_of(card).items()}


def _created(client: Any, card: Card, experiment: str) -> Any:
    version = card.version
    run = _run(client, card, experiment)
    try:
        client.create_registered_model(version.name, tags={"ftkit.name": version.name})
    except Exception as error:
        if getattr(error, "error_code", None) != "RESOURCE_ALREADY_EXISTS":
            raise
    return client.create_model_version(
        version.name,
        source=f"{run.info.artifact_uri}/{_FOLDER}",
        run_id=run.info.run_id,
        tags=_tags(card),
        description=f"{version.model}: {card.title}",
    )


def _run(client: Any, card: Card, experiment: str) -> Any:
    """A finished run that holds what is known of the model, and its card.

    One that an export has left behind, killed before there was a version, is gone on with.
    """
    found = client.get_experiment_by_name(experiment)
    place = found.experiment_id if found is not None else client.create_experiment(experiment)
    run = _left_behind(client, card, place) or client.create_run(
        place, run_name=f"{card.version.name}-{card.version.version}", tags=_tags(card)
    )
    run_id = run.info.run_id
    for name, value in _fitting(parameters_of(card)).items():
        if name not in run.data.params:  # which are written once
            client.log_param(run_id, name, value[:_LONGEST_PARAMETER])
    for name, figure in _fitting(metrics_of(card)).items():
        client.log_metric(run_id, name, figure)
    with tempfile.TemporaryDirectory() as folder:
        write_card(card, Path(folder))
        client.log_artifacts(run_id, folder, _FOLDER)
    client.set_terminated(run_id)
    return run


def _left_behind(client: Any, card: Card, experiment: str) -> Any | None:
    ours = client.search_runs([experiment], f"tags.`ftkit.name` = '{card.version.name}'")
    return next((run for run in ours if _same(run.data.tags, card)), None)


def _draw(client: Any, run_id: str, curve: Sequence[Point]) -> None:
    """Give the run the curve of its training, once: a second time would draw each point again."""
    if not curve or any(client.get_metric_history(run_id, name) for name in _names(curve)):
        return
    metric, now = import_module("mlflow.entities").Metric, int(time.time() * 1000)
    found = [
        metric(_drawn(name), value, int(point.at.timestamp() * 1000) if point.at else now, point.step)
        for point in curve
        for name, value in point.figures.items()
    ]
    for start in range(0, len(found), _BATCH):
        client.log_batch(run_id, metrics=found[start : start + _BATCH])


def _names(curve: Sequence[Point]) -> list[str]:
    return sorted({_drawn(name) for point in curve for name in point.figures})


def _fitting(values: Mapping[str, T]) -> dict[str, T]:
    """By names that MLflow takes; of two that become one, the first."""
    fit: dict[str, T] = {}
    for name, value in values.items():
        fit.setdefault(_fit(name), value)
    return fit


def _fit(name: str) -> str:
    """A name that MLflow takes, and that its folders of files can have: no path, and not too long."""
    return _UNFIT.sub("_", name).encode()[:_LONGEST_NAME].decode("utf-8", "ignore")


def _drawn(name: str) -> str:
    """The name of a figure of the curve: its parts are MLflow's groups."""
    return "/".join(_fit(part) for part in name.split("/"))


@contextmanager
def _said() -> Iterator[None]:
    """Errors of MLflow, its database and its disk as ConfigurationError, and no log of its own steps."""
    log = logging.getLogger("mlflow")
    _mlflow()  # which sets its log up
    level = log.level
    log.setLevel(max(level, logging.WARNING))
    try:
        yield
    except Exception as error:
        if not (isinstance(error, OSError) or type(error).__module__.startswith(_ITS)):
            raise
        hint = "Name its address with --uri or MLFLOW_TRACKING_URI, such as sqlite:///mlflow.db."
        raise ConfigurationError(f"MLflow refuses: {error}", hint=hint) from error
    finally:
        log.setLevel(level)

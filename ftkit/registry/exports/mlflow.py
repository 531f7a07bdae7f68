"""MLflow: a run with parameters and figures, and a version of a registered model that points to it.

Stands on ``mlflow.MlflowClient`` alone, so that ``mlflow-skinny`` is enough.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from ftkit.errors import ConfigurationError
from ftkit.registry.cards.card import Card
from ftkit.registry.exports.base import Exported, ExportOptions, metrics_of, missing, parameters_of, tags_of
from ftkit.registry.publishing import write_card

EXPERIMENT = "ftkit"
_FOLDER = "ftkit"  # of the run's artifacts
_UNFIT = re.compile(r"[^\w\-. /]")  # for the name of a metric or parameter
_RESERVED = re.compile(r"latest|v\d+")  # MLflow's own aliases
_MOST_PARAMETER, _MOST_TAG = 6000, 5000  # characters


def write(card: Card, options: ExportOptions) -> Exported:
    """Write a run and a version of the registered model, or bring those that are there up to date.

    The aliases of the version move in MLflow as they have moved here. Raises ConfigurationError where MLflow
    is not installed or refuses.
    """
    with _said():
        client = _client(options.uri)
        version = card.version
        known = _known(client, card)
        made = known or _created(client, card, options.project or EXPERIMENT)
        aliases = [alias for alias in version.aliases if not _RESERVED.fullmatch(alias)]
        for alias in aliases:
            client.set_registered_model_alias(version.name, alias, str(made.version))
        for name, value in tags_of(card).items():
            client.set_model_version_tag(version.name, str(made.version), name, value[:_MOST_TAG])
    left = set(version.aliases) - set(aliases)
    return Exported(
        target="mlflow",
        name=version.name,
        version=str(made.version),
        run=made.run_id,
        where=str(client.tracking_uri),
        aliases=tuple(aliases),
        new=known is None,
        notes=tuple(f"MLflow keeps the alias {alias!r} for itself" for alias in sorted(left)),
    )


def _client(uri: str | None) -> Any:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing goes out that nobody asked for
    try:
        return import_module("mlflow").MlflowClient(tracking_uri=uri)
    except ImportError as error:
        raise missing("MLflow", "mlflow", error) from error


def _known(client: Any, card: Card) -> Any | None:
    """The version that an earlier export made of the same version; None where there is none."""
    wanted = {name: tags_of(card)[name] for name in ("ftkit.version", "ftkit.model")}
    found = client.search_model_versions(f"name = '{card.version.name}'")
    return next((one for one in found if wanted.items() <= dict(one.tags).items()), None)


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
        tags={name: value[:_MOST_TAG] for name, value in tags_of(card).items()},
        description=f"{version.model}: {card.title}",
    )


def _run(client: Any, card: Card, experiment: str) -> Any:
    """A finished run that holds what is known of the model, and its card."""
    found = client.get_experiment_by_name(experiment)
    place = found.experiment_id if found is not None else client.create_experiment(experiment)
    run = client.create_run(place, run_name=f"{card.version.name}-{card.version.version}", tags=tags_of(card))
    run_id = run.info.run_id
    for name, value in parameters_of(card).items():
        client.log_param(run_id, _fit(name), value[:_MOST_PARAMETER])
    for name, figure in metrics_of(card).items():
        client.log_metric(run_id, _fit(name), figure)
    with tempfile.TemporaryDirectory() as folder:
        write_card(card, Path(folder))
        client.log_artifacts(run_id, folder, _FOLDER)
    client.set_terminated(run_id)
    return run


def _fit(name: str) -> str:
    return _UNFIT.sub("_", name)


@contextmanager
def _said() -> Iterator[None]:
    """MLflow's own errors as ConfigurationError."""
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith("mlflow."):
            raise
        hint = "Name its address with --uri or MLFLOW_TRACKING_URI, such as sqlite:///mlflow.db."
        raise ConfigurationError(f"MLflow refuses: {error}", hint=hint) from error

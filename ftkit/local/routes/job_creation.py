"""``POST /v1/fine_tuning/jobs``: what may be asked for, and the job that comes of it."""

from __future__ import annotations

import secrets
from typing import Any, Final

from starlette.requests import Request

from ftkit.local.context import Context
from ftkit.local.envelope import bad_value, invalid_file, model_not_found
from ftkit.local.guard.queue import check_queue
from ftkit.local.names import ServedModel
from ftkit.local.schema import METADATA, TEXT, Schema, auto_or, closed, number, one_of, whole
from ftkit.local.store.files import FileGone, StoredFile
from ftkit.local.store.jobs import NewJob

_HYPERPARAMETERS: Final = {
    "n_epochs": auto_or(whole(1, 50)),
    "batch_size": auto_or(whole(1, 256)),
    "learning_rate_multiplier": auto_or(number(1e-6, 1000)),
}
_BETA: Final = {"beta": auto_or({"type": "number", "exclusiveMinimum": 0, "maximum": 2})}
_METHODS: Final = {"supervised": _HYPERPARAMETERS, "dpo": {**_HYPERPARAMETERS, **_BETA}}
_NO_INTEGRATIONS: Final = "This platform has no integrations: leave 'integrations' out."

BODY: Final[Schema] = closed(
    {
        "model": TEXT,
        "training_file": TEXT,
        "validation_file": TEXT,
        "suffix": {
            "type": "string",
            "pattern": "^[A-Za-z0-9_.-]{0,64}$",
            "x-must-be": "1 to 64 letters, digits and . _ -",
        },
        "seed": whole(0, (1 << 53) - 1),
        "method": closed(
            {
                "type": one_of("supervised", "dpo", "reinforcement"),
                **{
                    name: closed({"hyperparameters": closed(hyperparameters)})
                    for name, hyperparameters in _METHODS.items()
                },
                "reinforcement": {"type": "object"},
            },
            "type",
        ),
        "hyperparameters": closed(_HYPERPARAMETERS),
        "integrations": {"type": "array", "maxItems": 0, "x-unsupported": _NO_INTEGRATIONS},
        "metadata": METADATA,
    },
    "model",
    "training_file",
)


def create(context: Context, request: Request, body: dict[str, Any]) -> dict[str, Any]:
    """Record a job; a worker takes it from there. The training file itself is judged by the job, not here."""
    served = context.names.find(body["model"])
    if served is None:
        raise model_not_found(body["model"])
    method = _method(context, served, body.get("method") or {"type": "supervised"})
    training = _file(context, body["training_file"], "training_file")
    validation = None
    if body.get("validation_file") is not None:
        validation = _file(context, body["validation_file"], "validation_file")
    check_queue(context)
    new = NewJob(
        model=served.id,
        engine=served.engine,
        suffix=body.get("suffix") or None,
        seed=secrets.randbelow(1 << 31) if body.get("seed") is None else body["seed"],
        training_file=training.id,
        training_sha256=training.sha256,
        validation_file=validation.id if validation else None,
        validation_sha256=validation.sha256 if validation else None,
        hyperparameters=_hyperparameters(body, method),
        metadata=body.get("metadata"),
        method=method,
    )
    try:
        job = context.state.jobs.create(new)
    except FileGone as gone:
        param = "training_file" if gone.args[0] == training.id else "validation_file"
        raise invalid_file(gone.args[0], param) from gone
    context.supervisor.notify()
    return job.view()


def _method(context: Context, served: ServedModel, given: dict[str, Any]) -> str:
    """The method's name, which the model's engine has to know."""
    method: str = given["type"]
    engine = context.models.engine(served)
    if served.tuned is not None and not engine.trains_tuned:
        raise bad_value("model", f"The engine of '{served.id}' cannot train a tuned model further.")
    if method not in engine.methods:
        raise bad_value(
            "method.type",
            f"The engine '{served.engine}' of '{served.id}' trains by"
            f" {' or '.join(sorted(engine.methods))}, not by {method}.",
            "unsupported_value",
        )
    for name, value in given.items():
        if name not in ("type", method) and value is not None:
            raise bad_value(f"method.{name}", f"'method.{name}' is not for a method of type '{method}'.")
    return method


def _hyperparameters(body: dict[str, Any], method: str) -> dict[str, Any]:
    """From ``method`` or the older ``hyperparameters``; what is absent is "auto"."""
    settings = (body.get("method") or {}).get(method) or {}
    given = settings.get("hyperparameters")
    if given is None:
        given = body.get("hyperparameters") or {}
    return {name: "auto" if given.get(name) is None else given[name] for name in _METHODS[method]}


def _file(context: Context, identifier: str, param: str) -> StoredFile:
    file = context.state.files.get(identifier)
    if file is None:
        raise invalid_file(identifier, param)
    if file.purpose != "fine-tune":
        message = f"{file.id} has purpose '{file.purpose}'; it must be 'fine-tune'."
        raise bad_value(param, message, "invalid_purpose")
    return file

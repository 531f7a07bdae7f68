"""``/v1/models``: list, show, delete. A name with slashes may come encoded or plain."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from ftkit.local.context import Context
from ftkit.local.envelope import ApiError, model_not_found
from ftkit.local.names import ServedModel
from ftkit.local.operation import Operation
from ftkit.local.routing import read_route


def list_models(context: Context, request: Request) -> dict[str, Any]:
    """Every model's name that can be asked for."""
    return {"object": "list", "data": [model.view() for model in context.names.all()]}


def _model(context: Context, request: Request) -> ServedModel:
    name = request.path_params["model"]
    model = context.names.find(name)
    if model is None:
        raise model_not_found(name)
    return model


def retrieve(context: Context, request: Request) -> dict[str, Any]:
    """One model."""
    return _model(context, request).view()


def delete(context: Context, request: Request) -> dict[str, Any]:
    """Delete a model that was made by fine-tuning."""
    model = _model(context, request)
    if model.tuned is None:
        raise ApiError(
            403, f"'{model.id}' is not a fine-tuned model; it stays.", param="model", code="not_allowed"
        )
    job = context.state.jobs.open_on(model.id)
    if job is not None:
        raise ApiError(
            409, f"Job {job} trains '{model.id}' further; it stays until then.", param="model", code="in_use"
        )
    if not context.state.models.delete(model.id):
        raise ApiError(
            403, f"'{model.id}' is a checkpoint; it goes with its job.", param="model", code="not_allowed"
        )
    return {"id": model.id, "object": "model", "deleted": True}


_MODEL = "/v1/models/{model:path}"
ROUTES = [
    read_route("/v1/models", list_models, operation=Operation("ModelList", query=())),
    read_route(_MODEL, retrieve, operation=Operation("Model", query=())),
    read_route(_MODEL, delete, "DELETE", Operation("DeletedModel", query=())),
]

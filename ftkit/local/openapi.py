"""``/openapi.json``: the platform's OpenAPI document, written from the routes themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any, Final

from ftkit import __version__
from ftkit.local.answer_objects import ANSWERS
from ftkit.local.idempotency import HEADER, MAX_KEY_LENGTH
from ftkit.local.objects import OBJECTS, ref
from ftkit.local.operation import Operation, Query
from ftkit.local.routing import ApiRoute
from ftkit.local.schema import published

_PLACE = re.compile(r"\{([a-z_]+)(?::path)?\}")
_BINARY: Final = {"type": "string", "format": "binary"}
_REFUSED: Final = {"$ref": "#/components/responses/Refused"}
_ABOUT: Final = (
    "Files, uploads, fine-tuning jobs, batches, completions and models in OpenAI's protocol. Every answer"
    " that is not a success has OpenAI's error object. Null stands for an absent parameter."
)
_KEY: Final = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "For 24 hours, the same request under the same key is answered as before, not done again.",
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_KEY_LENGTH,
        "pattern": "^[!-~]+$",
    },
}


def document(routes: Iterable[Any]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of those routes that say what they take and give."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        if isinstance(route, ApiRoute):
            path = _PLACE.sub(r"{\1}", route.path)
            paths.setdefault(path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "ftkit local platform", "version": __version__, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"key": []}, {}],
        "paths": paths,
        "components": {
            "schemas": {name: dict(schema) for name, schema in {**OBJECTS, **ANSWERS}.items()},
            "responses": {"Refused": {"description": "A refusal.", "content": _json(ref("Error"))}},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: ApiRoute) -> dict[str, Any]:
    operation = route.operation
    module = route.told.__module__.rsplit(".", 1)[-1]
    found: dict[str, Any] = {
        "operationId": f"{module}_{route.told.__name__}",
        "summary": inspect.getdoc(route.told) or "",
        "tags": [route.path.removeprefix("/v1").strip("/").split("/{")[0] or "platform"],
        "parameters": [*_path_parameters(route.path), *map(_query_parameter, operation.query or ())],
        "responses": {**_answers(operation), "4XX": _REFUSED, "5XX": _REFUSED},
    }
    if route.method == "POST":
        found["parameters"].append(_KEY)
    if operation.body is not None:
        content = {operation.takes: {"schema": published(operation.body)}}
        found["requestBody"] = {"required": True, "content": content}
    return found


def _answers(operation: Operation) -> dict[str, Any]:
    if "/" in operation.answers:
        content: dict[str, Any] = {operation.answers: {"schema": _BINARY}}
        whole = {"description": "The bytes.", "content": content}
        return {"200": whole, "206": {**whole, "description": "The range of them that was asked for."}}
    content = _json(ref(operation.answers))
    if operation.streams is not None:
        content["text/event-stream"] = {
            "schema": {
                "type": "string",
                "description": f"Server-sent events: each a {operation.streams}, the last one [DONE].",
            }
        }
    return {"200": {"description": "Done.", "content": content}}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in _PLACE.findall(path)
    ]


def _query_parameter(query: Query) -> dict[str, Any]:
    style = {"style": "deepObject", "explode": True} if query.schema["type"] == "object" else {}
    return {
        "name": query.name,
        "in": "query",
        "required": False,
        "allowEmptyValue": True,
        "description": query.description,
        "schema": dict(query.schema),
        **style,
    }

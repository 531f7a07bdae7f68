"""``/v1/models/MODEL/files``: list and read the files of a tuned model. Not among OpenAI's routes."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from ftkit.local.context import Context
from ftkit.local.envelope import model_not_found, not_found
from ftkit.local.model_files import ModelFile, model_files
from ftkit.local.names import ServedModel
from ftkit.local.operation import Operation, Query
from ftkit.local.routes.files import _check_range
from ftkit.local.routing import read_route


def _files(context: Context, request: Request) -> tuple[ServedModel, list[ModelFile]]:
    name = request.path_params["model"]
    model = context.names.find(name)
    if model is None:
        raise model_not_found(name)
    return model, model_files(context.state, model, request.state.query["merged"] == "true")


def list_files(context: Context, request: Request) -> dict[str, Any]:
    """A tuned model's files, with their SHA-256; ``merged=true`` makes an adapter a whole model first."""
    model, found = _files(context, request)
    return {"object": "list", "model": model.id, "data": [file.view() for file in found]}


def content(context: Context, request: Request) -> Response:
    """One file's bytes, or the one range of them that is asked for, streamed."""
    name = request.path_params["name"]
    file = next((file for file in _files(context, request)[1] if file.name == name), None)
    if file is None:
        raise not_found("model file", name)
    digest = b64encode(bytes.fromhex(file.sha256)).decode()
    headers = {"repr-digest": f"sha-256=:{digest}:"}
    if file.path is None:
        return Response(file.text, headers=headers, media_type="application/octet-stream")
    _check_range(request, file.bytes)
    return FileResponse(file.path, media_type="application/octet-stream", filename=file.name, headers=headers)


_MERGED = (
    Query(
        "merged",
        {"type": "string", "enum": ["true", "false"], "default": "false"},
        "Whether an adapter is merged into its base first.",
    ),
)
_FILES = "/v1/models/{model:path}/files"
ROUTES = [
    read_route(_FILES, list_files, operation=Operation("ModelFileList", query=_MERGED)),
    read_route(f"{_FILES}/{{name}}", content, operation=Operation("application/octet-stream", query=_MERGED)),
]

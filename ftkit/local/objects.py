"""The objects that answers are made of, as JSON Schema: OpenAI's, and what this platform says beside them."""

from __future__ import annotations

from typing import Any, Final

from ftkit.local.schema import FLAG, TEXT, Schema, one_of, or_null

_INT: Final[Schema] = {"type": "integer"}
_TIME: Final[Schema] = {"type": "integer", "description": "Seconds since 1970, UTC."}
_ANY: Final[Schema] = {}
_TEXTS: Final[Schema] = {"type": "object", "additionalProperties": {"type": "string"}}
_EVENT_TYPES: Final = ("message", "metrics")
_JOB_STATUSES: Final = (
    *("validating_files", "queued", "running", "paused"),
    *("succeeded", "failed", "cancelled"),
)
_BATCH_STATUSES: Final = (
    *("validating", "in_progress", "finalizing", "completed"),
    *("failed", "expired", "cancelling", "cancelled"),
)
_PURPOSES: Final = (
    *("fine-tune", "batch", "assistants", "vision", "user_data", "evals"),
    *("fine-tune-results", "batch_output"),
)


def ref(name: str) -> dict[str, Any]:
    """A reference to another of ``OBJECTS``."""
    return {"$ref": f"#/components/schemas/{name}"}


def object_of(kind: str | None = None, **fields: Schema) -> Schema:
    """An object with all of these fields; ``kind`` is its own name for itself."""
    named = {} if kind is None else {"object": {"type": "string", "const": kind}}
    every = {**named, **fields}
    return {"type": "object", "properties": every, "required": list(every)}


def array_of(items: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": items}


def page_of(name: str) -> Schema:
    """A page of a longer list."""
    return object_of(
        "list",
        data=array_of(ref(name)),
        first_id=or_null(TEXT),
        last_id=or_null(TEXT),
        has_more=FLAG,
    )


def deleted(kind: str) -> Schema:
    """What is said of a thing that is gone."""
    return object_of(kind, id=TEXT, deleted={"type": "boolean", "const": True})


_FILE = object_of(
    "file",
    id=TEXT,
    bytes=_INT,
    created_at=_TIME,
    filename=TEXT,
    purpose=one_of(*_PURPOSES),
    status={"type": "string", "const": "processed"},
    expires_at=or_null(_TIME),
    status_details=or_null(TEXT),
)
_UPLOAD = object_of(
    "upload",
    id=TEXT,
    bytes=_INT,
    created_at=_TIME,
    expires_at=_TIME,
    filename=TEXT,
    purpose=one_of(*_PURPOSES),
    status=one_of("pending", "completed", "cancelled", "expired"),
    file=or_null(ref("File")),
)
_HYPERPARAMETERS: Final[Schema] = {
    "type": "object",
    "description": 'Numbers, or "auto" where the platform is still to choose.',
}
_METHOD: Final[Schema] = {
    "type": "object",
    "properties": {
        "type": one_of("supervised", "dpo"),
        **{name: object_of(hyperparameters=_HYPERPARAMETERS) for name in ("supervised", "dpo")},
    },
    "required": ["type"],
}
_JOB = object_of(
    "fine_tuning.job",
    id=TEXT,
    created_at=_TIME,
    finished_at=or_null(_TIME),
    estimated_finish=or_null(_TIME),
    model=TEXT,
    fine_tuned_model=or_null(TEXT),
    organization_id=TEXT,
    status=one_of(*_JOB_STATUSES),
    hyperparameters=_HYPERPARAMETERS,
    method=_METHOD,
    training_file=TEXT,
    validation_file=or_null(TEXT),
    result_files=array_of(TEXT),
    trained_tokens=or_null(_INT),
    error=or_null(object_of(code=TEXT, message=TEXT, param=or_null(TEXT))),
    user_provided_suffix=or_null(TEXT),
    seed=_INT,
    integrations={"type": "array", "maxItems": 0},
    metadata=or_null(_TEXTS),
    engine={"type": "string", "description": "What trains here. Not OpenAI's."},
)
_EVENT = object_of(
    "fine_tuning.job.event",
    id=TEXT,
    created_at=_TIME,
    level=one_of("info", "warn", "error"),
    message=TEXT,
    type=one_of(*_EVENT_TYPES),
    data={"type": "object"},
)
_CHECKPOINT = object_of(
    "fine_tuning.job.checkpoint",
    id=TEXT,
    created_at=_TIME,
    fine_tuned_model_checkpoint=TEXT,
    fine_tuning_job_id=TEXT,
    metrics={"type": "object", "additionalProperties": {"type": "number"}},
    step_number=_INT,
)
_MODEL = object_of(
    "model",
    id=TEXT,
    created=_TIME,
    owned_by=TEXT,
    shutdown_date=or_null(TEXT),
    engine={"type": "string", "description": "What answers. Not OpenAI's."},
    stand_in_for=or_null({"type": "string", "description": "The hosted model it stands in for."}),
    root={"type": "string", "description": "The untuned model's name."},
)
_MODEL_FILE = object_of(
    "model.file",
    name=TEXT,
    bytes=_INT,
    sha256={"type": "string", "pattern": "^[0-9a-f]{64}$"},
)
_BATCH_FAULT = object_of(code=TEXT, line=or_null(_INT), message=TEXT, param=or_null(TEXT))
_BATCH_USAGE = object_of(
    input_tokens=_INT,
    input_tokens_details=object_of(cached_tokens=_INT),
    output_tokens=_INT,
    output_tokens_details=object_of(reasoning_tokens=_INT),
    total_tokens=_INT,
)
_BATCH = object_of(
    "batch",
    id=TEXT,
    endpoint=TEXT,
    model=or_null(TEXT),
    errors=or_null(object_of("list", data=array_of(_BATCH_FAULT))),
    input_file_id=TEXT,
    completion_window=TEXT,
    status=one_of(*_BATCH_STATUSES),
    output_file_id=or_null(TEXT),
    error_file_id=or_null(TEXT),
    created_at=_TIME,
    expires_at=_TIME,
    **{
        f"{name}_at": or_null(_TIME)
        for name in ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")
    },
    request_counts=object_of(total=_INT, completed=_INT, failed=_INT),
    metadata=_TEXTS,
    usage=_BATCH_USAGE,
)
_ERROR = object_of(error=object_of(message=TEXT, type=TEXT, param=or_null(TEXT), code=or_null(TEXT)))

OBJECTS: Final[dict[str, Schema]] = {
    "Anything": _ANY,
    "Error": _ERROR,
    "File": _FILE,
    "FileList": page_of("File"),
    "DeletedFile": deleted("file"),
    "Upload": _UPLOAD,
    "UploadPart": object_of("upload.part", id=TEXT, created_at=_TIME, upload_id=TEXT),
    "FineTuningJob": _JOB,
    "FineTuningJobList": page_of("FineTuningJob"),
    "Event": _EVENT,
    "EventList": page_of("Event"),
    "Checkpoint": _CHECKPOINT,
    "CheckpointList": page_of("Checkpoint"),
    "Model": _MODEL,
    "ModelList": object_of("list", data=array_of(ref("Model"))),
    "ModelFile": _MODEL_FILE,
    "ModelFileList": object_of("list", model=TEXT, data=array_of(ref("ModelFile"))),
    "DeletedModel": deleted("model"),
    "Batch": _BATCH,
    "BatchList": page_of("Batch"),
    "Health": object_of(status={"type": "string", "const": "ok"}, version=TEXT),
}

"""Reads what platforms answer into results: the one place that knows how their answers differ.

Tolerant on purpose: any field may be null or missing, fields that are not known stay in ``raw``.
Only an answer without an id is an error, because nothing can be done with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ftkit.catalog import Dialect
from ftkit.errors import PlatformError
from ftkit.gateway.results import (
    Answer,
    Batch,
    ChatReply,
    Checkpoint,
    FileInfo,
    Job,
    JobEvent,
    ModelInfo,
    Problem,
    Usage,
)
from ftkit.gateway.values import as_map, as_text, as_time, as_whole, numbers_of, whole_text

_METHOD_PARTS = ("hyperparameters", "grader")
_SPELLINGS = {"canceled": "cancelled", "canceling": "cancelling"}


def read_problem(value: Any) -> Problem | None:
    """An error object, or the text that some platforms send in its place; None where it says nothing."""
    if text := as_text(value):
        return Problem(message=text)
    data = as_map(value)
    message, code = as_text(data.get("message")), as_text(data.get("code"))
    if message is None and code is None:
        return None
    return Problem(
        message=message or str(code),
        code=code,
        param=as_text(data.get("param")),
        line=as_whole(data.get("line")),
    )


def read_file(data: dict[str, Any]) -> FileInfo:
    """A file object."""
    return FileInfo(
        id=_id(data, "file"),
        filename=as_text(data.get("filename")),
        bytes=as_whole(data.get("bytes")),
        purpose=as_text(data.get("purpose")),
        status=as_text(data.get("status")),
        status_details=as_text(data.get("status_details")),
        created_at=as_time(data.get("created_at")),
        raw=data,
    )


def read_job(data: dict[str, Any], dialect: Dialect) -> Job:
    """A job object. Hyperparameters stand at the top, in ``method.TYPE`` or flattened into it."""
    method = as_map(data.get("method"))
    kind = as_text(method.get("type")) or next((k for k in method if k != "type"), None)
    inner = as_map(method.get(kind)) if kind else {}
    flat = {name: value for name, value in inner.items() if name not in _METHOD_PARTS}
    hyper = as_map(data.get("hyperparameters")) or as_map(inner.get("hyperparameters")) or flat
    files = data.get("result_files")
    return Job(
        id=_id(data, "job"),
        status=_status(data, dialect.job_status),
        model=as_text(data.get("model")),
        fine_tuned_model=as_text(data.get("fine_tuned_model")),
        training_file=as_text(data.get("training_file")),
        validation_file=as_text(data.get("validation_file")),
        suffix=as_text(data.get(dialect.suffix_field)) or as_text(data.get("suffix")),
        seed=as_whole(data.get("seed")),
        method=kind,
        hyperparameters=hyper,
        metadata=as_map(data.get("metadata")),
        trained_tokens=as_whole(data.get("trained_tokens")),
        result_files=tuple(f for f in files if isinstance(f, str)) if isinstance(files, list) else (),
        error=read_problem(data.get("error")),
        created_at=as_time(data.get("created_at")),
        finished_at=as_time(data.get("finished_at")),
        estimated_finish=as_time(data.get("estimated_finish")),
        raw=data,
    )


def read_event(data: dict[str, Any]) -> JobEvent:
    """An event object; one without an id gets its content's hash, so that it is shown once."""
    return JobEvent(
        id=as_text(data.get("id")) or _content_hash(data),
        created_at=as_time(data.get("created_at")),
        level=as_text(data.get("level")) or "info",
        type=as_text(data.get("type")),
        message=as_text(data.get("message")) or "",
        data=as_map(data.get("data")),
        raw=data,
    )


def _content_hash(data: Mapping[str, Any]) -> str:
    content = json.dumps(data, sort_keys=True, default=str).encode()
    return hashlib.sha256(content).hexdigest()[:24]


def read_checkpoint(data: dict[str, Any]) -> Checkpoint:
    """A checkpoint object."""
    return Checkpoint(
        id=_id(data, "checkpoint"),
        model=as_text(data.get("fine_tuned_model_checkpoint")),
        step=as_whole(data.get("step_number")),
        metrics=numbers_of(as_map(data.get("metrics"))),
        created_at=as_time(data.get("created_at")),
        raw=data,
    )


def read_batch(data: dict[str, Any], dialect: Dialect) -> Batch:
    """A batch object; ``errors`` may be a list, a list object, empty or null."""
    counts = as_map(data.get("request_counts"))
    errors = data.get("errors")
    listed = errors if isinstance(errors, list) else as_map(errors).get("data")
    problems = [read_problem(e) for e in listed] if isinstance(listed, list) else []
    ends = (data.get(f"{word}_at") for word in ("completed", "failed", "expired", "cancelled"))
    return Batch(
        id=_id(data, "batch"),
        status=_status(data, dialect.batch_status),
        endpoint=as_text(data.get("endpoint")),
        window=as_text(data.get("completion_window")),
        input_file_id=as_text(data.get("input_file_id")),
        output_file_id=as_text(data.get("output_file_id")),
        error_file_id=as_text(data.get("error_file_id")),
        total=as_whole(counts.get("total")) or 0,
        completed=as_whole(counts.get("completed")) or 0,
        failed=as_whole(counts.get("failed")) or 0,
        errors=tuple(p for p in problems if p is not None),
        metadata=as_map(data.get("metadata")),
        created_at=as_time(data.get("created_at")),
        finished_at=next((t for e in ends if (t := as_time(e))), None),
        expires_at=as_time(data.get("expires_at")),
        raw=data,
    )


def read_answer(data: dict[str, Any]) -> Answer:
    """One line of a batch's output or error file."""
    response = as_map(data.get("response"))
    body = as_map(response.get("body"))
    status = as_whole(response.get("status_code"))
    problem = read_problem(data.get("error")) or read_problem(body.get("error"))
    refused = status is not None and status >= 400
    if problem is None and (refused or not body):
        problem = Problem(message=f"answered {status}" if refused else "no answer")
    choice = _first_choice(body)
    usage = as_map(body.get("usage"))
    return Answer(
        custom_id="" if data.get("custom_id") is None else str(data["custom_id"]),
        ok=problem is None,
        text=_content(as_map(choice.get("message"))) if problem is None else None,
        finish_reason=as_text(choice.get("finish_reason")),
        prompt_tokens=as_whole(usage.get("prompt_tokens")),
        completion_tokens=as_whole(usage.get("completion_tokens")),
        model=as_text(body.get("model")),
        error=str(problem) if problem is not None else None,
        status_code=status,
        raw=data,
    )


def read_reply(data: dict[str, Any], request_id: str | None) -> ChatReply:
    """A chat completion; an answer without choices is an error."""
    choice = _first_choice(data)
    if not choice:
        raise PlatformError("the platform answered without a reply", request_id=request_id)
    usage = as_map(data.get("usage"))
    return ChatReply(
        text=_content(as_map(choice.get("message"))) or "",
        model=as_text(data.get("model")),
        finish_reason=as_text(choice.get("finish_reason")),
        usage=Usage(
            prompt_tokens=as_whole(usage.get("prompt_tokens")),
            completion_tokens=as_whole(usage.get("completion_tokens")),
            total_tokens=as_whole(usage.get("total_tokens")),
        ),
        request_id=request_id,
        raw=data,
    )


def read_model(data: dict[str, Any]) -> ModelInfo:
    """A model object."""
    return ModelInfo(
        id=_id(data, "model"),
        created_at=as_time(data.get("created")),
        owned_by=as_text(data.get("owned_by")),
        engine=as_text(data.get("engine")),
        stand_in_for=as_text(data.get("stand_in_for")),
        raw=data,
    )


def _id(data: Mapping[str, Any], kind: str) -> str:
    found = data.get("id")
    if isinstance(found, str | int) and not isinstance(found, bool) and found != "":
        return str(found)
    raise PlatformError(
        f"the platform answered with a {kind} that has no id: {json.dumps(data, default=str)[:200]}",
        hint="Is this address an OpenAI-compatible API? It usually ends in /v1.",
    )


def _status(data: Mapping[str, Any], names: Mapping[str, str]) -> str:
    word = (as_text(data.get("status")) or "unknown").lower()
    word = names.get(word, word)
    return _SPELLINGS.get(word, word)


def _first_choice(body: Mapping[str, Any]) -> dict[str, Any]:
    choices = body.get("choices")
    return as_map(choices[0]) if isinstance(choices, list) and choices else {}


def _content(message: Mapping[str, Any]) -> str | None:
    """The text of a message; content in parts is joined, a refusal is a text too."""
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(t for part in content if isinstance(t := as_map(part).get("text"), str))
    return whole_text(content) if isinstance(content, str) else as_text(message.get("refusal"))

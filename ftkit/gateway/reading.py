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
from ftkit.gateway.method import split_method
from ftkit.gateway.problems import problem_of, problems_of
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
    ReplyPiece,
    Usage,
)
from ftkit.gateway.values import (
    as_count,
    as_id,
    as_map,
    as_plain,
    as_text,
    as_time,
    as_whole,
    numbers_of,
    plain_map,
    whole_text,
)

# Ends in other words: a state that is not known counts as running, so these must be.
_SPELLINGS = {"canceled": "cancelled", "canceling": "cancelling", "error": "failed", "errored": "failed"}
_JOB_SPELLINGS = {"completed": "succeeded", "complete": "succeeded", "success": "succeeded"}
_BATCH_SPELLINGS = {"succeeded": "completed", "complete": "completed", "success": "completed"}
_LONGEST_MESSAGE = 20_000


def read_problem(value: Any) -> Problem | None:
    """An error in any envelope; None where it says nothing."""
    return problem_of(value)


def read_file(data: dict[str, Any]) -> FileInfo:
    """A file object."""
    return FileInfo(
        id=_id(data, "file"),
        filename=as_text(data.get("filename")),
        bytes=as_whole(data.get("bytes")),
        purpose=as_text(data.get("purpose")),
        status=_word(data.get("status")),
        status_details=as_text(data.get("status_details")),
        created_at=as_time(data.get("created_at")),
        raw=data,
    )


def read_job(data: dict[str, Any], dialect: Dialect) -> Job:
    """A job object. Hyperparameters stand at the top, in ``method.TYPE`` or flattened into it."""
    method, _ = split_method({"method": data.get("method")})
    suffixes = (data.get(n) for n in (dialect.suffix_field, "suffix", "user_provided_suffix"))
    return Job(
        id=_id(data, "job"),
        status=_status(data, _JOB_SPELLINGS, dialect.job_status),
        model=as_text(data.get("model")),
        fine_tuned_model=as_text(data.get("fine_tuned_model")),
        training_file=as_id(data.get("training_file")),
        validation_file=as_id(data.get("validation_file")),
        suffix=next((t for s in suffixes if (t := as_text(s))), None),
        seed=as_whole(data.get("seed")),
        method=method.kind if as_map(data.get("method")) else None,
        hyperparameters=plain_map(data.get("hyperparameters")) or plain_map(method.hyperparameters),
        metadata=plain_map(data.get("metadata")),
        trained_tokens=as_whole(data.get("trained_tokens")),
        trained_steps=as_whole(data.get("trained_steps")),
        total_steps=as_whole(data.get("total_steps")),
        result_files=_ids(data.get("result_files")),
        error=read_problem(data.get("error")),
        created_at=as_time(data.get("created_at")),
        finished_at=as_time(data.get("finished_at")),
        estimated_finish=as_time(data.get("estimated_finish")),
        raw=data,
    )


def event_id(data: Mapping[str, Any]) -> str:
    """An event's id; its content's hash where it has none, so that it is shown once."""
    return as_id(data.get("id")) or _fingerprint(data)


def read_event(data: dict[str, Any]) -> JobEvent:
    """An event object, with :func:`event_id`."""
    return JobEvent(
        id=event_id(data),
        created_at=as_time(data.get("created_at")),
        level=as_text(data.get("level")) or "info",
        type=as_text(data.get("type")),
        message=_message(data.get("message")),
        data=plain_map(data.get("data")),
        raw=data,
    )


def read_checkpoint(data: dict[str, Any]) -> Checkpoint:
    """A checkpoint object."""
    return Checkpoint(
        id=_id(data, "checkpoint"),
        model=as_text(data.get("fine_tuned_model_checkpoint")),
        step=as_whole(data.get("step_number")),
        metrics=numbers_of(plain_map(data.get("metrics"))),
        result_files=_ids(data.get("result_files")),
        created_at=as_time(data.get("created_at")),
        raw=data,
    )


def read_batch(data: dict[str, Any], dialect: Dialect) -> Batch:
    """A batch object; ``errors`` may be a list, a list object, one error, empty or null."""
    counts = as_map(data.get("request_counts"))
    ends = (data.get(f"{word}_at") for word in ("completed", "failed", "expired", "cancelled"))
    return Batch(
        id=_id(data, "batch"),
        status=_status(data, _BATCH_SPELLINGS, dialect.batch_status),
        endpoint=as_text(data.get("endpoint")),
        window=as_text(data.get("completion_window")),
        input_file_id=as_id(data.get("input_file_id")),
        output_file_id=as_id(data.get("output_file_id")),
        error_file_id=as_id(data.get("error_file_id")),
        total=as_count(counts.get("total")),
        completed=as_count(counts.get("completed")),
        failed=as_count(counts.get("failed")),
        errors=problems_of(data.get("errors")) or problems_of(data.get("error")),
        metadata=plain_map(data.get("metadata")),
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
    refused = status is not None and status >= 400
    problem = problem_of(data.get("error")) or problem_of(body.get("error"))
    if problem is None and refused:
        problem = problem_of(response.get("body")) or Problem(message=f"answered {status}")
    if problem is None and not body:
        problem = Problem(message="no answer")
    choice = _first_choice(body)
    usage = as_map(body.get("usage"))
    return Answer(
        custom_id="" if data.get("custom_id") is None else whole_text(str(data["custom_id"])),
        ok=problem is None,
        text=_content(choice) if problem is None else None,
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
    return ChatReply(
        text=_content(choice) or "",
        model=as_text(data.get("model")),
        finish_reason=as_text(choice.get("finish_reason")),
        usage=read_usage(data),
        request_id=request_id,
        raw=data,
    )


def read_piece(data: dict[str, Any]) -> ReplyPiece:
    """A part of a streamed reply, of chat or of a plain completion; one without choices has no text."""
    choice = _first_choice(data)
    delta = as_map(choice.get("delta"))
    return ReplyPiece(
        text=as_text(delta.get("content")) or as_text(choice.get("text")) or "",
        finish_reason=as_text(choice.get("finish_reason")),
        usage=read_usage(data),
        raw=data,
    )


def read_usage(data: Mapping[str, Any]) -> Usage:
    """The tokens of a reply; None each where the platform says nothing."""
    usage = as_map(data.get("usage"))
    return Usage(
        prompt_tokens=as_whole(usage.get("prompt_tokens")),
        completion_tokens=as_whole(usage.get("completion_tokens")),
        total_tokens=as_whole(usage.get("total_tokens")),
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
    if found := as_id(data.get("id")):
        return found
    raise PlatformError(
        f"the platform answered with a {kind} that has no id: {_shown(data)}",
        hint="Is this address an OpenAI-compatible API? It usually ends in /v1.",
    )


def _word(value: Any) -> str | None:
    text = as_text(value)
    return text.strip().lower() or None if text else None


def _status(data: Mapping[str, Any], usual: Mapping[str, str], names: Mapping[str, str]) -> str:
    """The state in OpenAI's words; what the dialect says goes before what is usual elsewhere."""
    word = _word(data.get("status")) or "unknown"
    return names.get(word) or usual.get(word) or _SPELLINGS.get(word, word)


def _ids(value: Any) -> tuple[str, ...]:
    return tuple(i for item in value if (i := as_id(item))) if isinstance(value, list) else ()


def _message(value: Any) -> str:
    """A line of a log; an object in its place is shown as JSON."""
    text = as_text(value) or (json.dumps(as_plain(value)) if isinstance(value, Mapping | list) else "")
    return text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + " ..."


def _fingerprint(data: Mapping[str, Any]) -> str:
    content = json.dumps(as_plain(data), sort_keys=True).encode()
    return hashlib.sha256(content).hexdigest()[:24]


def _shown(data: Mapping[str, Any]) -> str:
    return json.dumps(as_plain(data))[:200]


def _first_choice(body: Mapping[str, Any]) -> dict[str, Any]:
    choices = body.get("choices")
    return next((as_map(c) for c in choices if c), {}) if isinstance(choices, list) else {}


def _content(choice: Mapping[str, Any]) -> str | None:
    """The text of a choice; content in parts is joined, a refusal is a text too."""
    message = as_map(choice.get("message"))
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(t for part in content if isinstance(t := as_map(part).get("text"), str))
    if isinstance(content, str):
        return whole_text(content)
    return as_text(message.get("refusal")) or as_text(choice.get("text"))

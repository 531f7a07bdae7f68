"""Hosted platforms with something tuned on them, as their own words tell of it, on a prepared server."""

from __future__ import annotations

import base64
import json
from datetime import date
from typing import Any

from canned_platform import Canned
from conftest import rows

TUNED = "ft:gpt-4.1-mini-2025-04-14:acme:news:ab12cd"
DAY = date(2026, 11, 21)
METRICS = "step,train_loss\n1,0.5\n2,0.25\n"
SETTINGS = {"n_epochs": 3, "batch_size": 1, "learning_rate_multiplier": 1.8}
OPENAI_JOB: dict[str, Any] = {
    "object": "fine_tuning.job",
    "id": "ftjob-1",
    "model": "gpt-4.1-mini-2025-04-14",
    "created_at": 1739488043,
    "finished_at": 1739489043,
    "fine_tuned_model": TUNED,
    "organization_id": "org-1",
    "result_files": ["file-result"],
    "status": "succeeded",
    "training_file": "file-train",
    "validation_file": "file-val",
    "hyperparameters": SETTINGS,
    "method": {"type": "supervised", "supervised": {"hyperparameters": SETTINGS}},
    "trained_tokens": 5768,
    "seed": 42,
    "user_provided_suffix": "news",
    "metadata": None,
    "error": None,
}


def page(*items: Any) -> dict[str, Any]:
    """One page of a list."""
    return {"object": "list", "data": list(items), "has_more": False}


def file(name: str, size: int) -> dict[str, Any]:
    """A file as it is listed."""
    made = {"id": name, "object": "file", "bytes": size, "created_at": 1739488000, "purpose": "fine-tune"}
    return {**made, "filename": f"{name}.jsonl", "status": "processed"}


def jsonl(lines: list[dict[str, Any]]) -> bytes:
    """Rows as a file's bytes."""
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def serve_file(canned: Canned, name: str, content: bytes) -> None:
    """A file that the platform has."""
    canned.answer("GET", f"/files/{name}", file(name, len(content)))
    canned.answer("GET", f"/files/{name}/content", (200, content))


def serve_openai(
    canned: Canned,
    job: dict[str, Any] = OPENAI_JOB,
    *,
    train: list[dict[str, Any]] | None = None,
    validation: list[dict[str, Any]] | None = None,
    jobs: tuple[dict[str, Any], ...] = (),
    models: tuple[dict[str, Any], ...] = (),
) -> None:
    """OpenAI with the model of one job, and what else it lists."""
    tuned, number = job["fine_tuned_model"], job["id"]
    training, held = jsonl(train or rows(0, 20)), jsonl(validation or rows(100, 10))
    base = {"id": job["model"], "object": "model", "created": 1739000000}
    own = {"id": tuned, "object": "model", "created": 1739489043, "owned_by": "acme"}
    canned.answer("GET", "/fine_tuning/jobs", page(job, *jobs))
    canned.answer("GET", f"/fine_tuning/jobs/{number}", job)
    canned.answer("GET", "/models", page(base, own, *models))
    canned.answer("GET", f"/models/{tuned}", own)
    canned.answer("GET", "/files", page(file("file-train", len(training)), file("file-result", 60)))
    serve_file(canned, "file-train", training)
    serve_file(canned, "file-val", held)
    canned.answer("GET", "/files/file-result/content", (200, base64.b64encode(METRICS.encode())))
    batch = {"object": "batch", "status": "completed", "created_at": 1740000000, "model": tuned}
    canned.answer(
        "GET", "/batches", page({"id": "b2", **batch}, {"id": "b1", **batch, "created_at": 1739990000})
    )
    events = [{"id": f"e{n}", "created_at": 1739488100 + n, "message": f"Step {n}"} for n in (3, 2, 1)]
    canned.answer("GET", f"/fine_tuning/jobs/{number}/events", page(*events))
    checkpoint = {"id": "c1", "fine_tuned_model_checkpoint": f"{tuned}:ckpt-step-60", "step_number": 60}
    canned.answer("GET", f"/fine_tuning/jobs/{number}/checkpoints", page(checkpoint))
    canned.answer("POST", "/chat/completions", chat)


def chat(asked: Any) -> Any:
    """A model that reads the text, and whose platform has no log probabilities."""
    body = asked.json
    if body.get("logprobs"):
        return 400, {"error": {"message": "logprobs is not supported with this model", "param": "logprobs"}}
    up = any(w in body["messages"][-1]["content"] for w in ("rose", "climb", "grow", "impro", "jump"))
    return {**reply("up" if up else "down"), "model": body["model"]}


def reply(text: str) -> dict[str, Any]:
    """An answer as a platform gives it."""
    usage = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
    message = {"role": "assistant", "content": text}
    return {"id": "r", "choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}

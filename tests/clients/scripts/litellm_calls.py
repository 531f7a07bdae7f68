"""LiteLLM's functions: completions, streams, files, batches, fine-tuning jobs."""

from __future__ import annotations

import asyncio
import json
import os

import litellm
from client_data import messages, request_line, say, training, wait_for

WAY = {
    "custom_llm_provider": "openai",
    "api_base": os.environ["OPENAI_BASE_URL"],
    "api_key": os.environ["OPENAI_API_KEY"],
}
ASK = {"model": "openai/gpt-4o-mini", "messages": messages("a lemon"), "api_base": WAY["api_base"]}
HOSTED = "openai/klusterai/Meta-Llama-3.1-8B-Instruct-Turbo"


def refused() -> list[object]:
    """How a refusal reaches LiteLLM's user."""
    try:
        litellm.completion(**{**ASK, "model": "openai/gpt-99"})
    except litellm.NotFoundError as error:
        return [error.status_code]
    return []


async def asynchronous() -> list[str]:
    """Several at once."""
    found = await asyncio.gather(*(litellm.acompletion(**ASK) for _ in range(5)))
    return [one.choices[0].message.content for one in found]


def tuned() -> dict[str, object]:
    """A whole job."""
    file = litellm.create_file(file=("t.jsonl", training().encode()), purpose="fine-tune", **WAY)
    job = litellm.create_fine_tuning_job(
        model="gpt-4o-mini-2024-07-18",
        training_file=file.id,
        suffix="lite",
        hyperparameters={"n_epochs": 2},
        **WAY,
    )
    listed = [one.id for one in litellm.list_fine_tuning_jobs(limit=5, **WAY)]
    done = wait_for(
        lambda: litellm.retrieve_fine_tuning_job(fine_tuning_job_id=job.id, **WAY),
        lambda job: job.finished_at is not None,
    )
    second = litellm.create_fine_tuning_job(
        model="gpt-4o-mini", training_file=file.id, hyperparameters={"n_epochs": 50, "batch_size": 1}, **WAY
    )
    cancelled = litellm.cancel_fine_tuning_job(fine_tuning_job_id=second.id, **WAY)
    answer = litellm.completion(**{**ASK, "model": f"openai/{done.fine_tuned_model}"})
    return {
        "job": [done.status, job.id in listed, cancelled.status],
        "tuned": answer.choices[0].message.content,
        "file": [
            litellm.file_retrieve(file_id=file.id, **WAY).status,
            litellm.file_delete(file_id=file.id, **WAY).deleted,
        ],
    }


def batched() -> dict[str, object]:
    """A whole batch, and one that is cancelled."""
    data = "".join(request_line(f"r{n}", "gpt-4o-mini", "a lemon") for n in range(5)).encode()
    file = litellm.create_file(file=("b.jsonl", data), purpose="batch", **WAY)
    made = {"completion_window": "24h", "endpoint": "/v1/chat/completions", "input_file_id": file.id}
    batch = litellm.create_batch(**made, metadata={"by": "litellm"}, **WAY)
    done = wait_for(
        lambda: litellm.retrieve_batch(batch_id=batch.id, **WAY), lambda batch: batch.status == "completed"
    )
    text = litellm.file_content(file_id=done.output_file_id, **WAY).text
    listed = litellm.list_batches(limit=5, **WAY)
    return {
        "batch": [done.status, done.metadata, batch.id in [one.id for one in listed.data]],
        "records": [json.loads(line)["custom_id"] for line in text.splitlines()],
    }


whole = litellm.completion(**ASK, temperature=0, max_tokens=9)
vectors = litellm.embedding(model="openai/gpt-4o-mini", input=["a", "b"], api_base=ASK["api_base"])
pieces = list(litellm.completion(**ASK, stream=True, stream_options={"include_usage": True}))
say(
    {
        "text": whole.choices[0].message.content,
        "usage": whole.usage.total_tokens > 0,
        "hosted": litellm.completion(**{**ASK, "model": HOSTED}).model,
        "streamed": "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices),
        "asynchronous": asyncio.run(asynchronous()),
        "refused": refused(),
        "completed": litellm.text_completion(
            model="text-completion-openai/gpt-4o-mini", prompt=f"{ASK['messages'][0]['content']}\na lemon"
        )
        .choices[0]
        .text,
        "vectors": len(vectors.data),
        **tuned(),
        **batched(),
    }
)

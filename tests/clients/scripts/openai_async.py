"""The ``openai`` package's asynchronous client: the same things, many at once."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from client_data import messages, request_line, say, training
from openai import AsyncOpenAI

MODEL = "gpt-4o-mini"


async def ended(look: Any, identifier: str, statuses: tuple[str, ...]) -> Any:
    """Poll without holding the others up."""
    while (found := await look(identifier)).status not in statuses:
        await asyncio.sleep(0.1)
    return found


async def streamed(client: AsyncOpenAI) -> str:
    """One stream's text."""
    stream = await client.chat.completions.create(model=MODEL, messages=messages("a lime"), stream=True)
    return "".join([piece.choices[0].delta.content or "" async for piece in stream])


async def main() -> None:
    """Everything at once."""
    async with AsyncOpenAI(max_retries=0, _strict_response_validation=True) as client:
        train, ask = await asyncio.gather(
            client.files.create(file=("t.jsonl", training().encode()), purpose="fine-tune"),
            client.files.create(file=("b.jsonl", request_line("a", MODEL, "Yes?").encode()), purpose="batch"),
        )
        job, batch = await asyncio.gather(
            client.fine_tuning.jobs.create(model=MODEL, training_file=train.id),
            client.batches.create(
                input_file_id=ask.id, endpoint="/v1/chat/completions", completion_window="24h"
            ),
        )
        texts = await asyncio.gather(*(streamed(client) for _ in range(20)))
        job, batch = await asyncio.gather(
            ended(client.fine_tuning.jobs.retrieve, job.id, ("succeeded", "failed")),
            ended(client.batches.retrieve, batch.id, ("completed", "failed")),
        )
        output = await client.files.content(batch.output_file_id)
        events = [event async for event in client.fine_tuning.jobs.list_events(job.id, limit=3)]
        raw = await client.models.with_raw_response.retrieve(job.fine_tuned_model)
        say(
            {
                "texts": sorted(set(texts)),
                "job": job.status,
                "batch": batch.status,
                "record": json.loads(output.text)["custom_id"],
                "events": [event.message for event in events][-1],
                "raw": raw.parse().id == job.fine_tuned_model,
            }
        )


asyncio.run(main())

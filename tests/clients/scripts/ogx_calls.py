"""OGX's client (once llama-stack), which speaks OpenAI's routes: files, batches, chat, models."""

from __future__ import annotations

import os

from client_data import messages, request_line, say, wait_for
from ogx_client import OgxClient

client = OgxClient(
    base_url=os.environ["OPENAI_BASE_URL"].removesuffix("/v1"), api_key=os.environ["OPENAI_API_KEY"]
)
MODEL = "meta-llama/Llama-3.1-8B-Instruct"
data = "".join(request_line(f"r{n}", MODEL, "a lemon") for n in range(5)).encode()
file = client.files.create(file=("b.jsonl", data), purpose="batch")
batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
done = wait_for(lambda: client.batches.retrieve(batch.id), lambda batch: batch.status == "completed")
whole = client.chat.completions.create(model=MODEL, messages=messages("a lemon"))
pieces = list(client.chat.completions.create(model=MODEL, messages=messages("a lemon"), stream=True))
say(
    {
        "file": file.id in [one.id for one in client.files.list()],
        "batch": [done.status, done.request_counts.completed],
        "listed": batch.id in [one.id for one in client.batches.list()],
        "text": whole.choices[0].message.content,
        "streamed": "".join(p.choices[0].delta.content or "" for p in pieces if p.choices),
        "models": [model.id for model in client.models.list().data],
        "model": client.models.retrieve(MODEL).id,
        "deleted": client.files.delete(file.id).deleted,
    }
)

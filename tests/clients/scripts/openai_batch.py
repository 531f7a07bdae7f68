"""The ``openai`` package: an upload in parts out of order and in parallel, a batch of it, its results."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

from client_data import request_line, say, wait_for
from openai import OpenAI

client = OpenAI(max_retries=0, _strict_response_validation=True)
MODELS = ("gpt-4o-mini", "klusterai/Meta-Llama-3.3-70B-Instruct-Turbo")
END = ("completed", "failed", "expired", "cancelled")

lines = [request_line(f"r{n}", MODELS[n % 2], "Yes or no?", max_tokens=5) for n in range(40)]
lines[7] = request_line("r7", MODELS[0], "Yes or no?", temperature=9)
data = "".join(lines).encode()
cut = len(data) // 3
upload = client.uploads.create(
    bytes=len(data), filename="in.jsonl", mime_type="application/jsonl", purpose="batch"
)
pieces = [data[2 * cut :], data[:cut], data[cut : 2 * cut]]
with ThreadPoolExecutor(3) as pool:
    parts = list(pool.map(lambda piece: client.uploads.parts.create(upload.id, data=piece), pieces))
whole = client.uploads.complete(
    upload.id, part_ids=[parts[1].id, parts[2].id, parts[0].id], md5=hashlib.md5(data).hexdigest()
)
assert whole.file is not None and whole.file.status == "processed"

batch = client.batches.create(
    input_file_id=whole.file.id, endpoint="/v1/chat/completions", completion_window="24h"
)
done = wait_for(lambda: client.batches.retrieve(batch.id), lambda batch: batch.status in END)
records = [json.loads(line) for line in client.files.content(done.output_file_id).text.splitlines()]
errors = [json.loads(line) for line in client.files.content(done.error_file_id).text.splitlines()]

wrong = client.files.create(file=b'{"custom_id": "a"}\nnot JSON\n', purpose="batch")
failed = client.batches.create(
    input_file_id=wrong.id,
    endpoint="/v1/chat/completions",
    completion_window="24h",
    metadata={"team": "fruit"},
)
failed = wait_for(lambda: client.batches.retrieve(failed.id), lambda batch: batch.status in END)
long = client.files.create(file=data * 200, purpose="batch")
stopped = client.uploads.create(bytes=9, filename="b.jsonl", mime_type="application/jsonl", purpose="batch")

say(
    {
        "status": done.status,
        "counts": done.request_counts.model_dump(),
        "metadata": done.metadata,
        "order": [record["custom_id"] for record in records],
        "models": [record["response"]["body"]["model"] for record in records],
        "errors": [[e["custom_id"], e["response"]["status_code"]] for e in errors],
        "param": errors[0]["response"]["body"]["error"]["param"],
        "failed": [[e.code, e.line] for e in failed.errors.data],
        "failed_metadata": failed.metadata,
        "listed": [one.id for one in client.batches.list(limit=1)][:2] == [failed.id, batch.id],
        "upload": client.uploads.cancel(stopped.id).status,
        "bytes": long.bytes == 200 * len(data),
    }
)

"""The newest ``openai`` package: parsed replies, plain completions, embeddings, and batches of both; jobs by
method, paused and found by metadata; files that expire; requests that are sent twice under one key."""

from __future__ import annotations

import json
from operator import sub
from typing import Literal

import openai
from client_data import SYSTEM, messages, say, training, wait_for
from openai import OpenAI
from pydantic import BaseModel

client = OpenAI(max_retries=0, _strict_response_validation=True)
lenient = OpenAI()
"""The package's strict types know no paused job, no piece of text before the last, no vector in base64."""
MODEL = "gpt-4o-mini"


class Fruit(BaseModel):
    """Whether a fruit is a citrus fruit."""

    citrus: Literal["yes", "no"]


def batch_of(endpoint: str, **body: object) -> list[dict[str, object]]:
    """What a batch of two such requests answered."""
    lines = [
        {"custom_id": str(n), "method": "POST", "url": endpoint, "body": {"model": MODEL, **body}}
        for n in (0, 1)
    ]
    data = "".join(json.dumps(line) + "\n" for line in lines).encode()
    file = client.files.create(file=("in.jsonl", data), purpose="batch")
    batch = client.batches.create(
        input_file_id=file.id,
        endpoint=endpoint,
        completion_window="24h",
        output_expires_after={"anchor": "created_at", "seconds": 7200},
    )
    done = wait_for(lambda: client.batches.retrieve(batch.id), lambda found: found.completed_at is not None)
    assert client.files.retrieve(done.output_file_id).expires_at is not None
    return [
        json.loads(line)["response"]["body"]
        for line in client.files.content(done.output_file_id).text.splitlines()
    ]


parsed = client.chat.completions.parse(model=MODEL, messages=messages("a lemon"), response_format=Fruit)
with client.chat.completions.stream(
    model=MODEL, messages=messages("a lemon"), response_format=Fruit
) as stream:
    kinds = [event.type for event in stream]
    final = stream.get_final_completion().choices[0].message.parsed
prompt = SYSTEM + "\n\na lemon"
completed = client.completions.create(model=MODEL, prompt=[prompt, prompt], max_tokens=5)
completed_pieces = list(lenient.completions.create(model=MODEL, prompt=prompt, stream=True))
vectors = lenient.embeddings.create(model=MODEL, input=["a lemon", "a pear"])
numbers = client.embeddings.create(model=MODEL, input="a lemon", encoding_format="float")

file = client.files.create(
    file=("t.jsonl", training().encode()),
    purpose="fine-tune",
    expires_after={"anchor": "created_at", "seconds": 3600},
)
job = client.fine_tuning.jobs.create(
    model=MODEL,
    training_file=file.id,
    metadata={"file": file.id},
    method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 40, "batch_size": 1}}},
)
paused = lenient.fine_tuning.jobs.pause(job.id).status
resumed = client.fine_tuning.jobs.resume(job.id).status
found = [one.id for one in client.fine_tuning.jobs.list(metadata={"file": file.id})]
done = wait_for(lambda: client.fine_tuning.jobs.retrieve(job.id), lambda job: job.finished_at is not None)

twice = {"model": MODEL, "training_file": file.id, "extra_headers": {"Idempotency-Key": f"once-{file.id}"}}
first, second = client.fine_tuning.jobs.create(**twice), client.fine_tuning.jobs.create(**twice)
try:
    client.fine_tuning.jobs.create(**{**twice, "seed": 5})
    other = "made"
except openai.APIStatusError as error:
    other = str(error.status_code)

say(
    {
        "parsed": parsed.choices[0].message.parsed.citrus,
        "streamed": final.citrus,
        "kinds": sorted(set(kinds)),
        "completed": [choice.text for choice in completed.choices],
        "completed_pieces": "".join(piece.choices[0].text for piece in completed_pieces if piece.choices),
        "vectors": [len(one.embedding) for one in vectors.data],
        "same": max(map(abs, map(sub, vectors.data[0].embedding, numbers.data[0].embedding))) < 1e-6,
        "batches": [
            [body["choices"][0]["text"] for body in batch_of("/v1/completions", prompt=prompt)],
            [len(body["data"][0]["embedding"]) for body in batch_of("/v1/embeddings", input="a lemon")],
        ],
        "expires": file.expires_at - file.created_at,
        "steering": [paused, resumed, done.status],
        "method": [done.method.type, done.method.supervised.hyperparameters.n_epochs],
        "found": found == [job.id],
        "idempotent": [first.id == second.id, other],
    }
)

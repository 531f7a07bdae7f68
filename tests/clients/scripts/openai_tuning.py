"""The ``openai`` package: files, a job with its events and checkpoints, the model that it made."""

from __future__ import annotations

import openai
from client_data import messages, say, training, wait_for, written
from openai import OpenAI

client = OpenAI(max_retries=0, _strict_response_validation=True)
HOSTED = "klusterai/Meta-Llama-3.1-8B-Instruct-Turbo"

with written("train.jsonl", training()).open("rb") as data:
    file = client.files.create(file=data, purpose="fine-tune")
assert client.files.wait_for_processing(file.id).status == "processed"
other = client.files.create(file=("held.jsonl", training(12).encode()), purpose="fine-tune")
assert client.files.retrieve(file.id).filename == "train.jsonl"
assert client.files.content(file.id).text == training()
listed = [one.id for one in client.files.list(purpose="fine-tune")]

job = client.fine_tuning.jobs.create(
    model=HOSTED, training_file=file.id, validation_file=other.id, suffix="fruit", hyperparameters={}, seed=7
)
done = wait_for(lambda: client.fine_tuning.jobs.retrieve(job.id), lambda job: job.finished_at is not None)
events = list(client.fine_tuning.jobs.list_events(job.id, limit=2))
checkpoints = list(client.fine_tuning.jobs.checkpoints.list(job.id, limit=1))
results = client.files.content(done.result_files[0]).read()

short = client.files.create(file=("short.jsonl", training(3).encode()), purpose="fine-tune")
few = client.fine_tuning.jobs.create(
    model="gpt-4o-mini-2024-07-18", training_file=short.id, validation_file=None
)
few = wait_for(lambda: client.fine_tuning.jobs.retrieve(few.id), lambda job: job.finished_at is not None)
long = client.fine_tuning.jobs.create(
    model="gpt-4o-mini-2024-07-18", training_file=file.id, hyperparameters={"n_epochs": 50, "batch_size": 1}
)
cancelled = client.fine_tuning.jobs.cancel(long.id)
jobs = [one.id for one in client.fine_tuning.jobs.list(limit=1)]

tuned = done.fine_tuned_model
model = client.models.retrieve(tuned)
answer = client.chat.completions.create(model=tuned, messages=messages("a lemon"), temperature=0)
at_checkpoint = client.chat.completions.create(
    model=checkpoints[0].fine_tuned_model_checkpoint, messages=messages("a pear")
)
gone = client.models.delete(tuned)
try:
    client.models.retrieve(tuned)
    after = "there"
except openai.NotFoundError as error:
    after = str(error.code)

say(
    {
        "listed": file.id in listed and other.id in listed,
        "status": done.status,
        "hyperparameters": done.hyperparameters.model_dump(),
        "trained_tokens": done.trained_tokens,
        "events": [event.message for event in events],
        "event_ids": [event.id for event in events],
        "checkpoints": len(checkpoints),
        "jobs": job.id in jobs and jobs[:2] == [long.id, few.id],
        "columns": results.decode().splitlines()[0],
        "few": [few.status, few.error.code, few.error.param],
        "cancelled": [cancelled.status, cancelled.hyperparameters.n_epochs],
        "stand_in": client.models.retrieve(HOSTED).id,
        "model": model.id == tuned,
        "answers": [answer.choices[0].message.content, at_checkpoint.choices[0].message.content],
        "deleted": gone.deleted,
        "after": after,
        "file_deleted": client.files.delete(file.id).deleted,
    }
)

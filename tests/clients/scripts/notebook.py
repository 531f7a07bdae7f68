# ruff: noqa: PTH123, SIM115 - written as notebooks are
"""A notebook as hosted platforms publish them: data frames, a helper that polls, results by position.

Run by IPython as a notebook's cells are. Nothing here reads a custom_id, checks an error file or splits
lines other than with ``str.splitlines``.
"""

# %%
import json
import os
import time

import pandas as pd
from client_data import CITRUS, OTHER, SYSTEM, say, training, written
from IPython.display import clear_output, display
from openai import OpenAI

client = OpenAI(base_url=os.environ["OPENAI_BASE_URL"], api_key=os.environ["OPENAI_API_KEY"])
BASE = "klusterai/Meta-Llama-3.1-8B-Instruct-Turbo"
LARGE = "deepseek-ai/DeepSeek-V3-0324"
YES = "yes\u2028it is\x85a citrus fruit"  # an answer as people paste them, with odd line ends inside

# %%
df = pd.DataFrame({"text": [f"a {fruit}" for pair in zip(CITRUS, OTHER, strict=True) for fruit in pair]})


def create_file(df, model, name):
    with open(f"{name}.jsonl", "w") as file:
        for index, row in df.iterrows():
            task = {
                "custom_id": f"{name}-{index}",
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {
                    "model": model,
                    "temperature": 0.5,
                    "max_completion_tokens": 100,
                    "messages": [
                        {"role": "system", "content": SYSTEM},
                        {"role": "user", "content": row["text"]},
                    ],
                },
            }
            file.write(json.dumps(task) + "\n")
    return f"{name}.jsonl"


def start(name):
    file = client.files.create(file=open(name, "rb"), purpose="batch")
    return client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )


def monitor(job):
    while True:
        job = client.batches.retrieve(job.id)
        clear_output(wait=True)
        display(f"{job.status}: {job.request_counts.completed}/{job.request_counts.total}")
        if job.status.lower() == "completed":
            return job
        if job.status.lower() in ("failed", "expired", "cancelled"):
            raise RuntimeError(f"{job.status}: {job.errors}")
        time.sleep(0.2)


def answers(job):
    text = client.files.content(job.output_file_id).text
    records = [json.loads(line) for line in text.splitlines()]
    return [record["response"]["body"]["choices"][0]["message"]["content"] for record in records]


# %%
df["before"] = answers(monitor(start(create_file(df, LARGE, "before"))))
display(df.head())

# %%
with open(written("train.jsonl", training(yes=YES)), "rb") as file:
    uploaded = client.files.create(file=file, purpose="fine-tune")
job = client.fine_tuning.jobs.create(training_file=uploaded.id, model=BASE)
print(json.dumps(job.model_dump(), indent=2))

# %%
seen = set()
while job.status not in ("succeeded", "failed", "cancelled"):
    job = client.fine_tuning.jobs.retrieve(job.id)
    for event in reversed(client.fine_tuning.jobs.list_events(fine_tuning_job_id=job.id, limit=50).data):
        if event.id not in seen:
            seen.add(event.id)
            display(event.message)
    time.sleep(0.2)

# %%
df["after"] = answers(monitor(start(create_file(df, job.fine_tuned_model, "after"))))
df["truth"] = [YES, "no"] * len(CITRUS)
accuracy = (df["after"] == df["truth"]).mean()
display(df)

# %%
models = [model.id for model in client.models.list().data]
say(
    {
        "rows": len(df),
        "before": sorted(set(df["before"])),
        "accuracy": accuracy,
        "events": len(seen),
        "model": job.fine_tuned_model in models,
    }
)

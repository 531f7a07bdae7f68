"""A notebook written as kluster.ai's cookbook writes them runs here with one changed import.

The cells have the cookbook's shape (models asked one after the other, answers as columns of a frame) and its
ways of calling the helpers; the texts are ours.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from canned_platform import Canned

from ftkit.errors import BatchFailed, OutcomeError, PlatformError
from ftkit.gateway import Platform
from ftkit.notebook import create_batch_job, create_tasks, get_results, monitor_job_status, save_tasks

Run = Callable[..., list[list[dict[str, Any]]]]

COOKBOOK = [
    """
import os
import time
import json
import pandas as pd
import numpy as np
from openai import OpenAI
from IPython.display import clear_output, display
from helpers import create_tasks, save_tasks, create_batch_job, monitor_job_status, get_results

pd.set_option('display.max_columns', 1000, 'display.width', 1000, 'display.max_colwidth', 500)
""",
    """
client = OpenAI(
    base_url=os.environ["PLATFORM_URL"],
    api_key=os.environ["PLATFORM_KEY"],
)
""",
    """
df = pd.DataFrame({
    "Title": [f"Film {n}" for n in range(24)],
    "Overview": [f"{'A clown laughs' if n % 2 else 'A widow weeps'}, part {n}." for n in range(24)],
    "Genre": ["comedy" if n % 2 else "drama" for n in range(24)],
}).sample(frac=1, random_state=3)
df.head(3)
""",
    """
SYSTEM_PROMPT = "Say the genre of the film. Answer with one word: comedy or drama."

models = {
    'small': "klusterai/Meta-Llama-3.1-8B-Instruct-Turbo",
    'large': "klusterai/Meta-Llama-3.3-70B-Instruct-Turbo",
}
""",
    """
for name, model in models.items():
    task_list = create_tasks(df, task_type='assistant', system_prompt=SYSTEM_PROMPT,
                             model=model, content_column='Overview')
    filename = save_tasks(task_list, task_type='assistant')
    job = create_batch_job(filename, client=client)
    monitor_job_status(client=client, job_id=job.id, task_type=f'{name} model')
    df[f'{name}_answer'] = get_results(client=client, job_id=job.id)
""",
    """
df['right'] = df.apply(lambda row: row['Genre'] in row['small_answer'], axis=1)
display(df[['Title', 'Genre', 'small_answer', 'large_answer']].head())
print(json.dumps({"index": df.index.tolist(), "answers": df['small_answer'].tolist(), "batch": job.id}))
""",
]


def moved_over(cells: list[str]) -> list[str]:
    """The notebook with ftkit's helpers: its import, and nothing else."""
    return [cell.replace("from helpers import", "from ftkit.notebook import") for cell in cells]


@pytest.fixture
def address(platform: Platform) -> Iterator[tuple[str, str]]:
    """Where a notebook's own client finds the local platform, also in a kernel."""
    server = platform.local_server
    assert server is not None
    given = {"PLATFORM_URL": platform.base_url, "PLATFORM_KEY": server.key or "not-needed"}
    os.environ.update(given)
    yield given["PLATFORM_URL"], given["PLATFORM_KEY"]
    for name in given:
        del os.environ[name]


def test_one_line_is_another() -> None:
    before, after = "".join(COOKBOOK).splitlines(), "".join(moved_over(COOKBOOK)).splitlines()
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1


@pytest.mark.slow
def test_its_cells_run_and_every_answer_stands_in_its_own_row(
    run_cells: Run, address: tuple[str, str]
) -> None:
    outputs = run_cells(*moved_over(COOKBOOK))
    assert not [one for cell in outputs for one in cell if one.get("name") == "stderr"]
    said = json.loads("".join(one.get("text", "") for one in outputs[-1]).splitlines()[-1])
    with openai.OpenAI(base_url=address[0], api_key=address[1]) as client:
        batch = client.batches.retrieve(said["batch"])
        assert batch.status == "completed" and batch.request_counts is not None
        assert batch.request_counts.total == batch.request_counts.completed == 24
        for index, answer in list(zip(said["index"], said["answers"], strict=True))[:6]:
            asked = client.chat.completions.create(
                model="klusterai/Meta-Llama-3.1-8B-Instruct-Turbo",
                temperature=0,
                max_completion_tokens=100,
                messages=[
                    {
                        "role": "system",
                        "content": "Say the genre of the film. Answer with one word: comedy or drama.",
                    },
                    {"role": "user", "content": _overview(index)},
                ],
            )
            assert asked.choices[0].message.content == answer
    assert {"comedy", "drama"} >= set(said["answers"])


def _overview(n: int) -> str:
    return f"{'A clown laughs' if n % 2 else 'A widow weeps'}, part {n}."


# a platform that answers in another order, or never


def batch(status: str, **more: Any) -> dict[str, Any]:
    """A batch as kluster.ai says it."""
    counts = {"total": 30, "completed": 30, "failed": 0}
    return {
        "id": "b1",
        "object": "batch",
        "status": status,
        "endpoint": "/v1/chat/completions",
        "input_file_id": "in",
        "output_file_id": "out",
        "error_file_id": None,
        "errors": [],
        "completion_window": "24h",
        "created_at": "1735689600",
        "request_counts": counts,
        **more,
    }


@pytest.fixture
def client(canned: Canned, monkeypatch: pytest.MonkeyPatch) -> Iterator[openai.OpenAI]:
    """A notebook's client of a platform of prepared answers."""
    monkeypatch.setenv("FTKIT_POLL_SECONDS", "0.01")
    monkeypatch.setenv("FTKIT_MAX_RETRIES", "0")
    with openai.OpenAI(base_url=canned.address, api_key="sk-a-key-of-a-test") as made:
        yield made


def lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def answer(name: str, text: str) -> dict[str, Any]:
    body = {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]
    }
    return {
        "id": f"r-{name}",
        "custom_id": name,
        "response": {"status_code": 200, "body": body},
        "error": None,
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_answers_that_come_in_another_order_are_joined_by_their_ids(
    client: openai.OpenAI, canned: Canned, seed: int
) -> None:
    names = [f"task-{n}" for n in (*range(20, 30), *range(20))]
    answers = [answer(name, f"answer of {name}") for name in names if name != "task-7"]
    random.Random(seed).shuffle(answers)
    canned.answer("GET", "/batches/b1", batch("in_progress"), batch("completed"))
    canned.answer("GET", "/files/in/content", lines([{"custom_id": name} for name in names]))
    canned.answer("GET", "/files/out/content", lines(answers))
    assert monitor_job_status(client, "b1", "task").status == "completed"
    expected = [None if name == "task-7" else f"answer of {name}" for name in names]
    assert get_results(client, "b1") == expected


def test_an_input_file_that_is_gone_is_said_and_the_tasks_take_its_place(
    client: openai.OpenAI, canned: Canned
) -> None:
    canned.answer("GET", "/batches/b1", batch("completed"))
    canned.answer("GET", "/files/out/content", lines([answer("t-1", "one"), answer("t-0", "zero")]))
    with pytest.raises(PlatformError, match="their order is not known") as caught:
        get_results(client, "b1")
    assert "tasks=filename" in str(caught.value.hint)
    tasks = create_tasks([{"text": "a"}, {"text": "b"}], "t", "p", "m", "text")
    assert get_results(client, "b1", tasks=tasks) == ["zero", "one"]


@pytest.mark.parametrize(
    ("status", "said"),
    [("failed", "no such model"), ("expired", "ran out of its time"), ("cancelled", "cancelled")],
)
def test_waiting_ends_where_the_batch_has_ended_badly(
    client: openai.OpenAI, canned: Canned, status: str, said: str
) -> None:
    problem = {"message": "no such model", "line": 3}
    ended = batch(status, output_file_id=None, errors={"data": [problem]} if status == "failed" else [])
    canned.answer("GET", "/batches/b1", batch("validating"), ended)
    with pytest.raises(BatchFailed, match=said):
        monitor_job_status(client, "b1", "task")
    assert len(canned.paths("GET")) == 2, "nothing is asked once it has ended"
    with pytest.raises(OutcomeError):
        get_results(client, "b1")


def test_waiting_ends_when_its_time_is_over(client: openai.OpenAI, canned: Canned) -> None:
    canned.answer("GET", "/batches/b1", batch("in_progress"))
    with pytest.raises(PlatformError, match="b1"):
        monitor_job_status(client, "b1", "task", timeout=0.2)


def test_a_file_is_submitted_as_the_cookbook_submits_it(client: openai.OpenAI, canned: Canned) -> None:
    canned.answer(
        "POST", "/files", {"id": "in", "object": "file", "bytes": 1, "filename": "x", "purpose": "batch"}
    )
    canned.answer("GET", "/files", {"object": "list", "data": []})
    canned.answer("GET", "/batches", {"object": "list", "data": []})
    canned.answer("POST", "/batches", batch("validating"))
    name = save_tasks(create_tasks([{"text": "a"}], "t", "p", "gpt-4.1-mini", "text"), "t")
    assert create_batch_job(name, client).id == "b1"
    sent = next(
        asked.json for asked in canned.asked if asked.path == "/v1/batches" and asked.method == "POST"
    )
    assert sent["input_file_id"] == "in" and sent["completion_window"] == "24h"
    assert sent["endpoint"] == "/v1/chat/completions"
    key = {asked.headers["authorization"] for asked in canned.asked}
    assert key == {"Bearer sk-a-key-of-a-test"}

"""Nothing accepted is lost: workers and servers are killed in the middle, and the work still ends right."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
from local_platform import (
    LocalServer,
    batch_bytes,
    chat_example,
    finished_batch,
    finished_job,
    fruit_rows,
    jsonl,
    lines_of,
    training_bytes,
    tune,
    wait_for,
)

Start = Callable[..., LocalServer]
MANY = [f"Is number {number} odd or even?" for number in range(8_000)]


def begin_batch(client: openai.OpenAI) -> str:
    file = client.files.create(file=("in.jsonl", batch_bytes("linear", MANY)), purpose="batch")
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    wait_for(lambda: done(client, batch.id) > 0)
    return batch.id


def done(client: openai.OpenAI, batch_id: str) -> int:
    counts = client.batches.retrieve(batch_id).request_counts
    return counts.completed if counts else 0


def check_batch(client: openai.OpenAI, batch_id: str) -> None:
    batch = finished_batch(client, batch_id)
    assert batch.status == "completed"
    assert batch.request_counts.to_dict() == {"total": len(MANY), "completed": len(MANY), "failed": 0}
    lines = lines_of(client, batch.output_file_id)
    assert [line["custom_id"] for line in lines] == [f"r{number}" for number in range(len(MANY))]
    assert len({line["id"] for line in lines}) == len(MANY)
    assert batch.usage.output_tokens == len(MANY)


def test_a_batch_outlives_its_worker(own_server: Start) -> None:
    server = own_server()
    client = server.client()
    batch_id = begin_batch(client)
    [worker] = server.workers()
    before = done(client, batch_id)
    os.kill(worker, signal.SIGKILL)
    assert 0 < before < len(MANY)
    check_batch(client, batch_id)
    assert server.workers() and worker not in server.workers()
    assert not list((server.state / "work").iterdir())


def test_a_batch_outlives_its_server(own_server: Start) -> None:
    server = own_server()
    batch_id = begin_batch(server.client())
    server.kill()
    again = own_server(state=server.state)
    assert done(again.client(), batch_id) > 0
    check_batch(again.client(), batch_id)


def test_answers_that_were_not_recorded_are_cut_off(own_server: Start) -> None:
    """A power cut between writing a piece and recording it leaves half a line: it must not show."""
    server = own_server()
    batch_id = begin_batch(server.client())
    server.kill()
    [part] = (server.state / "work").glob("batch_*/output")
    with part.open("ab") as file:
        file.write(b'{"custom_id": "torn')
    again = own_server(state=server.state)
    check_batch(again.client(), batch_id)


def long_training() -> bytes:
    rows = [
        (f"{text} {'word ' * (number % 7)}{number}", label)
        for number, (text, label) in enumerate(fruit_rows(400))
    ]
    return jsonl([chat_example(text, label) for text, label in rows])


def begin_job(client: openai.OpenAI) -> str:
    file = client.files.create(file=("t.jsonl", long_training()), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(
        model="linear", training_file=file.id, seed=5, hyperparameters={"n_epochs": 3, "batch_size": 2}
    )
    wait_for(lambda: client.fine_tuning.jobs.checkpoints.list(job.id).data)
    return job.id


def metrics(client: openai.OpenAI, job: Any) -> list[str]:
    return client.files.content(job.result_files[0]).text.splitlines()


def test_a_job_outlives_its_worker_and_its_server_and_ends_the_same(
    own_server: Start, tmp_path: Path
) -> None:
    server = own_server()
    client = server.client()
    whole = tune(client, long_training(), seed=5, hyperparameters={"n_epochs": 3, "batch_size": 2})
    job_id = begin_job(client)
    before = set(server.workers())  # one that has just ended the first job may stand by beside the busy one
    for worker in before:
        os.kill(worker, signal.SIGKILL)
    wait_for(lambda: set(server.workers()) - before)
    server.kill()
    again = own_server(state=server.state)
    client = again.client()
    job = finished_job(client, job_id)
    assert job.status == "succeeded"
    assert metrics(client, job) == metrics(client, whole)
    events = list(client.fine_tuning.jobs.list_events(job.id, limit=500))
    steps = [event.data["step"] for event in events if event.type == "metrics"]  # type: ignore[index]
    assert steps == sorted(set(steps), reverse=True) and steps[0] == 600
    assert any("Taken up again" in event.message for event in events)
    folders = {path.name for path in (again.state / "models").iterdir()}
    assert len(folders) == 6, "three checkpoints of each job, no leftovers"
    texts = [text for text, _ in fruit_rows(30)]
    answers = [
        [
            client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}])
            .choices[0]
            .message.content
            for text in texts
        ]
        for model in (whole.fine_tuned_model, job.fine_tuned_model)
    ]
    assert answers[0] == answers[1]


def test_everything_is_still_there_after_a_restart(own_server: Start) -> None:
    server = own_server()
    client = server.client()
    job = tune(client, hyperparameters={"n_epochs": 2})
    file = client.files.create(file=("keep", b"keep me"), purpose="user_data")
    events = list(client.fine_tuning.jobs.list_events(job.id))
    models = client.models.list().data
    server.kill()
    client = own_server(state=server.state).client()
    assert client.files.content(file.id).content == b"keep me"
    assert client.fine_tuning.jobs.retrieve(job.id) == job
    assert list(client.fine_tuning.jobs.list_events(job.id)) == events
    assert client.models.list().data == models
    answer = client.chat.completions.create(
        model=job.fine_tuned_model, messages=[{"role": "user", "content": "a ripe lemon"}]
    )
    assert answer.choices[0].message.content in ("yes", "no")


def test_a_half_written_upload_is_swept_away(own_server: Start) -> None:
    server = own_server()
    server.stop()
    torn = server.state / "files" / "incoming" / "new-torn"
    torn.write_bytes(b"half")
    own_server(state=server.state)
    assert not torn.exists()


def times_begun(client: openai.OpenAI, job_id: str) -> int:
    events = client.fine_tuning.jobs.list_events(job_id, limit=500)
    return sum(event.message.startswith(("Fine-tuning job started", "Taken up again")) for event in events)


def test_work_that_kills_its_workers_is_given_up(own_server: Start) -> None:
    server = own_server()
    client = server.client()
    file = client.files.create(file=("t.jsonl", long_training()), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(
        model="linear", training_file=file.id, hyperparameters={"n_epochs": 50, "batch_size": 1}
    )
    for round_number in range(3):
        wait_for(lambda: times_begun(client, job.id) > round_number)  # noqa: B023 - used within the round
        [worker] = server.workers()
        os.kill(worker, signal.SIGKILL)
        wait_for(lambda: worker not in server.workers())  # noqa: B023 - used within the round
    ended = finished_job(client, job.id)
    assert ended.status == "failed" and ended.error.code == "internal_error"
    assert "died 3 times" in ended.error.message
    assert tune(client, training_bytes(), hyperparameters={"n_epochs": 1}).status == "succeeded"

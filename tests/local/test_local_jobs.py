"""Fine-tuning jobs over HTTP: what they become, what they tell, and how they end badly."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import openai
import pytest
from local_platform import (
    SYSTEM,
    LocalServer,
    chat_example,
    finished_job,
    fruit_rows,
    jsonl,
    post,
    raw,
    training_bytes,
    tune,
    wait_for,
)


@pytest.fixture(scope="module")
def tuned(client: openai.OpenAI) -> Any:
    """A finished job with a validation file."""
    validation = client.files.create(file=("v.jsonl", training_bytes(20)), purpose="fine-tune")
    return tune(
        client,
        validation_file=validation.id,
        suffix="fruit",
        seed=7,
        metadata={"team": "a", "run": "1"},
        hyperparameters={"n_epochs": 4, "batch_size": 4},
    )


def test_a_finished_job(tuned: Any) -> None:
    assert tuned.status == "succeeded" and tuned.error is None
    assert tuned.fine_tuned_model.startswith("ft:linear:ftkit:fruit:")
    assert tuned.seed == 7 and tuned.metadata == {"team": "a", "run": "1"}
    assert tuned.finished_at >= tuned.created_at and tuned.estimated_finish is None
    assert tuned.trained_tokens > 60 * 4 * len(SYSTEM.split())
    assert tuned.hyperparameters.n_epochs == 4 and tuned.hyperparameters.batch_size == 4
    assert tuned.hyperparameters.learning_rate_multiplier == 1.0
    assert tuned.method.type == "supervised"
    assert tuned.method.supervised.hyperparameters.n_epochs == 4
    assert tuned.organization_id and tuned.integrations == []


def test_events_come_newest_first_in_pages(client: openai.OpenAI, tuned: Any) -> None:
    events = list(client.fine_tuning.jobs.list_events(tuned.id, limit=7))
    assert len({event.id for event in events}) == len(events) > 7
    messages = [event.message for event in events]
    assert messages[0] == "The job has successfully completed"
    assert messages[-1] == f"Created fine-tuning job: {tuned.id}"
    assert messages.index("Fine-tuning job started") > messages.index(
        f"New fine-tuned model created: {tuned.fine_tuned_model}"
    )
    page = client.fine_tuning.jobs.list_events(tuned.id, limit=7)
    assert len(page.data) == 7 and page.has_more
    last = client.fine_tuning.jobs.list_events(tuned.id, limit=7, after=events[-2].id)
    assert last.data == events[-1:] and not last.has_more


def test_metrics_events_are_of_every_step_and_learn(client: openai.OpenAI, tuned: Any) -> None:
    events = [e for e in client.fine_tuning.jobs.list_events(tuned.id, limit=200) if e.type == "metrics"][
        ::-1
    ]
    data: list[Any] = [event.data for event in events]
    assert [point["step"] for point in data] == list(range(1, 61))
    assert {point["total_steps"] for point in data} == {60}
    first, last = data[:15], data[-15:]
    assert sum(p["train_loss"] for p in last) < 0.7 * sum(p["train_loss"] for p in first)
    assert all(0 <= point["train_mean_token_accuracy"] <= 1 for point in data)
    assert data[-1]["valid_loss"] > 0 and data[-1]["valid_mean_token_accuracy"] > 0.8
    assert events[0].message.startswith("Step 1/60: training loss=")


def test_long_jobs_have_at_most_a_hundred_metrics_events_and_the_last(client: openai.OpenAI) -> None:
    job = tune(client, hyperparameters={"n_epochs": 5, "batch_size": 1})
    events = [e for e in client.fine_tuning.jobs.list_events(job.id, limit=500) if e.type == "metrics"]
    steps: list[int] = [event.data["step"] for event in events]  # type: ignore[index]
    assert 50 <= len(steps) <= 100 and steps[0] == 300
    assert len(result_rows(client, job)) == 300


def result_rows(client: openai.OpenAI, job: Any) -> list[dict[str, str]]:
    [result] = job.result_files
    assert client.files.retrieve(result).purpose == "fine-tune-results"
    return list(csv.DictReader(io.StringIO(client.files.content(result).text)))


def test_the_result_file_has_every_step(client: openai.OpenAI, tuned: Any) -> None:
    rows = result_rows(client, tuned)
    assert list(rows[0]) == [
        "step",
        "train_loss",
        "train_accuracy",
        "valid_loss",
        "valid_mean_token_accuracy",
    ]
    assert [int(row["step"]) for row in rows] == list(range(1, 61))
    assert float(rows[-1]["valid_loss"]) > 0
    assert float(rows[-1]["train_loss"]) < float(rows[0]["train_loss"])


def test_the_last_epochs_checkpoints_can_be_asked(client: openai.OpenAI, tuned: Any) -> None:
    checkpoints = list(client.fine_tuning.jobs.checkpoints.list(tuned.id, limit=2))
    assert [checkpoint.step_number for checkpoint in checkpoints] == [60, 45, 30]
    for checkpoint in checkpoints:
        assert checkpoint.fine_tuning_job_id == tuned.id
        assert checkpoint.metrics.step == checkpoint.step_number
        assert checkpoint.metrics.full_valid_loss is not None
        assert checkpoint.fine_tuned_model_checkpoint.startswith(f"{tuned.fine_tuned_model}:ckpt-step-")
        messages: Any = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "a ripe lemon"}]
        answer = client.chat.completions.create(
            model=checkpoint.fine_tuned_model_checkpoint, messages=messages
        )
        assert answer.choices[0].message.content in ("yes", "no")


def test_the_tuned_model_has_learnt(client: openai.OpenAI, tuned: Any) -> None:
    rows = fruit_rows(40)
    right = 0
    for text, label in rows:
        messages: Any = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
        answer = client.chat.completions.create(model=tuned.fine_tuned_model, messages=messages)
        right += answer.choices[0].message.content == label
    assert right >= 38


def test_the_same_seed_gives_the_same_steps(client: openai.OpenAI) -> None:
    options: Any = {"hyperparameters": {"n_epochs": 2, "batch_size": 8}}
    first, second, other = (tune(client, seed=seed, **options) for seed in (3, 3, 4))
    assert result_rows(client, first) == result_rows(client, second) != result_rows(client, other)


def test_auto_is_resolved_and_recorded(client: openai.OpenAI) -> None:
    job = tune(client, hyperparameters={}, validation_file=None)
    assert job.hyperparameters.n_epochs == 10 and job.hyperparameters.batch_size == 4
    assert "auto" not in job.hyperparameters.to_json()


def test_hyperparameters_in_method(client: openai.OpenAI) -> None:
    job = tune(
        client,
        method={
            "type": "supervised",
            "supervised": {"hyperparameters": {"n_epochs": 2, "learning_rate_multiplier": 0.5}},
        },
    )
    assert (job.hyperparameters.n_epochs, job.hyperparameters.learning_rate_multiplier) == (2, 0.5)
    assert job.method.supervised.hyperparameters.n_epochs == 2


def test_a_stand_in_says_so(client: openai.OpenAI) -> None:
    hosted = "klusterai/Meta-Llama-3.1-8B-Instruct-Turbo"
    job = tune(client, model=hosted, suffix="s")
    assert job.model == hosted and job.engine == "linear"
    assert job.fine_tuned_model.startswith(f"ft:{hosted}:ftkit:s:")
    warnings = [
        e.message for e in client.fine_tuning.jobs.list_events(job.id, limit=300) if e.level == "warn"
    ]
    assert len(warnings) == 1 and "linear" in warnings[0] and hosted in warnings[0]
    model = client.models.retrieve(job.fine_tuned_model)
    assert (model.stand_in_for, model.engine) == (hosted, "linear")  # type: ignore[attr-defined]
    answer = client.chat.completions.create(
        model=job.fine_tuned_model, messages=[{"role": "user", "content": "a lemon"}]
    )
    assert answer.model == job.fine_tuned_model
    assert answer.system_fingerprint is not None and f"stand-in-for-{hosted}" in answer.system_fingerprint


USER_ONLY = {"messages": [{"role": "user", "content": "a"}]}
BAD = "invalid_training_file"


def with_line_13(line: bytes) -> bytes:
    """Twelve good examples, then this."""
    return training_bytes(12) + line


@pytest.mark.parametrize(
    ("data", "code", "part"),
    [
        pytest.param(
            training_bytes(9), "invalid_n_examples", "has 9 example(s), but must have at least 10", id="9"
        ),
        pytest.param(b"\n", "invalid_n_examples", "has 0 example(s)", id="blank"),
        pytest.param(with_line_13(b"{nonsense\n"), BAD, "line 13", id="not-json"),
        pytest.param(with_line_13(b'{"prompt": "a"}\n'), BAD, "line 13", id="no-messages"),
        pytest.param(with_line_13(b"\xff\xfe\n"), BAD, "line 13", id="bytes"),
        pytest.param(
            with_line_13(b'{"messages": [{"role": "king", "content": "a"}]}'), BAD, "role", id="role"
        ),
        pytest.param(
            with_line_13(b'{"messages": [{"role": "user", "content": 5}]}'), BAD, "content", id="content"
        ),
        pytest.param(with_line_13(jsonl([USER_ONLY])), BAD, "assistant", id="no-assistant"),
        pytest.param(jsonl([chat_example("a", "b", weight=2)]) * 10, BAD, "weight", id="weight"),
        pytest.param(
            jsonl([chat_example("a", "b", weight=0)]) * 10, BAD, "no assistant message", id="weight-0"
        ),
        pytest.param(
            jsonl([chat_example(f"t{n}", f"r{n}") for n in range(1100)]),
            "too_many_replies",
            "1024",
            id="replies",
        ),
    ],
)
def test_an_unusable_training_file_fails_the_job(
    client: openai.OpenAI, data: bytes, code: str, part: str
) -> None:
    job = tune(client, data)
    assert job.status == "failed" and job.fine_tuned_model is None and job.finished_at
    assert (job.error.code, job.error.param) == (code, "training_file")
    assert part in job.error.message
    events = client.fine_tuning.jobs.list_events(job.id).data
    assert events[0].level == "error" and job.error.message in events[0].message


def test_a_broken_validation_file_is_named(client: openai.OpenAI) -> None:
    file = client.files.create(file=("v.jsonl", b"{oops\n"), purpose="fine-tune")
    job = tune(client, validation_file=file.id)
    assert job.status == "failed"
    assert (job.error.code, job.error.param) == ("invalid_validation_file", "validation_file")


def test_messages_of_weight_0_are_not_learnt(client: openai.OpenAI) -> None:
    examples = []
    for text, label in fruit_rows(30):
        example = chat_example(text, "FORBIDDEN", weight=0)
        example["messages"] += [
            {"role": "user", "content": f"so, {text}?"},
            {"role": "assistant", "content": label},
        ]
        examples.append(example)
    job = tune(client, jsonl(examples))
    replies = {
        client.chat.completions.create(
            model=job.fine_tuned_model, messages=[{"role": "user", "content": text}]
        )
        .choices[0]
        .message.content
        for text, _ in fruit_rows(10)
    }
    assert replies and replies <= {"yes", "no"}


@pytest.mark.parametrize(
    ("change", "status", "param", "code"),
    [
        ({"model": None}, 400, "model", "missing_required_parameter"),
        ({"model": "no-such-model"}, 404, "model", "model_not_found"),
        ({"model": 5}, 400, "model", "invalid_type"),
        ({"training_file": None}, 400, "training_file", "missing_required_parameter"),
        ({"training_file": "file-none"}, 400, "training_file", "invalid_file"),
        ({"validation_file": "file-none"}, 400, "validation_file", "invalid_file"),
        ({"suffix": "white space"}, 400, "suffix", None),
        ({"suffix": "x" * 65}, 400, "suffix", None),
        ({"seed": -1}, 400, "seed", None),
        ({"seed": "1"}, 400, "seed", None),
        ({"hyperparameters": []}, 400, "hyperparameters", "invalid_type"),
        ({"hyperparameters": {"n_epochs": 0}}, 400, "hyperparameters.n_epochs", None),
        ({"hyperparameters": {"n_epochs": "many"}}, 400, "hyperparameters.n_epochs", None),
        ({"hyperparameters": {"batch_size": 2.5}}, 400, "hyperparameters.batch_size", None),
        ({"hyperparameters": {"beta": 1}}, 400, "hyperparameters.beta", "unknown_parameter"),
        ({"method": {"type": "dpo"}}, 400, "method.type", "unsupported_value"),
        ({"metadata": {"a": 1}}, 400, "metadata.a", None),
        ({"metadata": {str(n): "" for n in range(17)}}, 400, "metadata", None),
        ({"integrations": [{"type": "wandb"}]}, 400, "integrations", "unsupported_parameter"),
        ({"colour": "red"}, 400, "colour", "unknown_parameter"),
    ],
)
def test_a_wrong_request_makes_no_job(
    client: openai.OpenAI,
    server: LocalServer,
    change: dict[str, Any],
    status: int,
    param: str,
    code: str | None,
) -> None:
    file = client.files.create(file=("t.jsonl", training_bytes()), purpose="fine-tune")
    before = len(list(client.fine_tuning.jobs.list()))
    found, answer = post(
        server, "/v1/fine_tuning/jobs", {"model": "linear", "training_file": file.id, **change}
    )
    assert (found, answer["error"]["param"]) == (status, param)
    assert code is None or answer["error"]["code"] == code
    assert set(answer["error"]) == {"message", "type", "param", "code"}
    assert len(list(client.fine_tuning.jobs.list())) == before


def test_the_training_file_must_have_the_purpose(client: openai.OpenAI) -> None:
    file = client.files.create(file=("t.jsonl", training_bytes()), purpose="batch")
    with pytest.raises(openai.BadRequestError) as refused:
        client.fine_tuning.jobs.create(model="linear", training_file=file.id)
    assert (refused.value.param, refused.value.code) == ("training_file", "invalid_purpose")


def test_list_pages_and_filters_by_metadata(client: openai.OpenAI, server: LocalServer) -> None:
    data = training_bytes()
    first = tune(client, data, metadata={"colour": "red", "size": "1"}, hyperparameters={"n_epochs": 1})
    second = tune(client, data, metadata={"colour": "red", "size": "2"}, hyperparameters={"n_epochs": 1})
    bare = tune(client, data, hyperparameters={"n_epochs": 1})
    jobs = [job.id for job in client.fine_tuning.jobs.list(limit=2)]
    assert jobs[:3] == [bare.id, second.id, first.id]
    assert [job.id for job in client.fine_tuning.jobs.list(metadata={"colour": "red"})] == [
        second.id,
        first.id,
    ]
    assert [job.id for job in client.fine_tuning.jobs.list(metadata={"size": "2"})] == [second.id]
    _, answer = raw(server, "GET", "/v1/fine_tuning/jobs?metadata=null")
    found = [job["id"] for job in answer["data"]]
    assert bare.id in found and first.id not in found
    with pytest.raises(openai.BadRequestError):
        client.fine_tuning.jobs.list(after="ftjob-none")


def slow_job(client: openai.OpenAI) -> Any:
    """A job that would take about a minute."""
    rows = [(f"{text} {'word ' * (n % 7)}{n}", label) for n, (text, label) in enumerate(fruit_rows(600))]
    data = jsonl([chat_example(text, label) for text, label in rows])
    file = client.files.create(file=("slow.jsonl", data), purpose="fine-tune")
    return client.fine_tuning.jobs.create(
        model="linear", training_file=file.id, hyperparameters={"n_epochs": 50, "batch_size": 1}
    )


def test_cancel(client: openai.OpenAI) -> None:
    job = slow_job(client)
    cancelled = client.fine_tuning.jobs.cancel(job.id)
    assert cancelled.status == "cancelled" and cancelled.finished_at is not None
    again = finished_job(client, tune(client, hyperparameters={"n_epochs": 1}).id)
    assert again.status == "succeeded"
    assert client.fine_tuning.jobs.retrieve(job.id).status == "cancelled"
    with pytest.raises(openai.BadRequestError) as refused:
        client.fine_tuning.jobs.cancel(job.id)
    assert refused.value.code == "invalid_status"


def test_pause_and_resume_go_on_from_the_last_checkpoint(server: LocalServer) -> None:
    client = server.client()  # "paused" is not among the statuses that the client's types know
    job = slow_job(client)

    def checkpoints() -> list[Any]:
        return client.fine_tuning.jobs.checkpoints.list(job.id).data

    wait_for(checkpoints)
    assert client.fine_tuning.jobs.pause(job.id).status == "paused"
    kept = checkpoints()[0].step_number
    resumed = client.fine_tuning.jobs.resume(job.id)
    assert resumed.status == "queued"
    wait_for(lambda: checkpoints()[0].step_number > kept)
    steps = [
        e.data["step"] for e in client.fine_tuning.jobs.list_events(job.id, limit=500) if e.type == "metrics"
    ]  # type: ignore[index]
    assert len(steps) == len(set(steps))
    client.fine_tuning.jobs.cancel(job.id)


@pytest.mark.parametrize("path", ["", "/events", "/checkpoints"])
def test_an_unknown_job_is_404(server: LocalServer, path: str) -> None:
    status, answer = raw(server, "GET", f"/v1/fine_tuning/jobs/ftjob-none{path}")
    assert status == 404 and "ftjob-none" in answer["error"]["message"]


def test_a_job_keeps_its_file_until_it_is_done(client: openai.OpenAI) -> None:
    file = client.files.create(file=("t.jsonl", training_bytes(80)), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(model="linear", training_file=file.id)
    client.files.delete(file.id)
    assert finished_job(client, job.id).status == "succeeded"


def test_results_are_plain_json(server: LocalServer, tuned: Any) -> None:
    _, answer = raw(server, "GET", f"/v1/fine_tuning/jobs/{tuned.id}")
    assert json.dumps(answer)
    assert {"hyperparameters", "method", "seed", "result_files", "trained_tokens", "error"} <= set(answer)

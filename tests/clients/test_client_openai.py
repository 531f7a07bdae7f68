"""The ``openai`` package, oldest and newest: every route of the lifecycle with its own types, strictly."""

from __future__ import annotations

from client_rig import Client

CLIENTS = ("openai-1", "openai-2", "openai-3")


def test_files_and_jobs(client: Client) -> None:
    """files, fine-tuning jobs with events and checkpoints paged, tuned models asked and deleted"""
    found = client.run("openai_tuning.py")
    assert found["listed"] and found["jobs"] and found["model"] and found["file_deleted"]
    assert found["status"] == "succeeded"
    assert found["trained_tokens"] > 0
    assert isinstance(found["hyperparameters"]["n_epochs"], int)
    assert found["events"][0] == "The job has successfully completed"
    assert found["events"][-1].startswith("Created fine-tuning job")
    assert len(set(found["event_ids"])) == len(found["event_ids"]) > 4
    assert found["checkpoints"] >= 1
    assert found["columns"] == "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy"
    assert found["few"] == ["failed", "invalid_n_examples", "training_file"]
    assert found["cancelled"] == ["cancelled", 50]
    assert found["stand_in"] == "klusterai/Meta-Llama-3.1-8B-Instruct-Turbo"
    assert found["answers"] == ["yes", "no"]
    assert (found["deleted"], found["after"]) == (True, "model_not_found")


def test_uploads_and_batches(client: Client) -> None:
    """an upload in parallel parts, batches with output and error files, failed batches, paging"""
    found = client.run("openai_batch.py")
    assert found["status"] == "completed"
    assert found["counts"] == {"total": 40, "completed": 39, "failed": 1}
    assert found["order"] == [f"r{number}" for number in range(40) if number != 7]
    hosted = ("gpt-4o-mini", "klusterai/Meta-Llama-3.3-70B-Instruct-Turbo")
    assert found["models"] == [hosted[number % 2] for number in range(40) if number != 7]
    assert found["errors"] == [["r7", 400]]
    assert found["param"] == "temperature"
    assert found["metadata"] == {}, "a batch without metadata has none, but never null"
    assert [line for _, line in found["failed"]] == [1, 2]
    assert found["failed_metadata"] == {"team": "fruit"}
    assert found["listed"] and found["bytes"]
    assert found["upload"] == "cancelled"


def test_asking(client: Client) -> None:
    """chat, streams with usage, raw and streaming responses, refusals with code and parameter"""
    found = client.run("openai_asking.py")
    assert found["choices"] == [found["text"]] * 2 == [found["module"]] * 2
    assert found["text"] in ("yes", "no")
    assert found["usage"] and found["models"] and found["model"] == "gpt-4o-mini"
    assert (found["roles"], found["finish"]) == (["assistant"], "stop")
    assert found["stream_usage"] == [False, True]
    assert found["raw"] == ["req_", found["text"], 200]
    assert found["streamed"] == 100_000
    assert found["last"] == "data: [DONE]"
    assert found["key"] == "invalid_api_key"
    assert [(name, param) for name, _, param, _ in found["errors"]] == [
        ("BadRequestError", "messages"),
        ("NotFoundError", "model"),
        ("BadRequestError", "temperature"),
        ("BadRequestError", "colour"),
        ("BadRequestError", "n"),
    ]
    assert [code for _, code, _, _ in found["errors"]][1] == "model_not_found"
    assert all(request_id for *_, request_id in found["errors"])


def test_asynchronously(client: Client) -> None:
    """the asynchronous client: 20 streams, a job and a batch at once, paging, raw responses"""
    found = client.run("openai_async.py")
    assert len(found["texts"]) == 1
    assert (found["job"], found["batch"]) == ("succeeded", "completed")
    assert found["record"] == "a"
    assert found["events"].startswith("Created fine-tuning job")
    assert found["raw"]

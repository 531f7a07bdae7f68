"""Everything once around on the real local platform, over HTTP, with the real openai client."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from ftkit.errors import BatchFailed, JobFailed, NotOnPlatform, PlatformRefused
from ftkit.gateway import Job, Platform, chat_request, connect
from ftkit.settings import Settings

SYSTEM = {"role": "system", "content": "Answer with one word: up or down."}


def ask(text: str) -> list[dict[str, str]]:
    return [SYSTEM, {"role": "user", "content": text}]


@pytest.fixture(scope="session")
def tuned(local_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """One job, watched to its end; its events are checked on the way."""
    path = tmp_path_factory.mktemp("data") / "train.jsonl"
    rows = [("profit rose", "up"), ("sales climbed", "up"), ("loss widened", "down"), ("sales fell", "down")]
    lines = [
        {"messages": [*ask(f"{text} in region {n}"), {"role": "assistant", "content": label}]}
        for n in range(10)
        for text, label in rows
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with connect("local", settings=local_settings) as platform:
        uploaded = platform.files.upload(path)
        assert uploaded.bytes == path.stat().st_size
        job = platform.jobs.create(
            uploaded.id,
            "linear",
            suffix="round",
            seed=7,
            hyperparameters={"n_epochs": 3},
            metadata={"a": "b"},
        )
        assert not job.ended
        seen = list(platform.jobs.watch(job.id, timeout=60))
        assert [e.id for e in seen] == [e.id for e in platform.jobs.events(job.id)]
        return platform.jobs.get(job.id)


def test_the_job(local: Platform, tuned: Job) -> None:
    assert tuned.status == "succeeded"
    tuned.raise_if_failed()
    assert tuned.ended
    assert tuned.fine_tuned_model is not None
    assert tuned.fine_tuned_model.startswith("ft:linear:")
    assert "round" in tuned.fine_tuned_model
    assert tuned.seed == 7
    assert tuned.hyperparameters["n_epochs"] == 3
    assert tuned.trained_tokens is not None
    assert tuned.trained_tokens > 0
    assert tuned.created_at is not None
    assert tuned.finished_at is not None
    assert tuned.created_at <= tuned.finished_at
    assert tuned.id in [j.id for j in local.jobs.list()]


def test_its_events(local: Platform, tuned: Job) -> None:
    events = list(local.jobs.events(tuned.id))
    times = [e.created_at for e in events if e.created_at is not None]
    assert len(times) == len(events)
    assert times == sorted(times)
    assert len({e.id for e in events}) == len(events)
    steps = [e.metrics["step"] for e in events if "step" in e.metrics]
    assert steps
    assert steps == sorted(steps)
    assert any("train_loss" in e.metrics for e in events)


def test_its_checkpoints(local: Platform, tuned: Job) -> None:
    checkpoints = list(local.jobs.checkpoints(tuned.id))
    assert checkpoints
    assert all(c.step is not None for c in checkpoints)


def test_an_ended_job_is_watched_to_its_end_at_once(local: Platform, tuned: Job) -> None:
    assert len(list(local.jobs.watch(tuned.id))) == len(list(local.jobs.events(tuned.id)))
    assert local.jobs.wait(tuned.id).status == "succeeded"


def test_models(local: Platform, tuned: Job) -> None:
    models = {m.id: m for m in local.models.list()}
    assert "linear" in models
    assert tuned.fine_tuned_model in models
    for model_id, model in models.items():
        assert local.models.get(model_id).id == model.id
    with_slash = [m for m in models.values() if "/" in m.id]
    assert with_slash
    assert all(m.stand_in_for and m.engine for m in with_slash)


def test_chat_whole_and_in_pieces(local: Platform, tuned: Job) -> None:
    model = str(tuned.fine_tuned_model)
    reply = local.chat.complete(model, ask("sales climbed in region 3"), temperature=0)
    assert reply.text == "up"
    assert (reply.model, reply.finish_reason) == (model, "stop")
    assert reply.usage.prompt_tokens
    assert reply.usage.completion_tokens
    assert reply.request_id
    assert "".join(local.chat.stream(model, ask("loss widened in region 2"))) == "down"


def test_a_batch(local: Platform, tuned: Job) -> None:
    model = str(tuned.fine_tuned_model)
    texts = {"r1": "profit rose", "r2": "loss widened", "r3": "sales fell"}
    requests = [chat_request(i, model, ask(text), max_tokens=5) for i, text in texts.items()]
    requests.append(chat_request("bad", model, []))
    batch = local.batches.submit(iter(requests), metadata={"run": "1"})
    states = list(local.batches.watch(batch.id, timeout=60))
    assert states[-1].ended
    assert (states[-1].status, states[-1].total, states[-1].completed, states[-1].failed) == (
        "completed",
        4,
        3,
        1,
    )
    answers = {a.custom_id: a for a in local.batches.results(batch.id)}
    assert {i: a.text for i, a in answers.items() if a.ok} == {"r1": "up", "r2": "down", "r3": "down"}
    assert not answers["bad"].ok
    assert answers["bad"].status_code == 400
    assert "messages" in str(answers["bad"].error)
    assert answers["r1"].prompt_tokens
    assert batch.id in [b.id for b in local.batches.list()]
    metadata = local.batches.get(batch.id).metadata
    assert metadata.pop("ftkit_operation")
    assert metadata == {"run": "1"}


def test_answers_in_a_file(local: Platform, tmp_path: Path) -> None:
    batch = local.batches.submit([chat_request(str(n), "linear", ask("up or down?")) for n in range(5)])
    assert local.batches.wait(batch.id, timeout=60).status == "completed"
    saved = local.batches.save_results(batch.id, tmp_path / "out" / "answers.jsonl")
    assert (saved.answers, saved.failed) == (5, 0)
    rows = [json.loads(line) for line in saved.path.read_text().splitlines()]
    assert {row["custom_id"] for row in rows} == {"0", "1", "2", "3", "4"}


def test_files(local: Platform, training_file: Path, tmp_path: Path) -> None:
    info = local.files.upload(training_file)
    tag = hashlib.sha256(training_file.read_bytes()).hexdigest()[:12]
    assert (info.filename, info.purpose) == (f"train-{tag}.jsonl", "fine-tune")
    assert local.files.get(info.id).id == info.id
    assert info.id in [f.id for f in local.files.list()]
    assert info.id in [f.id for f in local.files.list("fine-tune")]
    assert info.id not in [f.id for f in local.files.list("batch")]
    assert b"".join(local.files.content(info.id)) == training_file.read_bytes()
    assert list(local.files.lines(info.id)) == training_file.read_bytes().splitlines()
    copy = local.files.download(info.id, tmp_path / "deep" / "copy.jsonl")
    assert copy.read_bytes() == training_file.read_bytes()
    assert [p.name for p in copy.parent.iterdir()] == ["copy.jsonl"]
    local.files.delete(info.id)
    with pytest.raises(NotOnPlatform):
        local.files.get(info.id)
    with pytest.raises(NotOnPlatform):
        local.files.download(info.id, tmp_path / "none.jsonl")
    assert not (tmp_path / "none.jsonl").exists()


def test_what_is_not_there(local: Platform) -> None:
    for call in (local.jobs.get, local.batches.get, local.files.get, local.models.get):
        with pytest.raises(NotOnPlatform) as caught:
            call("no-such-thing")
        assert caught.value.exit_code == 3
        assert caught.value.hint


@pytest.mark.parametrize("call", ["job", "chat"])
def test_a_wrong_model(local: Platform, training_file: Path, call: str) -> None:
    with pytest.raises((PlatformRefused, NotOnPlatform), match="no-such-model"):
        if call == "chat":
            local.chat.complete("no-such-model", ask("x"))
        else:
            local.jobs.create(local.files.upload(training_file).id, "no-such-model")


def test_a_faulty_training_file_fails_with_the_platforms_reason(local: Platform, tmp_path: Path) -> None:
    path = tmp_path / "faulty.jsonl"
    path.write_text('{"messages": []}\n' * 12)
    job = local.jobs.wait(local.jobs.create(local.files.upload(path).id, "linear").id, timeout=60)
    assert job.status == "failed"
    assert job.error is not None
    assert job.error.message
    with pytest.raises(JobFailed, match="failed") as caught:
        job.raise_if_failed()
    assert job.error.message in caught.value.message


def test_a_batch_that_cannot_be_run_says_the_line(local: Platform) -> None:
    requests = [chat_request("a", "linear", ask("x")), chat_request("b", "no-such-model", ask("x"))]
    batch = local.batches.wait(local.batches.submit(requests).id, timeout=60)
    assert (batch.status, batch.errors[0].line) == ("failed", 2)
    with pytest.raises(BatchFailed, match=r"line 2: .*no-such-model"):
        list(local.batches.results(batch.id))


def test_a_job_can_be_cancelled(local: Platform, training_file: Path) -> None:
    job = local.jobs.create(
        local.files.upload(training_file).id, "linear", hyperparameters={"n_epochs": 50, "batch_size": 1}
    )
    try:
        local.jobs.cancel(job.id)
    except PlatformRefused:
        assert local.jobs.get(job.id).ended  # it was faster
        return
    ended = local.jobs.wait(job.id, timeout=60)
    assert ended.status == "cancelled"
    with pytest.raises(JobFailed, match="was cancelled"):
        ended.raise_if_failed()


def test_a_wrong_key_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ftkit_serve: Any) -> None:
    address = ftkit_serve("right-key-0123456789")
    monkeypatch.setenv("FTKIT_LOCAL_KEY", "wrong-key-0123456789")
    with (
        connect("local", settings=Settings(max_retries=0), base_url=address) as platform,
        pytest.raises(PlatformRefused) as caught,
    ):
        platform.models.list()
    assert caught.value.status == 401
    assert "FTKIT_LOCAL_KEY" in str(caught.value.hint)
    assert "0123456789" not in str(caught.value)
    monkeypatch.setenv("FTKIT_LOCAL_KEY", "right-key-0123456789")
    with connect("local", settings=Settings(max_retries=0), base_url=address) as platform:
        assert platform.models.list()

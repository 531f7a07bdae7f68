"""Fine-tuning jobs of a Hugging Face model over HTTP: killed on the way, exact in the end, refused."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

pytest.importorskip("trl")

import psutil
from local_platform import LocalServer, finished_job, wait_for
from tiny_model import as_jsonl, chat, make_model, news, pair
from tuned import make_plan, same_tensors, train

from ftkit.local.engines.transformers.training import TrainingProcess

SECONDS = 400
"""How long a training may take on a machine that does much else."""
pytestmark = pytest.mark.timeout(600)
SETTINGS = {"device": "cpu", "learning_rate": 5e-3, "threads": 1}
ROWS = [chat(*row) for row in news(120, 1)]
VALID = [chat(*row) for row in news(9, 2)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny Llama."""
    return make_model(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Iterator[LocalServer]:
    """A server with three models over the one base."""
    folder = tmp_path_factory.mktemp("platform")
    training = ", ".join(f"{name} = {json.dumps(value)}" for name, value in SETTINGS.items())
    (folder / "models.toml").write_text(
        f'[models.tiny]\nengine = "transformers"\nsource = "{base}"\ntraining = {{ {training} }}\n'
        f'[models.nowhere]\nengine = "transformers"\nsource = "{base}-not-there"\n'
        f'[models.wrong]\nengine = "transformers"\nsource = "{base}"\ntraining = {{ rnak = 8 }}\n'
        '[stand-ins]\n"gpt-4o-mini" = "tiny"\n'
    )
    running = LocalServer(folder / "state", "--models", str(folder / "models.toml")).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def client(platform: LocalServer) -> openai.OpenAI:
    """The real client."""
    return platform.client(_strict_response_validation=True)


def create(client: openai.OpenAI, rows: list[dict[str, Any]], **options: Any) -> Any:
    """Upload rows and create a job on them."""
    if "validation" in options:
        data = as_jsonl(options.pop("validation"))
        options["validation_file"] = client.files.create(file=("v.jsonl", data), purpose="fine-tune").id
    file = client.files.create(file=("t.jsonl", as_jsonl(rows)), purpose="fine-tune")
    return client.fine_tuning.jobs.create(**{"model": "tiny", "training_file": file.id, "seed": 1, **options})


def supervised(**hyperparameters: Any) -> dict[str, Any]:
    return {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}}


def told(client: openai.OpenAI, job: Any) -> list[Any]:
    """All events, oldest first."""
    return list(client.fine_tuning.jobs.list_events(job.id, limit=100))[::-1]


def processes(platform: LocalServer, what: str) -> list[psutil.Process]:
    """Living descendants of the server whose command names ``what``."""
    assert platform.process is not None
    found = []
    for process in psutil.Process(platform.process.pid).children(recursive=True):
        try:
            if any(what in part for part in process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def finished(client: openai.OpenAI, job: Any) -> Any:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        found = client.fine_tuning.jobs.retrieve(job.id)
        if found.status in ("succeeded", "failed", "cancelled"):
            return found
        time.sleep(0.2)
    raise AssertionError("the job did not end in time")


def until_checkpoint(client: openai.OpenAI, job: Any) -> None:
    wait_for(lambda: client.fine_tuning.jobs.checkpoints.list(job.id).data, seconds=SECONDS)


@pytest.fixture(scope="module")
def killed(platform: LocalServer, client: openai.OpenAI) -> Any:
    """A job whose worker was killed after its first epoch, with everything below it; and what it came to."""
    job = create(client, ROWS, validation=VALID, suffix="news", method=supervised(n_epochs=2, batch_size=8))
    until_checkpoint(client, job)
    [worker] = processes(platform, "ftkit.local.worker")
    below = worker.children(recursive=True)
    os.kill(worker.pid, signal.SIGKILL)
    gone, alive = psutil.wait_procs(below, timeout=20)
    assert gone and not alive, "a training process does not outlive its worker"
    return finished(client, job)


def test_a_killed_job_is_gone_on_with_and_equals_one_that_was_not(
    platform: LocalServer, client: openai.OpenAI, killed: Any, base: Path, tmp_path: Path
) -> None:
    assert killed.status == "succeeded", killed.error
    messages = [event.message for event in told(client, killed)]
    assert any("Taken up again" in message for message in messages)
    undisturbed = train(make_plan(tmp_path, base, ROWS, VALID, SETTINGS, epochs=2))
    points = client.fine_tuning.jobs.checkpoints.list(killed.id).data[::-1]
    assert [point.step_number for point in points] == [15, 30]
    folders = sorted((platform.state / "models").iterdir(), key=lambda path: path.stat().st_mtime)
    for made, expected in zip(folders, undisturbed.folders, strict=True):
        assert same_tensors(made, expected)
    assert killed.trained_tokens == undisturbed.tokens
    rows = list(csv.DictReader(io.StringIO(client.files.content(killed.result_files[0]).text)))
    assert list(rows[0]) == [
        "step",
        "train_loss",
        "train_accuracy",
        "valid_loss",
        "valid_mean_token_accuracy",
    ]
    assert [row["train_loss"] for row in rows] == [f"{step.train_loss:.6g}" for step in undisturbed.steps]
    measured = [row["step"] for row in rows if row["valid_loss"]]
    assert measured == [str(step.step) for step in undisturbed.steps if step.valid_loss is not None]


def test_a_job_tells_what_was_chosen_and_how_it_goes(client: openai.OpenAI, killed: Any) -> None:
    assert killed.method.supervised.hyperparameters.n_epochs == 2
    assert killed.method.supervised.hyperparameters.learning_rate_multiplier == 1.0
    events = told(client, killed)
    [note] = [event for event in events if event.message.startswith("Training adapters of tiny")]
    assert note.level == "info" and "learning rate 0.005" in note.message
    steps = [event.data for event in events if event.type == "metrics"]
    assert [step["step"] for step in steps] == list(range(1, 31))
    assert {"train_loss", "train_mean_token_accuracy"} <= steps[0].keys()
    assert "valid_mean_token_accuracy" in steps[-1]


def test_only_the_last_checkpoint_needs_what_resuming_needs(platform: LocalServer, killed: Any) -> None:
    for folder in (platform.state / "models").iterdir():
        names = {path.name for path in folder.iterdir()}
        assert "adapter_model.safetensors" in names and "README.md" in names
        assert not any(name.startswith("resume") for name in names), "the job is done"
        card = (folder / "README.md").read_text()
        assert "tiny" in card and "base_model" in card


@pytest.mark.parametrize(
    ("model", "code", "said"),
    [
        ("wrong", "invalid_model_configuration", "training.rnak"),
        pytest.param(
            *("nowhere", "training_failed", "nowhere cannot be trained here"), marks=pytest.mark.slow
        ),
    ],
)
def test_what_cannot_be_trained_fails_with_a_reason(
    client: openai.OpenAI, model: str, code: str, said: str
) -> None:
    job = finished(client, create(client, ROWS[:10], model=model))
    assert (job.status, job.error.code) == ("failed", code)
    assert said in job.error.message


def test_a_preference_file_that_is_none_fails_as_a_job(client: openai.OpenAI) -> None:
    job = finished(client, create(client, ROWS[:12], method={"type": "dpo"}))
    assert job.status == "failed" and job.error.code == "invalid_training_file"
    assert "preferred_output" in job.error.message


@pytest.mark.slow
def test_a_cancelled_job_ends_its_training_process(platform: LocalServer, client: openai.OpenAI) -> None:
    job = create(client, ROWS, hyperparameters={"n_epochs": 50, "batch_size": 4})
    [process] = wait_for(lambda: processes(platform, "training_process"), seconds=SECONDS)
    client.fine_tuning.jobs.cancel(job.id)
    psutil.wait_procs([process], timeout=30)
    assert not process.is_running()


@pytest.mark.slow
def test_a_killed_training_process_is_started_again_from_its_checkpoint(
    platform: LocalServer, client: openai.OpenAI
) -> None:
    job = create(client, ROWS, method=supervised(n_epochs=3, batch_size=8))
    until_checkpoint(client, job)
    [process] = processes(platform, "training_process")
    process.kill()
    done = finished(client, job)
    assert done.status == "succeeded"
    assert any("ended from outside" in event.message for event in told(client, job))


@pytest.mark.slow
def test_a_tuned_model_is_trained_by_preferences(client: openai.OpenAI, killed: Any) -> None:
    pairs = [pair(sentence, "unsure", label) for sentence, label in news(20, 5)]
    method = {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.2, "n_epochs": 2}}}
    job = finished(client, create(client, pairs, model=killed.fine_tuned_model, method=method))
    assert job.status == "succeeded", job.error
    assert job.fine_tuned_model.startswith("ft:tiny:") and job.method.dpo.hyperparameters.beta == 0.2
    [last, *_] = [event.data for event in told(client, job)[::-1] if event.type == "metrics"]
    assert last["train_mean_token_accuracy"] == 1.0
    assert client.models.retrieve(job.fine_tuned_model).to_dict()["root"] == "tiny"
    finished_job(client, job.id)


@pytest.mark.slow
def test_a_stand_in_is_trained_and_says_so(client: openai.OpenAI) -> None:
    job = finished(client, create(client, ROWS[:20], model="gpt-4o-mini", hyperparameters={"n_epochs": 1}))
    assert job.status == "succeeded" and job.fine_tuned_model.startswith("ft:gpt-4o-mini:")
    assert any("'tiny' (engine 'transformers')" in event.message for event in told(client, job))


@pytest.mark.slow
def test_processes_that_share_the_work_learn_what_one_learns(tmp_path: Path, base: Path) -> None:
    rows = ROWS[:24]
    alone = train(make_plan(tmp_path, base, rows, rows[:4], epochs=1, batch_size=4))
    plan = make_plan(tmp_path, base, rows, rows[:4], {"processes": 2}, epochs=1, batch_size=4)
    (path := plan.output / "plan.json").write_text(plan.model_dump_json())
    with TrainingProcess(path) as process:
        told = [news for news in process.told() if news is not None]
    steps = [news["metrics"] for news in told if news["event"] == "step"]
    assert "2 process(es)" in told[0]["message"] and told[-1] == {"event": "done", "tokens": alone.tokens}
    assert [news["event"] for news in told].count("checkpoint") == 1, "the first process alone tells"
    for shared, own in zip(steps, alone.steps, strict=True):
        assert shared["train_loss"] == pytest.approx(own.train_loss, rel=1e-3)
        assert shared["valid_loss"] == pytest.approx(own.valid_loss, rel=1e-3)

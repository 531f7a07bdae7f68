"""The cookbook's five helpers, with the real openai client against the real local platform."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path

import openai
import pandas
import pytest

from ftkit.errors import DataError, OutcomeError, PlatformError, UsageError
from ftkit.gateway import Platform
from ftkit.notebook import create_batch_job, create_tasks, get_results, monitor_job_status, save_tasks

PROMPT = "Answer with one word: positive, negative or neutral."


@pytest.fixture
def client(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Iterator[openai.OpenAI]:
    """A notebook's own client of the platform."""
    monkeypatch.setenv("FTKIT_POLL_SECONDS", "0.05")
    server = platform.local_server
    assert server is not None
    with openai.OpenAI(base_url=platform.base_url, api_key=server.key or "not-needed") as made:
        yield made


@pytest.fixture
def rows() -> pandas.DataFrame:
    """Rows whose index is no range."""
    return pandas.DataFrame({"text": [f"sales rose {n} times" for n in range(12)]}, index=range(100, 112))


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (create_tasks, ["df", "task_type", "system_prompt", "model", "content_column"]),
        (save_tasks, ["tasks", "task_type"]),
        (create_batch_job, ["file_name", "client"]),
        (monitor_job_status, ["client", "job_id", "task_type"]),
        (get_results, ["client", "job_id"]),
    ],
)
def test_the_parameters_are_the_cookbooks(function: object, parameters: list[str]) -> None:
    assert callable(function)
    found = inspect.signature(function).parameters.values()
    assert [p.name for p in found if p.kind is p.POSITIONAL_OR_KEYWORD] == parameters


def test_a_notebook_from_its_rows_to_its_answers(client: openai.OpenAI, rows: pandas.DataFrame) -> None:
    tasks = create_tasks(rows, "sentiment", PROMPT, "linear", "text")
    filename = save_tasks(tasks, "sentiment")
    assert filename == "batch_tasks_sentiment.jsonl"
    job = create_batch_job(filename, client)
    monitor_job_status(client=client, job_id=job.id, task_type="sentiment")
    rows["answer"] = get_results(client, job.id)
    asked = {answer.custom_id: answer for answer in []}
    batch = client.batches.retrieve(job.id)
    assert batch.output_file_id is not None
    for line in client.files.content(batch.output_file_id).text.splitlines():
        answer = json.loads(line)
        asked[answer["custom_id"]] = answer["response"]["body"]["choices"][0]["message"]["content"]
    assert len(asked) == 12
    for index, row in rows.iterrows():
        assert row["answer"] == asked[f"sentiment-{index}"]


def test_requests_are_the_cookbooks(rows: pandas.DataFrame) -> None:
    first = create_tasks(rows, "sentiment", PROMPT, "linear", "text")[0]
    assert first == {
        "custom_id": "sentiment-100",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {
            "model": "linear",
            "temperature": 0,
            "max_completion_tokens": 100,
            "messages": [
                {"role": "system", "content": PROMPT},
                {"role": "user", "content": "sales rose 0 times"},
            ],
        },
    }


def test_parameters_may_be_changed_added_and_left_out(rows: pandas.DataFrame) -> None:
    (task, *_) = create_tasks(
        rows, "t", PROMPT, "m", "text", temperature=None, max_completion_tokens=9, seed=1
    )
    assert {k: v for k, v in task["body"].items() if k not in ("model", "messages")} == {
        "max_completion_tokens": 9,
        "seed": 1,
    }


def test_rows_may_be_mappings() -> None:
    tasks = create_tasks([{"text": "a"}, {"text": "b"}], "t", PROMPT, "m", "text")
    assert [task["custom_id"] for task in tasks] == ["t-0", "t-1"]


def test_an_index_that_has_an_entry_twice_is_refused(rows: pandas.DataFrame) -> None:
    with pytest.raises(UsageError, match="100 twice") as caught:
        create_tasks(pandas.concat([rows, rows]), "t", PROMPT, "m", "text")
    assert "reset_index" in str(caught.value.hint)


@pytest.mark.parametrize("content", [None, float("nan"), "  ", 3])
def test_a_row_without_a_text_is_named(content: object) -> None:
    with pytest.raises(DataError, match="row 1 has no text in 'text'"):
        create_tasks([{"text": "a"}, {"text": content}], "t", PROMPT, "m", "text")


def test_a_column_that_is_not_there_is_said_with_those_that_are(rows: pandas.DataFrame) -> None:
    with pytest.raises(UsageError, match="no column 'Overview'") as caught:
        create_tasks(rows, "t", PROMPT, "m", "Overview")
    assert "text" in str(caught.value.hint)


@pytest.mark.parametrize("task_type", ["../up", "a/b", "/abs"])
def test_a_task_type_cannot_leave_the_folder(task_type: str) -> None:
    with pytest.raises(UsageError, match="file's name"):
        save_tasks([], task_type)
    assert list(Path().glob("**/*.jsonl")) == []


def test_a_cell_that_is_run_again_submits_nothing_twice(
    client: openai.OpenAI, rows: pandas.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    filename = save_tasks(create_tasks(rows, "twice", PROMPT, "linear", "text"), "twice")
    assert create_batch_job(filename, client).id == create_batch_job(filename, client).id


def test_a_platform_is_taken_as_well_as_a_client(platform: Platform, rows: pandas.DataFrame) -> None:
    filename = save_tasks(create_tasks(rows, "plat", PROMPT, "linear", "text"), "plat")
    job = create_batch_job(filename, platform)
    assert monitor_job_status(platform, job.id, "plat").status == "completed"
    assert len(get_results(platform, job.id)) == 12


def test_the_order_is_that_of_the_tasks_given(platform: Platform, rows: pandas.DataFrame) -> None:
    tasks = create_tasks(rows, "order", PROMPT, "linear", "text")
    filename = save_tasks(tasks, "order")
    job = create_batch_job(filename, platform)
    monitor_job_status(platform, job.id, "order")
    straight = get_results(platform, job.id, tasks=filename)
    assert get_results(platform, job.id, tasks=tasks[::-1]) == straight[::-1]
    assert straight == get_results(platform, job.id)


def test_a_request_that_failed_leaves_a_gap_in_its_place(
    client: openai.OpenAI, rows: pandas.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = create_tasks(rows, "gap", PROMPT, "linear", "text")
    tasks[4]["body"]["messages"] = [{"role": "user", "content": "x " * 200_000}]
    tasks[7]["body"]["max_completion_tokens"] = -5
    job = create_batch_job(save_tasks(tasks, "gap"), client)
    monitor_job_status(client, job.id, "gap")
    answers = get_results(client, job.id)
    gaps = [n for n, answer in enumerate(answers) if answer is None]
    assert 7 in gaps and len(answers) == 12
    assert f"{len(gaps)} of 12 requests have no answer" in capsys.readouterr().err


def test_a_batch_that_is_not_there_is_an_error(client: openai.OpenAI) -> None:
    with pytest.raises(PlatformError):
        monitor_job_status(client, "batch_nothing", "sentiment")
    with pytest.raises((PlatformError, OutcomeError)):
        get_results(client, "batch_nothing")


def test_something_else_is_no_client() -> None:
    with pytest.raises(UsageError, match="no client: str"):
        get_results("client", "batch_1")

"""Records of jobs, batches, models and their events: what is stored is what is shown, page by page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from local_state import batch_of, claimed, job_of, messages, new_batch, new_job, open_state

from ftkit.local.state import State
from ftkit.local.store.events import add_event
from ftkit.local.store.jobs import Step
from ftkit.local.store.models import add_model


@pytest.fixture
def state(tmp_path: Path) -> State:
    """An empty state."""
    return open_state(tmp_path / "platform")


def events(state: State, job: str, count: int) -> None:
    with state.db.write() as connection:
        for number in range(count):
            add_event(connection, job, f"event {number}", data={"number": number})


def walk(state: State, job: str, limit: int) -> list[str]:
    found: list[str] = []
    after = None
    while True:
        page = state.events.events(job, after=after, limit=limit)
        found += [event["message"] for event in page.items]
        if not page.has_more:
            return found
        after = page.items[-1]["id"]


@pytest.mark.parametrize("limit", [1, 4, 12, 13, 1000])
def test_pages_of_any_size_give_every_event_once_newest_first(state: State, limit: int) -> None:
    job, other = new_job(state), new_job(state)
    for _ in range(2):
        events(state, job, 5)
        events(state, other, 3)
    created = [f"Validating training file: {job_of(state, job)['training_file']}"]
    created.append(f"Created fine-tuning job: {job}")
    assert walk(state, job, limit) == [f"event {n}" for n in (4, 3, 2, 1, 0)] * 2 + created


def test_a_watcher_pages_on_while_events_come(state: State) -> None:
    """New events come before the first page; what is behind a cursor never shifts."""
    job = new_job(state)
    events(state, job, 4)
    first = state.events.events(job, after=None, limit=2)
    events(state, job, 3)
    rest = state.events.events(job, after=first.items[-1]["id"], limit=100)
    assert [event["message"] for event in first.items + rest.items][:4] == [
        f"event {n}" for n in (3, 2, 1, 0)
    ]


def test_another_jobs_event_is_no_cursor(state: State) -> None:
    job, other = new_job(state), new_job(state)
    foreign = state.events.events(other, after=None, limit=1).items[0]["id"]
    with pytest.raises(KeyError):
        state.events.events(job, after=foreign, limit=5)
    with pytest.raises(KeyError):
        state.events.checkpoints(job, after=foreign, limit=5)


def test_an_event_comes_back_as_it_was_put_in(state: State) -> None:
    job = new_job(state)
    data: dict[str, Any] = {
        "text": "naïve 日本 🎉 \u2028 \x00",
        "deep": [{"a": None, "b": 0.1}],
        "big": 2**53,
    }
    with state.db.write() as connection:
        add_event(connection, job, "Ünïcode 🎉\nsecond line", level="warn", type="metrics", data=data)
    event = state.events.events(job, after=None, limit=1).items[0]
    assert event["data"] == data and event["message"] == "Ünïcode 🎉\nsecond line"
    assert (event["level"], event["type"]) == ("warn", "metrics")
    assert event["object"] == "fine_tuning.job.event" and json.dumps(event)


def test_a_mark_is_of_one_job_only(state: State) -> None:
    jobs = [new_job(state), new_job(state)]
    with state.db.write() as connection:
        for job in jobs * 2:
            add_event(connection, job, "marked", mark="step-1")
    assert [messages(state, job).count("marked") for job in jobs] == [1, 1]


def add_checkpoint(state: State, job: str, step: int) -> None:
    with state.db.write() as connection:
        connection.execute(
            "INSERT INTO checkpoints (id, job_id, created_at, step, model, folder, metrics)"
            " VALUES (?, ?, 7, ?, ?, ?, ?)",
            (f"c-{job}-{step}", job, step, f"ft:{job}:ckpt-step-{step}", f"m-{job}-{step}", '{"step":1}'),
        )


def test_checkpoints_are_paged_newest_first_by_job(state: State) -> None:
    job, other = new_job(state), new_job(state)
    for step in (10, 20, 30):
        add_checkpoint(state, job, step)
        add_checkpoint(state, other, step)
    page = state.events.checkpoints(job, after=None, limit=2)
    assert [point["step_number"] for point in page.items] == [30, 20] and page.has_more
    rest = state.events.checkpoints(job, after=page.items[-1]["id"], limit=2)
    assert [point["step_number"] for point in rest.items] == [10] and not rest.has_more
    point = rest.items[0]
    assert point["object"] == "fine_tuning.job.checkpoint" and point["metrics"] == {"step": 1}
    assert (point["fine_tuning_job_id"], point["created_at"]) == (job, 7)


def test_a_job_shows_what_it_was_made_of(state: State) -> None:
    job = job_of(
        state,
        new_job(
            state,
            validation=b"v",
            suffix="news-2",
            seed=2**31,
            metadata={"größe": "🎉"},
            hyperparameters={"n_epochs": "auto", "learning_rate_multiplier": 0.1},
        ),
    )
    view = job.view()
    assert view["status"] == "validating_files" and view["finished_at"] is None
    assert view["hyperparameters"] == {"n_epochs": "auto", "learning_rate_multiplier": 0.1}
    assert view["method"]["supervised"]["hyperparameters"] == view["hyperparameters"]
    assert (view["seed"], view["metadata"]) == (2**31, {"größe": "🎉"})
    assert view["user_provided_suffix"] == "news-2" and view["result_files"] == [] and view["error"] is None
    [validating] = [text for text in messages(state, job.id) if text.startswith("Validating")]
    assert view["training_file"] in validating and view["validation_file"] in validating


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (None, [3, 2, 1, 0]),
        ({}, [3]),
        ({"team": "a"}, [1, 0]),
        ({"team": "a", "run": "2"}, [1]),
        ({"team": "A"}, []),
        ({"run": "2"}, [1]),
        ({"%": "_"}, [2]),
        ({"' OR 1=1 --": "x"}, []),
    ],
)
def test_jobs_are_filtered_by_all_metadata_that_is_asked_for(
    state: State, wanted: dict[str, str] | None, found: list[int]
) -> None:
    kinds: list[dict[str, str] | None] = [{"team": "a"}, {"team": "a", "run": "2"}, {"%": "_"}, None]
    made = [new_job(state, metadata=metadata) for metadata in kinds]
    page = state.jobs.page(after=None, limit=10, metadata=wanted)
    assert [job.id for job in page.items] == [made[number] for number in found]


def test_a_filter_and_a_cursor_go_together(state: State) -> None:
    made = [new_job(state, metadata={"n": str(number % 2)}) for number in range(6)]
    page = state.jobs.page(after=made[4], limit=1, metadata={"n": "0"})
    assert [job.id for job in page.items] == [made[2]] and page.has_more
    with pytest.raises(KeyError):
        state.jobs.page(after="ftjob-none", limit=1, metadata=None)


def test_steps_come_in_order_and_a_step_done_again_replaces_the_first(state: State) -> None:
    job = new_job(state)
    rows = [(job, 2, 0.5, 0.5, None, None), (job, 1, 0.9, 0.1, None, None), (job, 2, 0.4, 0.6, 0.3, 1.0)]
    with state.db.write() as connection:
        connection.executemany("INSERT OR REPLACE INTO steps VALUES (?, ?, ?, ?, ?, ?)", rows)
    assert list(state.jobs.steps(job)) == [Step(1, 0.9, 0.1), Step(2, 0.4, 0.6, 0.3, 1.0)]


def test_a_cancelled_batch_is_shown_as_cancelling_until_its_worker_ends_it(state: State) -> None:
    batch = new_batch(state)
    assert state.batches.cancel(batch)
    view = batch_of(state, batch).view()
    assert view["status"] == "cancelling" and view["cancelling_at"] and view["cancelled_at"] is None
    assert view["expires_at"] == view["created_at"] + 3600
    assert not state.batches.cancel(batch) and not state.batches.cancel("batch_none")
    assert claimed(state).id == batch


def test_batches_are_paged_newest_first(state: State) -> None:
    made = [new_batch(state) for _ in range(5)]
    page = state.batches.page(after=made[3], limit=2)
    assert [batch.id for batch in page.items] == [made[2], made[1]] and page.has_more
    assert not state.batches.page(after=made[1], limit=1).has_more
    with pytest.raises(KeyError):
        state.batches.page(after=made[0] + "x", limit=2)


def test_a_model_goes_with_its_folder_and_another_of_its_folder_stays(state: State) -> None:
    job = new_job(state)
    for folder in ("m-own", "m-shared"):
        (state.models.root / folder).mkdir()
    with state.db.write() as connection:
        for name, folder in (("ft:a", "m-own"), ("ft:b", "m-shared"), ("ft:c", "m-shared")):
            add_model(connection, identifier=name, base="b", engine="linear", folder=folder, job_id=job)
    assert [model.id for model in state.models.all()] == ["ft:c", "ft:b", "ft:a"]
    assert state.models.delete("ft:a") and state.models.delete("ft:b")
    assert [path.name for path in state.models.root.iterdir()] == ["m-shared"]
    assert state.models.delete("ft:c") and not state.models.delete("ft:c")
    assert not list(state.models.root.iterdir()) and state.models.all() == []

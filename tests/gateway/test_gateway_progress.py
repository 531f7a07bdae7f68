"""A job's figures: read from every platform's names and words, with times that no wrong clock spoils."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftkit.gateway import Job, JobEvent
from ftkit.gateway.progress import JobProgress, Series, figures_of

START = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Clock:
    """A clock of this machine, ``wrong`` by some seconds, that runs when it is told to."""

    def __init__(self, wrong: float = 0.0) -> None:
        self.passed, self.wrong = 0.0, wrong

    def progress(self) -> JobProgress:
        return JobProgress(lambda: self.passed, lambda: START + timedelta(seconds=self.wrong + self.passed))


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def step(number: float, seconds: float | None = None, **data: Any) -> JobEvent:
    moment = None if seconds is None else after(seconds)
    return JobEvent(id=f"{number}-{seconds}", created_at=moment, data={"step": number, **data})


def job(status: str = "running", **fields: Any) -> Job:
    return Job(id="j", status=status, created_at=START, **fields)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ({"train_loss": 0.5, "valid_loss": 0.6}, {"loss": 0.5, "valid_loss": 0.6}),
        ({"training_loss": "0.5"}, {"loss": 0.5}),
        ({"loss": 0.5, "eval_loss": 0.7}, {"loss": 0.5, "valid_loss": 0.7}),
        ({"valid_loss": 0.6, "full_valid_loss": 0.8}, {"valid_loss": 0.8}),
        ({"train_mean_token_accuracy": 0.9}, {"accuracy": 0.9}),
        ({"accuracy": 91.0}, {"accuracy": 0.91}),
        ({"full_valid_mean_token_accuracy": 1.0}, {"valid_accuracy": 1.0}),
        ({"step": 3, "total_steps": 9, "epoch": 1.5}, {"step": 3.0, "total_steps": 9.0, "epoch": 1.5}),
        ({"global_step": 3, "max_steps": "9"}, {"step": 3.0, "total_steps": 9.0}),
        ({"metrics": {"train/loss": 0.5, "Step": 4}}, {"step": 4.0, "loss": 0.5}),
        ({"train_mean_reward": -0.25}, {"reward": -0.25}),
        ({"loss": None, "step": True, "epoch": [1], "accuracy": "high"}, {}),
    ],
)
def test_names_of_figures(data: dict[str, Any], found: dict[str, float]) -> None:
    assert figures_of(JobEvent(id="e", data=data)) == pytest.approx(found)


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("Step 10/100: training loss=0.53", {"step": 10, "total_steps": 100, "loss": 0.53}),
        (
            "Step 10/100: training loss=0.53, validation loss=0.60",
            {"step": 10, "total_steps": 100, "loss": 0.53, "valid_loss": 0.6},
        ),
        ("step: 7 of 8, loss 1.5e-3", {"step": 7, "total_steps": 8, "loss": 0.0015}),
        ("Epoch 2: train_loss: 0.4 full validation loss: 0.5", {"epoch": 2, "loss": 0.4, "valid_loss": 0.5}),
        ("val acc = 93%", {"valid_accuracy": 0.93}),
        ("train token accuracy 0.87", {"accuracy": 0.87}),
        ("Created fine-tuning job: ftjob-abc123", {}),
        ("Checkpoint created at step 20", {"step": 20}),
        ("There was no loss of data", {}),
    ],
)
def test_figures_written_into_words(message: str, found: dict[str, float]) -> None:
    assert figures_of(JobEvent(id="e", message=message)) == pytest.approx(found)


def test_a_number_is_taken_before_a_word_and_a_word_where_there_is_no_number() -> None:
    message = "Step 10/100: training loss=0.53"
    found = figures_of(JobEvent(id="e", message=message, data={"train_loss": 0.52981, "step": 10}))
    assert found == {"step": 10, "total_steps": 100, "loss": 0.52981}


def test_a_loss_that_is_no_number_is_shown_and_not_drawn() -> None:
    progress = Clock().progress()
    for number, loss in enumerate((2.0, math.nan, math.inf, 1.0)):
        progress.event(step(number, number, loss=loss))
        shown = progress.figures().loss
        assert shown == loss or (math.isnan(loss) and shown is not None and math.isnan(shown))
    assert progress.figures().series == (2.0, 1.0)
    assert math.isnan(figures_of(JobEvent(id="e", message="training loss=nan"))["loss"])


def test_which_events_are_about_figures() -> None:
    progress = Clock().progress()
    assert progress.event(step(1, loss=0.5))
    assert not progress.event(JobEvent(id="c", message="Checkpoint created at step 20"))
    assert not progress.event(JobEvent(id="m", message="The job has started"))


@given(st.text(max_size=3000), st.dictionaries(st.text(max_size=20), st.none() | st.floats() | st.text()))
def test_whatever_a_platform_writes_is_no_error(message: str, data: dict[str, Any]) -> None:
    progress = Clock().progress()
    progress.job(job())
    progress.event(JobEvent(id="e", message=message, data=data))
    assert progress.figures().elapsed >= 0


def test_a_step_that_comes_late_changes_nothing_that_is_newer() -> None:
    progress = Clock().progress()
    progress.event(step(9, 90, total_steps=10, loss=0.4))
    progress.event(step(5, 50, total_steps=10, loss=0.9, valid_loss=0.7))
    figures = progress.figures()
    assert (figures.step, figures.loss, figures.valid_loss) == (9, 0.4, 0.7)
    assert figures.series == (0.4,)


def test_a_job_that_begins_anew_is_followed_anew() -> None:
    clock = Clock()
    progress = clock.progress()
    progress.job(job())
    for n in (1, 2, 3):
        clock.passed = 10.0 * n
        progress.event(step(n, 10.0 * n, total_steps=10))
    clock.passed = 100
    progress.event(step(1, 100, total_steps=10))
    assert progress.figures().step == 1
    assert progress.figures().seconds_left is None
    clock.passed = 105
    progress.event(step(2, 105, total_steps=10))
    assert progress.figures().seconds_left == pytest.approx(40)


@pytest.mark.parametrize("wrong", [0.0, -86_400.0, -30.0])
def test_elapsed_and_left_by_a_clock_that_is_behind(wrong: float) -> None:
    clock = Clock(wrong)
    progress = clock.progress()
    progress.job(job())
    for n in range(1, 6):
        clock.passed = 10.0 * n
        progress.event(step(n, 10.0 * n, total_steps=20))
    figures = progress.figures()
    assert figures.elapsed == pytest.approx(50)
    assert figures.seconds_left == pytest.approx(150)
    assert figures.estimated_finish == after(200)
    clock.passed += 5
    assert progress.figures().elapsed == pytest.approx(55)
    assert progress.figures().seconds_left == pytest.approx(145)


def test_steps_without_times_are_timed_here() -> None:
    clock = Clock()
    progress = clock.progress()
    progress.job(job())
    for n in (1, 2, 3):
        clock.passed = 4.0 * n
        progress.event(step(n, total_steps=5))
    assert progress.figures().seconds_left == pytest.approx(8)


def test_the_platform_s_own_estimate_comes_first() -> None:
    clock = Clock()
    progress = clock.progress()
    progress.job(job(estimated_finish=after(300)))
    progress.event(step(1, 1, total_steps=2))
    progress.event(step(2, 2, total_steps=2))
    assert progress.figures().estimated_finish == after(300)
    assert progress.figures().seconds_left == pytest.approx(298)
    clock.passed = 400
    assert progress.figures().seconds_left == 0


@pytest.mark.parametrize("status", ["queued", "paused", "validating_files", "warming_up"])
def test_what_does_not_run_has_no_end_in_sight(status: str) -> None:
    progress = Clock().progress()
    for n in (1, 2):
        progress.event(step(n, n, total_steps=5))
    progress.job(job(status))
    assert progress.figures().seconds_left is None


def test_an_ended_job_took_what_the_platform_says() -> None:
    clock = Clock(wrong=7 * 86_400)
    progress = clock.progress()
    progress.job(job("succeeded", finished_at=after(90)))
    assert progress.figures().elapsed == 90
    progress.job(job("failed"))
    assert progress.figures().elapsed == 0
    progress.event(step(3, 30))
    assert progress.figures().elapsed == 30
    assert progress.figures().estimated_finish is None


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=2000), st.integers(2, 64))
def test_a_series_keeps_its_form_in_bounded_room(values: list[float], most: int) -> None:
    series = Series(most)
    for value in values:
        series.add(value)
    assert len(series.points) <= most + 1
    assert min(values) - 1e-6 <= min(series.points) <= max(series.points) <= max(values) + 1e-6
    if len(values) <= most:
        assert series.points == tuple(values)


def test_a_falling_series_falls() -> None:
    series = Series(8)
    for n in range(1000):
        series.add(1000.0 - n)
    assert list(series.points) == sorted(series.points, reverse=True)

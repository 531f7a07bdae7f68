"""How far a job has come, from its state and events: steps, losses, accuracies, time left.

Platforms name the same figures differently, some write them only into an event's message: they
are read tolerantly, and what cannot be read is not known, never an error.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict

from ftkit.display.html import Shown
from ftkit.gateway.results import Job, JobEvent
from ftkit.gateway.values import as_map

NAMES: dict[str, tuple[str, ...]] = {
    "step": ("step", "global_step", "current_step", "step_number", "steps_completed"),
    "total_steps": ("total_steps", "max_steps", "num_steps", "n_steps", "steps"),
    "epoch": ("epoch", "current_epoch"),
    "loss": ("train_loss", "training_loss", "loss"),
    "valid_loss": ("full_valid_loss", "full_validation_loss", "valid_loss", "validation_loss", "val_loss",
                   "eval_loss"),
    "accuracy": ("train_mean_token_accuracy", "train_accuracy", "training_accuracy", "mean_token_accuracy",
                 "token_accuracy", "accuracy", "acc"),
    "valid_accuracy": ("full_valid_mean_token_accuracy", "valid_mean_token_accuracy", "valid_accuracy",
                       "validation_accuracy", "val_accuracy", "eval_accuracy", "val_acc"),
    "reward": ("train_reward_mean", "train_mean_reward", "train_reward", "reward_mean", "reward"),
}  # fmt: skip
"""ftkit's name of a figure, and what platforms call it: the first of these that an event has."""

_STEP = re.compile(r"\bsteps?\s*[:=#]?\s*(\d+)(?:\s*(?:/|of|out of)\s*(\d+))?", re.IGNORECASE)
_EPOCH = re.compile(r"\bepoch\s*[:=#]?\s*(\d+(?:\.\d+)?)", re.IGNORECASE)
_FIGURE = re.compile(
    r"((?:[a-z]+[ -]+){0,4})(loss|accuracy|acc|reward)\b\s*(?:[:=]|is|of)?\s*"
    r"(nan\b|[-+]?inf\b|[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)\s*(%?)",
    re.IGNORECASE,
)
_VALID = re.compile(r"\b(?:val|valid|validation|eval|evaluation)\b", re.IGNORECASE)
_MOST_POINTS = 64
_LONGEST_MESSAGE = 500
_SHOWN = ("loss", "valid_loss", "accuracy", "valid_accuracy", "reward")


class JobFigures(Shown, BaseModel):
    """How far a job has come. Losses are as the platform counts them, accuracies from 0 to 1.

    ``series`` is the training loss (where there is none: the reward, or the accuracy) from the
    beginning on, thinned evenly to at most 64 points. ``elapsed`` and ``seconds_left`` are seconds;
    ``estimated_finish`` is the platform's where it gives one, else it follows from the steps.
    """

    model_config = ConfigDict(frozen=True)

    step: float | None = None
    total_steps: float | None = None
    epoch: float | None = None
    loss: float | None = None
    valid_loss: float | None = None
    accuracy: float | None = None
    valid_accuracy: float | None = None
    reward: float | None = None
    series: tuple[float, ...] = ()
    elapsed: float = 0.0
    seconds_left: float | None = None
    estimated_finish: datetime | None = None


class JobProgress:
    """Gathers a job's figures from what comes in, in any order and more than once.

    Times of the platform are compared only with each other: its clock may differ from the one here.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._monotonic, self._now = monotonic, now
        self._job: Job | None = None
        self._figures: dict[str, float] = {}
        self._series = Series()
        self._pace = _Pace()
        self._newest: datetime | None = None  # of the platform's clock
        self._clock = monotonic(), now()

    def job(self, job: Job) -> None:
        """The job as the platform tells it now."""
        self._job = job

    def event(self, event: JobEvent) -> bool:
        """One event more; whether it is one of the many that tell of a step's losses and the like."""
        if event.created_at is not None:
            self._newest = max(event.created_at, self._newest or event.created_at)
            if event.created_at > self._here():  # a clock here that is behind the platform's word is wrong
                self._clock = self._monotonic(), event.created_at
        found = figures_of(event)
        if not found:
            return False
        step = found.get("step")
        behind = step is not None and step < self._figures.get("step", 0.0) and not self._restarted(step)
        for name, value in found.items():
            if not behind or name not in self._figures:
                self._figures[name] = value
        shown = next((found[n] for n in ("loss", "reward", "accuracy") if n in found), None)
        if shown is not None and math.isfinite(shown) and not behind:
            self._series.add(shown)
        if step is not None and not behind:
            self._pace.at(step, self._moment(event))
        return any(name in found for name in _SHOWN)

    def _restarted(self, step: float) -> bool:
        """Whether a job that stands at a later step has begun anew: then its earlier steps come again."""
        return step <= 1 < self._figures.get("step", 0.0)

    def _moment(self, event: JobEvent) -> float:
        """Seconds on one clock: the platform's where it tells the time, else the one here."""
        return event.created_at.timestamp() if event.created_at is not None else self._here().timestamp()

    def _here(self) -> datetime:
        """The time now, by a clock that nobody sets."""
        began, moment = self._clock
        return moment + timedelta(seconds=self._monotonic() - began)

    def figures(self) -> JobFigures:
        """What is known now."""
        elapsed, left, finish = self._times()
        return JobFigures(
            **self._figures,
            series=self._series.points,
            elapsed=elapsed,
            seconds_left=left,
            estimated_finish=finish,
        )

    def _times(self) -> tuple[float, float | None, datetime | None]:
        job, now = self._job, self._here()
        start = job.created_at if job is not None and job.created_at is not None else None
        if job is not None and job.ended:
            end = job.finished_at or self._newest
            return (max(0.0, (end - start).total_seconds()) if start and end else 0.0), None, None
        elapsed = max(0.0, (now - start).total_seconds()) if start is not None else 0.0
        if job is not None and job.estimated_finish is not None:
            promised = (job.estimated_finish - now).total_seconds()
            return elapsed, max(promised, 0.0), job.estimated_finish
        left = self._steps_left(now)
        return elapsed, left, None if left is None else now + timedelta(seconds=left)

    def _steps_left(self, now: datetime) -> float | None:
        if self._job is not None and self._job.status != "running":
            return None
        step, total = self._figures.get("step"), self._figures.get("total_steps")
        if step is None or total is None or not self._pace.seconds or total < step:
            return None
        since = max(0.0, now.timestamp() - self._pace.last)
        # what has passed since the last step counts, up to three steps: the platform may tell of them late
        return max(0.0, (total - step) * self._pace.seconds - min(since, 3 * self._pace.seconds))


class _Pace:
    """Seconds per step, over all steps seen in one go."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        self.last = 0.0
        self.seconds: float | None = None

    def at(self, step: float, moment: float) -> None:
        if self._first is None or step <= self._first[0]:
            self._first, self.seconds = (step, moment), None
        elif moment > self._first[1]:
            self.seconds = (moment - self._first[1]) / (step - self._first[0])
        self.last = moment


class Series:
    """A curve in bounded room: where there are too many points, two neighbours become one."""

    def __init__(self, most: int = _MOST_POINTS) -> None:
        self._most = most
        self._points: list[float] = []
        self._width = 1  # values in a point
        self._open: list[float] = []

    def add(self, value: float) -> None:
        """One value more."""
        self._open.append(value)
        if len(self._open) < self._width:
            return
        self._points.append(sum(self._open) / len(self._open))
        self._open.clear()
        if len(self._points) > self._most:
            pairs = zip(self._points[::2], self._points[1::2], strict=False)
            self._open = [self._points[-1]] * self._width if len(self._points) % 2 else []
            self._points = [(a + b) / 2 for a, b in pairs]
            self._width *= 2

    @property
    def points(self) -> tuple[float, ...]:
        """The curve so far, its last point still open."""
        tail = [sum(self._open) / len(self._open)] if self._open else []
        return (*self._points, *tail)


def figures_of(event: JobEvent) -> dict[str, float]:
    """The figures of an event by ftkit's names: of its data, what that lacks of its message."""
    found = {**_written(event.message), **_named({**as_map(event.data.get("metrics")), **event.data})}
    for name in ("accuracy", "valid_accuracy"):
        if 1.0 < found.get(name, 0.0) <= 100.0:  # in percent
            found[name] /= 100
    return found


def _named(data: Mapping[str, Any]) -> dict[str, float]:
    known = {str(name).lower().replace("-", "_").replace("/", "_"): value for name, value in data.items()}
    found = {}
    for name, spellings in NAMES.items():
        value = next((v for s in spellings if (v := _number(known.get(s))) is not None), None)
        if value is not None:
            found[name] = value
    return found


def _written(message: str) -> dict[str, float]:
    """Figures out of a message such as ``Step 10/100: training loss=0.53, validation loss=0.61``."""
    message = message[:_LONGEST_MESSAGE].replace("_", " ")
    found: dict[str, float] = {}
    if step := _STEP.search(message):
        found["step"] = float(step[1])
        if step[2]:
            found["total_steps"] = float(step[2])
    for words, kind, number, percent in _FIGURE.findall(message):
        name = {"acc": "accuracy"}.get(kind.lower(), kind.lower())
        if _VALID.search(words):
            name = f"valid_{name}"
        if name in NAMES:
            found.setdefault(name, float(number) / (100 if percent else 1))
    if found and (epoch := _EPOCH.search(message)):
        found["epoch"] = float(epoch[1])
    return found


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None

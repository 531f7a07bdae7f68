"""The curve of a training: its figures step by step, as trackers draw them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from pydantic import BaseModel, ConfigDict


class Point(BaseModel):
    """The figures of one step: ``train/loss``, ``valid/accuracy`` and the like; ``at`` in UTC, where known.

    Losses are as the platform counts them, accuracies 0 to 1. A loss that is no number stays one: it tells
    of a training that went wrong.
    """

    model_config = ConfigDict(frozen=True)

    step: int
    figures: dict[str, float]
    at: datetime | None = None


def curve_of(told: Iterable[tuple[int | None, Mapping[str, float], datetime | None]]) -> tuple[Point, ...]:
    """One point a step, in order, from figures as they were told: step, figures, time.

    Of what is told of a step twice, as by a training that began anew, the last word counts. Figures without
    a step belong to the one after the last.
    """
    points: dict[int, Point] = {}
    last = 0
    for step, figures, at in told:
        if not figures:
            continue
        last = last + 1 if step is None else step
        known = points.get(last)
        before = known.figures if known is not None else {}
        points[last] = Point(step=last, figures={**before, **figures}, at=at or (known.at if known else None))
    return tuple(points[step] for step in sorted(points))

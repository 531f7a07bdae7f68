"""The curve of a training: what events tell, in order, once for each step."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ftkit.registry.curve import Point, curve_of

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_figures_of_one_step_come_together() -> None:
    told = [(1, {"train/loss": 2.0}, NOON), (1, {"valid/loss": 2.5}, None), (2, {"train/loss": 1.0}, None)]
    assert curve_of(told) == (
        Point(step=1, figures={"train/loss": 2.0, "valid/loss": 2.5}, at=NOON),
        Point(step=2, figures={"train/loss": 1.0}),
    )


def test_a_training_that_began_anew_has_the_curve_of_its_last_try() -> None:
    first = [(step, {"train/loss": 9.0}, None) for step in range(1, 4)]
    again = [(step, {"train/loss": 1.0 / step}, None) for step in range(1, 3)]
    assert [point.figures["train/loss"] for point in curve_of([*first, *again])] == [1.0, 0.5, 9.0]


def test_words_between_the_figures_are_no_points() -> None:
    assert curve_of([(None, {}, NOON), (3, {}, NOON)]) == ()
    assert [
        p.step for p in curve_of([(None, {"train/loss": 1.0}, None), (None, {"train/loss": 2.0}, None)])
    ] == [
        1,
        2,
    ]


def test_a_loss_that_is_no_number_stays_one() -> None:
    [point] = curve_of([(4, {"train/loss": math.nan}, None)])
    assert math.isnan(point.figures["train/loss"])


@given(st.lists(st.tuples(st.integers(0, 20), st.floats(-5, 5)), max_size=40))
def test_each_step_is_there_once_with_its_last_word(told: list[tuple[int, float]]) -> None:
    points = curve_of((step, {"train/loss": loss}, None) for step, loss in told)
    assert {point.step: point.figures["train/loss"] for point in points} == dict(told)
    assert [point.step for point in points] == sorted({step for step, _ in told})

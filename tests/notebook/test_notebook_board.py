"""The board of jobs in a notebook: what is gathered for its curves, one job and many, ends and faults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ftkit.display import Line
from ftkit.display.notebook_board import NotebookBoard

Read = Callable[[str], Any]


class Shelf:
    """Stands where a notebook's front end is: keeps what it was told to show."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, str]] = []

    def put(self, html: str, text: str) -> None:
        self.shown.append((html, text))


def board(count: int = 1) -> tuple[NotebookBoard, Shelf]:
    shelf = Shelf()
    return NotebookBoard("Job <j>", count, slot=shelf), shelf


def step(number: int, loss: float | None = None, **more: Any) -> Line:
    figures = {} if loss is None else {"loss": loss}
    return Line(
        "j1", "running", done=number, total=10, figures={**figures, **more.pop("figures", {})}, **more
    )


def test_the_curve_has_every_step(page: Read) -> None:
    made, shelf = board()
    with made:
        for number in range(1, 11):
            made.show(step(number, 1 / number))
        made.show(Line("j1", "succeeded", ended=True, ok=True, done=10, total=10, result="ft:<m>"))
    html, text = shelf.shown[-1]
    read = page(html)
    assert ("aria-label", "loss 1 to 0.1") in read.attributes
    assert "step 10 of 10" in read.words and "ft:<m>" in read.words and read.harmless()
    assert text.startswith("j1 succeeded")


def test_a_validation_loss_has_a_point_where_it_was_measured(page: Read) -> None:
    made, shelf = board()
    with made:
        for number in range(1, 9):
            value = {"validation loss": 0.9 if number < 5 else 0.4}
            made.show(step(number, 1.0, figures=value))
    assert ("aria-label", "loss 1 to 1; validation loss 0.9 to 0.4") in page(shelf.shown[-1][0]).attributes


def test_a_job_that_goes_on_from_an_earlier_step_draws_that_part_anew(page: Read) -> None:
    made, shelf = board()
    with made:
        for number, loss in ((1, 5.0), (2, 4.0), (3, 3.0), (2, 2.0), (3, 1.0)):
            made.show(step(number, loss))
    points = next(v for k, v in page(shelf.shown[-1][0]).attributes if k == "points")
    assert points is not None and len(points.split()) == 3


def test_many_states_are_not_drawn_for_each_of_many_figures() -> None:
    made, shelf = board()
    with made:
        for number in range(1000):
            made.show(step(number, 1.0))
    assert len(shelf.shown) < 20


def test_several_jobs_are_a_table(page: Read) -> None:
    made, shelf = board(3)
    with made:
        for name, state in (("j1", "queued"), ("j2", "running"), ("j3", "failed")):
            made.show(
                Line(name, state, ended=state == "failed", result="no <rows>" if state == "failed" else None)
            )
    read = page(shelf.shown[-1][0])
    assert read.tags.count("tr") == 4 and "no <rows>" in read.words and read.harmless()
    assert ("class", "pill bad") in read.attributes and ("class", "pill busy") in read.attributes
    assert len(shelf.shown[-1][1].splitlines()) == 3


def test_the_log_is_there_in_full_and_escaped(page: Read) -> None:
    made, shelf = board()
    with made:
        made.show(step(1))
        for number in range(20):
            made.event("j1", f"line {number} <script>", level="warn" if number == 3 else "info", record={})
    read = page(shelf.shown[-1][0])
    assert read.harmless() and "warn: line 3 <script>" in read.words and "line 19" in read.words
    assert "21 lines of the log" in read.words


def test_what_is_about_figures_is_thinned(page: Read) -> None:
    made, shelf = board()
    with made:
        for number in range(1, 11):
            made.show(step(number, 1.0))
            made.event("j1", f"Step {number}", metrics=True, record={})
    assert "Step 10" in page(shelf.shown[-1][0]).words


@pytest.mark.parametrize("left", [None, 90.0])
def test_the_time_left_is_said_where_it_is_known(left: float | None, page: Read) -> None:
    made, shelf = board()
    with made:
        made.show(step(1, elapsed=30.0, left=left))
    assert ("about 1:" in page(shelf.shown[-1][0]).words) is (left is not None)


def test_nothing_is_shown_of_nothing() -> None:
    made, shelf = board()
    with made:
        pass
    assert shelf.shown == []


def test_it_is_drawn_also_where_the_watching_breaks_off() -> None:
    made, shelf = board()
    with pytest.raises(KeyboardInterrupt), made:
        made.show(step(1))
        raise KeyboardInterrupt
    assert "running" in shelf.shown[-1][1]

"""Scores the answers of all models in one pass over the held-out rows, and picks where they disagree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from ftkit.benchmarking.answers import AnswerFile, AnswerLine
from ftkit.benchmarking.heldout import prompt_text
from ftkit.benchmarking.inference import Asked
from ftkit.benchmarking.results import Disagreement
from ftkit.benchmarking.scoring import Tally, judge
from ftkit.benchmarking.table import open_answer_table
from ftkit.benchmarking.task import PROGRESS_EVERY, Task

if TYPE_CHECKING:
    from ftkit.display import Display

ANSWERS_FILE = "answers.csv"
MAX_SHOWN = 2000
"""Characters of a text that a report shows; ``answers.csv`` has all of it."""


def score_answers(task: Task, asked: Sequence[Asked], display: Display) -> dict[str, Tally]:
    """Judge every answer, write ``answers.csv``, and return each model's sums."""
    labels = task.labels
    with ExitStack() as stack, display.work("Scoring", total=len(task.ids), unit="rows") as progress:
        files = [stack.enter_context(AnswerFile(one.answers, task.ids)) for one in asked]
        tallies = [Tally(labels, file.duplicates, file.strangers) for file in files]
        table = stack.enter_context(open_answer_table(task.folder / ANSWERS_FILE))
        for row in task.rows():
            prompt = prompt_text(row.messages)
            for one, file, tally in zip(asked, files, tallies, strict=True):
                answer = file.get(row.number)
                judged = judge(answer, task.metric, row.expected, labels)
                tally.add(judged, answer, row.expected)
                table.add(row, one.model, prompt, answer, judged)
            if row.number % PROGRESS_EVERY == 0:
                progress.update(row.number)
        progress.update(len(task.ids))
    return {one.model: tally for one, tally in zip(asked, tallies, strict=True)}


def show_disagreements(
    task: Task, asked: Sequence[Asked], rows: Sequence[int], tallies: Mapping[str, Tally]
) -> tuple[Disagreement, ...]:
    """The texts of the picked rows, with what each model answered there."""
    wanted = set(rows)
    shown = []
    with ExitStack() as stack:
        files = {one.model: stack.enter_context(AnswerFile(one.answers, task.ids)) for one in asked}
        for row in task.rows():
            if row.number not in wanted:
                continue
            shown.append(
                Disagreement(
                    row=row.number,
                    line=row.line,
                    prompt=_cut(prompt_text(row.messages)),
                    expected=tuple(_cut(text) for text in row.expected),
                    answers={model: _said(file.get(row.number)) for model, file in files.items()},
                    correct={model: bool(tally.right[row.number]) for model, tally in tallies.items()},
                )
            )
            if len(shown) == len(wanted):
                break
    return tuple(shown)


def _said(answer: AnswerLine | None) -> str:
    if answer is None:
        return "(no answer came)"
    if not answer.ok:
        return f"(failed: {_cut(answer.error or 'no reason given')})"
    return _cut(answer.text) if answer.text else "(empty)"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"

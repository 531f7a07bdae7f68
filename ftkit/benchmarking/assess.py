"""Scores the answers of all models in one pass over the held-out rows, and picks where they disagree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from ftkit.benchmarking.answers import AnswerFile, AnswerLine
from ftkit.benchmarking.gathering import Answers
from ftkit.benchmarking.heldout import HeldOutRow, prompt_text
from ftkit.benchmarking.metrics import is_continuous
from ftkit.benchmarking.results import Disagreement
from ftkit.benchmarking.scoring import Tally, judge, unusable_as
from ftkit.benchmarking.table import open_answer_table
from ftkit.benchmarking.task import PROGRESS_EVERY, Task

if TYPE_CHECKING:
    from ftkit.display import Display

ANSWERS_FILE, PARQUET_FILE = "answers.csv", "answers.parquet"
MAX_SHOWN = 2000
"""Characters of a text that a report shows; ``answers.csv`` has all of it."""


def usable_answers(task: Task, asked: Sequence[Answers]) -> Iterator[tuple[HeldOutRow, AnswerLine]]:
    """One pass over the answers of all models that can be scored, each with its row."""
    with ExitStack() as stack:
        files = [stack.enter_context(AnswerFile(one.answers, task.ids)) for one in asked]
        for row in task.rows():
            for file in files:
                answer = file.next_answer()
                if unusable_as(answer, task.metric) is None:
                    yield row, answer


def score_answers(task: Task, asked: Sequence[Answers], display: Display) -> dict[str, Tally]:
    """Judge every answer, write the tables of all of them, and return each model's sums."""
    labels, metric = task.labels, task.metric
    with ExitStack() as stack, display.work("Scoring", total=len(task.ids), unit="rows") as progress:
        files = [stack.enter_context(AnswerFile(one.answers, task.ids)) for one in asked]
        tallies = [Tally(labels) for _ in asked]
        table = stack.enter_context(open_answer_table(task.folder / ANSWERS_FILE))
        for row in task.rows():
            prompt, custom_id = prompt_text(row.messages), task.ids.id_of(row.number)
            for one, file, tally in zip(asked, files, tallies, strict=True):
                answer = file.next_answer(custom_id)
                judged = judge(answer, metric, row, labels)
                tally.add(judged, answer, row.expected)
                table.add(row, one.model, prompt, answer, judged)
            if row.number % PROGRESS_EVERY == 0:
                progress.update(row.number)
        progress.update(len(task.ids))
    return {one.model: tally for one, tally in zip(asked, tallies, strict=True)}


def show_disagreements(
    task: Task, asked: Sequence[Answers], rows: Sequence[int], tallies: Mapping[str, Tally]
) -> tuple[Disagreement, ...]:
    """The texts of the picked rows, with what each model answered there."""
    wanted, last = set(rows), max(rows, default=-1)
    shown = []
    with ExitStack() as stack:
        files = {one.model: stack.enter_context(AnswerFile(one.answers, task.ids)) for one in asked}
        for row in task.rows() if wanted else ():
            if row.number not in wanted:
                for file in files.values():
                    file.skip()
                continue
            answers = {model: file.next_answer() for model, file in files.items()}
            shown.append(_shown(row, answers, tallies, values=is_continuous(task.metric)))
            if row.number == last:
                break
    return tuple(shown)


def _shown(
    row: HeldOutRow, answers: Mapping[str, AnswerLine], tallies: Mapping[str, Tally], *, values: bool
) -> Disagreement:
    return Disagreement(
        row=row.number,
        line=row.line,
        prompt=_cut(prompt_text(row.messages)),
        expected=tuple(_cut(text) for text in row.expected),
        answers={model: _said(answer) for model, answer in answers.items()},
        correct={model: bool(tally.right[row.number]) for model, tally in tallies.items()},
        values={model: tally.values[row.number] for model, tally in tallies.items()} if values else {},
    )


def _said(answer: AnswerLine) -> str:
    if answer.missing:
        return "(no answer came)"
    if not answer.ok:
        return f"(failed: {_cut(answer.error or 'no reason given')})"
    return _cut(answer.text) if answer.text else "(empty)"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"

"""Writes training data for a judge: what it would be asked, with the verdict that the truth gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from ftkit.benchmarking.judging.forms import written
from ftkit.benchmarking.judging.pairwise import pairs_of
from ftkit.benchmarking.judging.places import open_answers
from ftkit.benchmarking.judging.prompts import Message, judge_messages
from ftkit.benchmarking.judging.rubric import Rubric, rubric_of
from ftkit.benchmarking.judging.sources import AnswerSet, Columns
from ftkit.data import open_jsonl_writer
from ftkit.display.html import Shown
from ftkit.errors import UsageError


class JudgeExamples(Shown, BaseModel):
    """A chat file to tune a judge on: how many rows it has, and how many of each verdict."""

    model_config = ConfigDict(frozen=True)

    out: Path
    rows: int
    verdicts: dict[str, int]


def judge_examples(
    answers: Any,
    out: str | Path,
    *,
    rubric: Rubric | str | Path | None = None,
    pairwise: Sequence[str] | bool = (),
    models: Sequence[str] = (),
    reference: bool | None = None,
    columns: Columns | None = None,
    requests: str | Path | None = None,
    metric: Any = "exact",
) -> JudgeExamples:
    """Write a chat example for each answer that is known to be right or wrong.

    The prompts are exactly those of :func:`~ftkit.benchmarking.judge` without reasons (judge with
    ``reasons=False`` then), so that a model tuned on them is a judge. Hold the rows back that the judge
    shall be measured on. The parameters are those of :func:`~ftkit.benchmarking.judge`. Raises UsageError
    where the truth is known of no answer, and for scores, which the truth does not give.
    """
    asked = rubric_of(rubric, kind="pair" if pairwise else None, reasons=False, reference=reference)
    if asked.kind == "score":
        raise UsageError("the truth gives no scores", hint="Train a judge of right and wrong, or of pairs.")
    chosen = tuple(models) if isinstance(pairwise, bool) else tuple(pairwise or models)
    opened = open_answers(answers, columns=columns, requests=requests, metric=metric).only(chosen)
    counts: dict[str, int] = {}
    with open_jsonl_writer(Path(out)) as writer:
        for messages, verdict in _pairs(opened, asked) if pairwise else _each(opened, asked):
            counts[verdict] = counts.get(verdict, 0) + 1
            writer.write({"messages": [*messages, {"role": "assistant", "content": verdict}]})
        if not counts:
            raise UsageError("nothing says which of these answers are right", where=opened.name)
    return JudgeExamples(out=Path(out), rows=sum(counts.values()), verdicts=counts)


def _each(answers: AnswerSet, rubric: Rubric) -> Iterator[tuple[list[Message], str]]:
    for row in answers.rows():
        for given in row.answers.values():
            if given.text is not None and given.right is not None:
                messages = judge_messages(rubric, row.question, (given.text,), row.right)
                yield messages, written(rubric, int(given.right))


def _pairs(answers: AnswerSet, rubric: Rubric) -> Iterator[tuple[list[Message], str]]:
    for pair in pairs_of(answers):
        first, second = pair.first.text, pair.second.text
        if pair.open and pair.truth is not None and first is not None and second is not None:
            for texts, better in (((first, second), pair.truth), ((second, first), not pair.truth)):
                messages = judge_messages(rubric, pair.row.question, texts, pair.row.right)
                yield messages, written(rubric, 1 if better else 2)

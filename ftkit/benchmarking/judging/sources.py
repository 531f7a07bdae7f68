"""Answers to be judged: a benchmark's, a table's, a chat file's, a batch's, each row with its question."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ftkit.benchmarking.judging.prompts import question_text
from ftkit.data import canonical_json, open_rows, prompt_of, reply_of
from ftkit.data.rows import Row, RowSource, SourceOptions
from ftkit.errors import DataError, UsageError, Where

QUESTIONS = ("messages", "question", "prompt", "instruction", "input")
ANSWERS = ("answer", "response", "output", "completion", "text")
"""Columns that are taken for the question and the answer, the first that is there."""
USABLE = ("right", "wrong", "invalid")
"""Outcomes of a benchmark's answers that a judge can look at; the others have no whole text."""


class Given(NamedTuple):
    """A model's answer, None where there is no whole one; ``right`` is the truth, None where unknown."""

    text: str | None
    right: bool | None = None


class AnsweredRow(NamedTuple):
    """One question with the answers of models; ``row`` counts from 0, ``right`` are the right answers.

    A model that was not asked is not among ``answers``; one that gave no whole answer is.
    """

    row: int
    question: str
    answers: Mapping[str, Given]
    right: tuple[str, ...] = ()


@dataclass(frozen=True)
class AnswerSet:
    """Answers of ``models`` to the same questions, read anew by every call of ``rows``.

    ``sha256`` is the content's. ``notes`` say what must be known before believing a figure.
    """

    name: str
    sha256: str
    models: tuple[str, ...]
    rows: Callable[[], Iterator[AnsweredRow]]
    notes: tuple[str, ...] = ()

    def only(self, models: Sequence[str]) -> AnswerSet:
        """The same rows with the answers of some models. Raises UsageError for one that has none."""
        for model in models:
            if model not in self.models:
                raise UsageError(
                    f"there are no answers of {model!r} in it",
                    where=self.name,
                    hint=f"There are those of: {', '.join(self.models)}.",
                )
        if not models:
            return self

        def rows() -> Iterator[AnsweredRow]:
            for row in self.rows():
                yield row._replace(answers={m: row.answers[m] for m in models if m in row.answers})

        return AnswerSet(self.name, self.sha256, tuple(models), rows, self.notes)


Truth = Callable[[str, Sequence[str]], bool]
"""Whether an answer is right, given the right answers."""


@dataclass(frozen=True)
class Columns:
    """Which columns of a table mean what; those that are not named are looked for by usual names.

    Several ``answers`` are several models, each called as its column.
    """

    question: str | None = None
    answers: tuple[str, ...] = ()
    expected: str | None = None
    model: str | None = field(default=None)


def table_answers(
    source: Any, columns: Columns, truth: Truth, options: SourceOptions | None = None
) -> AnswerSet:
    """The answers of a table: a file of any kind, a DataFrame, a ``datasets.Dataset``, a list of mappings.

    A row has a question (a text, or the messages of a chat) and an answer in each of ``columns.answers``;
    a chat file's answer is its final assistant message. Where a table has a column ``model``, rows that
    follow each other are one question where they have the same ``row``, as in a benchmark's
    ``answers.csv``, or without such a column the same question.
    Raises UsageError where a column is missing, DataError for a row that cannot be used.
    """
    rows = open_rows(source, options)
    first = next(iter(rows)).data
    if not isinstance(first, Mapping):
        raise DataError("a row of named columns is wanted", where=rows.name)
    named = Path(source).name.split(".")[0] if isinstance(source, str | Path) else "answers"
    known = Layout.of(first, columns, named)
    models: dict[str, None] = {}
    digest = hashlib.sha256()
    for item in _items(rows, known, truth):
        models.update(dict.fromkeys(item.answers))
        digest.update(
            canonical_json([item.question, item.right, {m: g.text for m, g in item.answers.items()}])
        )
    return AnswerSet(
        rows.name,
        digest.hexdigest(),
        tuple(models),
        lambda: _grouped(_items(rows, known, truth), known, rows.name),
    )


@dataclass(frozen=True)
class Layout:
    """What was found out about a table's columns from its first row."""

    question: str
    answers: tuple[str, ...]
    expected: str | None
    model: str | None
    numbered: bool
    name: str

    @classmethod
    def of(cls, first: Mapping[str, Any], columns: Columns, name: str) -> Layout:
        """Look for what was not named. Raises UsageError with the columns that there are."""
        for column in (columns.question, *columns.answers, columns.expected, columns.model):
            if column is not None and column not in first:
                raise _no_column(f"there is no column {column!r}", first)
        question = columns.question or next((c for c in QUESTIONS if c in first), None)
        if question is None:
            raise _no_column("no column holds a question", first)
        answers = columns.answers or tuple([c for c in ANSWERS if c in first and c != question][:1])
        if not answers and question != "messages":
            raise _no_column("no column holds an answer", first)
        expected = columns.expected or ("expected" if "expected" in first else None)
        model = columns.model or ("model" if "model" in first and len(answers) == 1 else None)
        return cls(question, answers, expected, model, "row" in first, name)


def _no_column(what: str, row: Mapping[str, Any]) -> UsageError:
    return UsageError(
        f"{what}; the columns are: {', '.join(map(str, row))}",
        hint="Name them: --question COLUMN --answer COLUMN.",
    )


def _items(rows: RowSource, layout: Layout, truth: Truth) -> Iterator[AnsweredRow]:
    for row in rows:
        where = Where(rows.name, row.line)
        if not isinstance(row.data, Mapping):
            raise DataError("a row of named columns is wanted", where=where)
        yield _item(row, layout, truth, where)


def _item(row: Row, layout: Layout, truth: Truth, where: Where) -> AnsweredRow:
    data: Mapping[str, Any] = row.data
    right = _right(data.get(layout.expected)) if layout.expected else ()
    answers = {}
    for column in layout.answers or (None,):
        name = str(data.get(layout.model) or layout.name) if layout.model else layout.name
        name = name if column is None or len(layout.answers) == 1 else column
        answers[name] = _given(data, column, right, truth)
    try:
        place = int(data["row"]) if layout.numbered else 0
        return AnsweredRow(place, _question(data[layout.question], layout), answers, right)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"this row has no question: {error}", where=where) from error


def _question(given: Any, layout: Layout) -> str:
    if isinstance(given, list):
        messages = prompt_of({"messages": given}) if not layout.answers else given
        text = question_text(messages)
    else:
        text = str(given or "")
    if not text.strip():
        raise ValueError("it is empty")
    return text


def _given(data: Mapping[str, Any], column: str | None, right: Sequence[str], truth: Truth) -> Given:
    text = reply_of(data) if column is None else data.get(column)
    text = None if text is None else str(text)
    outcome = data.get("outcome")
    usable = bool(text and text.strip()) and (outcome is None or outcome in USABLE)
    known = data.get("correct")
    if known not in (None, ""):
        return Given(text if usable else None, str(known).casefold() in ("1", "true", "1.0"))
    if not usable or text is None:
        return Given(None, False if right else None)
    return Given(text, truth(text, right) if right else None)


def _right(cell: Any) -> tuple[str, ...]:
    if isinstance(cell, list | tuple):
        return tuple(str(one) for one in cell if str(one).strip())
    return tuple(part for part in str(cell).split(" | ") if part.strip()) if cell not in (None, "") else ()


def _grouped(items: Iterator[AnsweredRow], layout: Layout, name: str) -> Iterator[AnsweredRow]:
    """Items that are one question as one row. Raises DataError where a row has two answers of one model."""
    current: AnsweredRow | None = None
    for item in items:
        if current is None or not _together(current, item, layout, name):
            if current is not None:
                yield current
            number = -1 if current is None else current.row
            current = item if layout.numbered else item._replace(row=number + 1)
        else:
            current = current._replace(answers={**current.answers, **item.answers})
    if current is not None:
        yield current


def _together(current: AnsweredRow, item: AnsweredRow, layout: Layout, name: str) -> bool:
    twice = current.answers.keys() & item.answers.keys()
    if not layout.numbered:
        return layout.model is not None and item.question == current.question and not twice
    if item.row == current.row and twice:
        raise DataError(
            f"row {item.row} has two answers of {', '.join(twice)}",
            where=name,
            hint="Leave the column 'row' out where it does not number questions.",
        )
    return item.row == current.row

"""Opens what is to be judged: a benchmark's directory, a table, a batch's answers with its requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ftkit.benchmarking.judging.prompts import question_text
from ftkit.benchmarking.judging.sources import AnsweredRow, AnswerSet, Columns, Given, Truth, table_answers
from ftkit.data import prompt_of, read_jsonl, sha256_file
from ftkit.errors import DataError, UsageError, Where
from ftkit.gateway.reading import read_answer

RECORD, TABLE = "report.json", "answers.csv"


def open_answers(
    source: Any,
    *,
    columns: Columns | None = None,
    requests: str | Path | None = None,
    metric: Any = "exact",
) -> AnswerSet:
    """The answers in ``source``.

    A directory is a benchmark's; ``requests`` are those of a batch, whose answers ``source`` then holds;
    anything else is a table (see :func:`~ftkit.benchmarking.judging.sources.table_answers`). ``metric``
    says which answers are right where a table tells the right ones but not whether these are.
    """
    if isinstance(source, AnswerSet):
        return source
    path = Path(source) if isinstance(source, str | Path) else None
    if path is not None and (path / RECORD).is_file():
        return benchmark_answers(path)
    if path is not None and path.is_file() and path.name == RECORD:
        return benchmark_answers(path.parent)
    if requests is not None:
        if path is None:
            raise UsageError("the answers of a batch are a file")
        return batch_answers(path, Path(requests))
    return table_answers(source, columns or Columns(), _truth(metric))


def _truth(metric: Any) -> Truth:
    from ftkit.benchmarking.registry import find_metric

    found = find_metric(metric)
    return lambda answer, right: found.score(answer, right, tuple(right)).correct


def benchmark_answers(folder: Path) -> AnswerSet:
    """The answers of a benchmark in ``folder``, each with its conversation from the held-out file.

    Where that file is gone or another one, the question is what ``answers.csv`` shows of it.
    """
    import json

    try:
        record = json.loads((folder / RECORD).read_bytes())
        models = tuple(str(model["model"]) for model in record["models"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"this is no benchmark's record: {error}", where=str(folder / RECORD), hint="Run it again."
        ) from error
    if not (folder / TABLE).is_file():
        raise DataError("the benchmark's answers are not there", where=str(folder / TABLE))
    table = table_answers(folder / TABLE, Columns("prompt", ("answer",), "expected", "model"), _never)
    data = _held_out(record, folder)
    if data is None:
        note = "the held-out file is not as it was: judges see the questions without their system messages"
        return AnswerSet(str(folder), table.sha256, models, table.rows, (note,))
    return AnswerSet(str(folder), table.sha256, models, lambda: _whole(table, data))


def _never(answer: str, right: Any) -> bool:
    raise DataError(f"answers.csv does not say whether this answer is right: {answer[:60]!r}")


def _held_out(record: Mapping[str, Any], folder: Path) -> Path | None:
    """The file that was benchmarked: where it was, or beside the results."""
    named = Path(str(record.get("data") or ""))
    for path in (named, folder / named.name, folder.parent / named.name):
        if path.is_file() and sha256_file(path) == record.get("data_sha256"):
            return path
    return None


def _whole(table: AnswerSet, data: Path) -> Iterator[AnsweredRow]:
    """The rows of a benchmark's table with their whole conversations."""
    examples = enumerate(read_jsonl(data))
    for row in table.rows():
        example = next((found.data for number, found in examples if number == row.row), None)
        if example is None:
            raise DataError(f"row {row.row} of the answers is not in the held-out file", where=str(data))
        yield row._replace(question=question_text(prompt_of(example)))


def batch_answers(answers: Path, requests: Path) -> AnswerSet:
    """The answers of a run of batches (a line for each request, in their order), with no truth."""
    models: dict[str, None] = {}
    for row in _batch_rows(answers, requests):
        models.update(dict.fromkeys(row.answers))
    sha256 = f"{sha256_file(answers)} {sha256_file(requests)}"
    return AnswerSet(str(answers), sha256, tuple(models), lambda: _batch_rows(answers, requests))


def _batch_rows(answers: Path, requests: Path) -> Iterator[AnsweredRow]:
    lines = read_jsonl(answers)
    for number, request in enumerate(read_jsonl(requests)):
        line = next(lines, None)
        where = Where(requests, request.line)
        if line is None or line.data.get("custom_id") != request.data.get("custom_id"):
            raise DataError(
                f"the answer to {request.data.get('custom_id')!r} does not stand at its place",
                where=where,
                hint="The answers must be in the order of the requests, as `ftkit batches run` writes them.",
            )
        body = request.data.get("body") or {}
        if not isinstance(body.get("messages"), list):
            raise DataError("this is no request for a chat completion", where=where)
        answer = read_answer(line.data)
        whole = answer.ok and answer.finish_reason != "length" and (answer.text or "").strip()
        given = Given(answer.text if whole else None)
        yield AnsweredRow(number, question_text(body["messages"]), {str(body.get("model")): given})

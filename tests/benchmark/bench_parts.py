"""Held-out files, and whole reports made from real answers files without a platform."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ftkit.benchmarking import find_metric
from ftkit.benchmarking.assess import score_answers
from ftkit.benchmarking.gathering import Answers
from ftkit.benchmarking.record import AskedOnce
from ftkit.benchmarking.requests import slugs
from ftkit.benchmarking.results import BenchmarkReport
from ftkit.benchmarking.run import comparison, task_facts
from ftkit.benchmarking.summary import ModelFacts, score_of
from ftkit.benchmarking.task import Task
from ftkit.display import SilentDisplay
from ftkit.gateway.results import Answer
from ftkit.inference.lines import no_answer

LABELS = ("negative", "neutral", "positive")


def chat_row(text: str, reply: str | None, **extra: Any) -> dict[str, Any]:
    """One held-out row: a system message, a text, the right answer."""
    messages = [{"role": "system", "content": "Classify."}, {"role": "user", "content": text}]
    if reply is not None:
        messages.append({"role": "assistant", "content": reply})
    return {"messages": messages, **extra}


def write_rows(path: Path, rows: Sequence[Any]) -> Path:
    """Rows as a JSON lines file."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def answer(custom_id: str, text: str | None = "positive", **fields: Any) -> Answer:
    """A whole answer of the gateway's own type, with ten tokens in and two out."""
    given = {"ok": True, "finish_reason": "stop", "prompt_tokens": 10, "completion_tokens": 2, **fields}
    return Answer(custom_id=custom_id, text=text, **given)


def line_of(custom_id: str, made: Answer | None) -> dict[str, Any]:
    """The line of an answers file that says what ``made`` says; without it that no answer came."""
    if made is None:
        return no_answer(custom_id)
    if made.raw:
        return {"custom_id": custom_id, "error": None, **made.raw}
    if not made.ok:
        return {"custom_id": custom_id, "response": None, "error": {"message": made.error}}
    message = {"role": "assistant", "content": made.text}
    usage = {"prompt_tokens": made.prompt_tokens, "completion_tokens": made.completion_tokens}
    body = {"choices": [{"message": message, "finish_reason": made.finish_reason}], "usage": usage}
    return {"custom_id": custom_id, "response": {"status_code": 200, "body": body}, "error": None}


class Bench:
    """Answers of several models to one held-out file, scored as `ftkit.benchmark` scores them."""

    def __init__(
        self, folder: Path, rows: Sequence[dict[str, Any]], metric: Any, labels: Sequence[str]
    ) -> None:
        self.folder = folder
        data = write_rows(folder / "test.jsonl", rows)
        self.task = Task(data, find_metric(metric), tuple(labels), folder / "out")
        self.task.read(SilentDisplay())

    def ask(self, models: Sequence[str]) -> list[Answers]:
        """The places for the answers of these models."""
        names = slugs(models)
        asked = AskedOnce(batches=("batch_1",), seconds=1.5, via="batch")
        return [Answers(m, self.task.folder / f"{names[m]}.answers.jsonl", asked) for m in models]

    def write(self, one: Answers, reply: Callable[[int], Answer | None]) -> None:
        """Write a model's answers: ``reply(row)`` is that to a row."""
        name = self.task.ids.id_of
        write_rows(one.answers, [line_of(name(row), reply(row)) for row in range(len(self.task.ids))])

    def report(self, replies: dict[str, Callable[[int], Answer | None]], **fields: Any) -> BenchmarkReport:
        """The report on models whose answer to a row is ``replies[model](row)``."""
        asked = self.ask(list(replies))
        for one in asked:
            self.write(one, replies[one.model])
        tallies = score_answers(self.task, asked, SilentDisplay())
        scores = [
            score_of(
                ModelFacts(one.model, one.model, "tuned" if one.model.startswith("ft:") else "base", None),
                tallies[one.model],
                one.asked,
            )
            for one in asked
        ]
        facts = {"platform": "local", "created_at": "2026-01-02T03:04:05+00:00", "ftkit_version": "0"}
        whole = {**task_facts(self.task), **comparison(self.task, asked, scores, tallies), **facts, **fields}
        return BenchmarkReport(**whole)

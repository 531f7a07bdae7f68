"""Held-out files, and whole reports made from real answers files without a platform."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ftkit.benchmarking import find_metric
from ftkit.benchmarking.answers import write_answers
from ftkit.benchmarking.assess import score_answers
from ftkit.benchmarking.inference import Asked
from ftkit.benchmarking.results import BenchmarkReport
from ftkit.benchmarking.run import comparison, task_facts
from ftkit.benchmarking.state import BatchState
from ftkit.benchmarking.summary import ModelFacts, score_of
from ftkit.benchmarking.task import Task
from ftkit.catalog import ProviderLimits
from ftkit.display import SilentDisplay
from ftkit.gateway.results import Answer

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


class Bench:
    """Answers of several models to one held-out file, scored as `ftkit.benchmark` scores them."""

    def __init__(
        self, folder: Path, rows: Sequence[dict[str, Any]], metric: str, labels: Sequence[str]
    ) -> None:
        self.folder = folder
        data = write_rows(folder / "test.jsonl", rows)
        self.task = Task(data, find_metric(metric), tuple(labels), folder / "out")

    def ask(self, models: Sequence[str]) -> list[Asked]:
        """Write the requests of these models."""
        return self.task.write_requests(models, {"temperature": 0}, ProviderLimits(), SilentDisplay())

    def report(self, replies: dict[str, Callable[[int], Answer | None]], **fields: Any) -> BenchmarkReport:
        """The report on models whose answer to a row is ``replies[model](row)``."""
        asked = self.ask(list(replies))
        for one in asked:
            made = (replies[one.model](row) for row in range(len(self.task.ids)))
            write_answers(one.answers, [a for a in made if a is not None])
        tallies = score_answers(self.task, asked, SilentDisplay())
        scores = [
            score_of(
                ModelFacts(name, name, "tuned" if name.startswith("ft:") else "base", None),
                tallies[name],
                [BatchState(requests_sha256="0" * 64, rows=1, batch_id="batch_1", seconds=1.5)],
            )
            for name in replies
        ]
        facts = {"platform": "local", "created_at": "2026-01-02T03:04:05+00:00", "ftkit_version": "0"}
        whole = {**task_facts(self.task), **comparison(self.task, asked, scores, tallies), **facts, **fields}
        return BenchmarkReport(**whole)

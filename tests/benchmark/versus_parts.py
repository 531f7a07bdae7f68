"""Recorded benchmarks on disk, made by the real scoring from answers without a platform."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench_parts import LABELS, Bench, answer, chat_row

from ftkit.benchmarking.results import BenchmarkReport

Reply = Callable[[int], str | None]


def truth(row: int) -> str:
    """The right answer to a row."""
    return LABELS[row % 3]


def wrong(row: int) -> str:
    """A wrong one."""
    return LABELS[(row + 1) % 3]


def texts(count: int, begin: int = 0) -> list[dict[str, Any]]:
    """Rows with a text of their own each."""
    return [chat_row(f"text {row}", truth(row)) for row in range(begin, begin + count)]


def right_on(rows: set[int]) -> Reply:
    """A model that is right on these rows."""
    return lambda row: truth(row) if row in rows else wrong(row)


def record(
    folder: Path,
    replies: dict[str, Reply],
    rows: Sequence[dict[str, Any]] | None = None,
    *,
    metric: Any = "label",
    **fields: Any,
) -> Path:
    """The directory of a benchmark in which ``replies[model](row)`` was the answer to a row."""
    folder.mkdir(parents=True)
    bench = Bench(folder, list(rows) if rows is not None else texts(30), metric, ())
    name = bench.task.ids.id_of

    def made(reply: Reply) -> Callable[[int], Any]:
        return lambda row: answer(name(row), reply(row))

    report = bench.report({model: made(reply) for model, reply in replies.items()}, **fields)
    (folder / "out" / "report.json").write_text(report.model_dump_json(), encoding="utf-8")
    return folder / "out"


def record_run(folder: Path, replies: dict[str, Reply], **recipe: Any) -> Path:
    """The directory of a run of a recipe with that benchmark."""
    made = record(folder / "made", replies)
    report = BenchmarkReport.model_validate_json((made / "report.json").read_bytes())
    made.rename(folder / "benchmark")
    whole = {
        "recipe": "sentiment",
        "job": f"ftjob-{folder.name}",
        "parameters": recipe,
        "benchmark": report.model_dump(mode="json"),
    }
    (folder / "run.json").write_text(json.dumps(whole), encoding="utf-8")
    return folder

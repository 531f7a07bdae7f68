"""Measures scoring, statistics and report of a benchmark whose answers are all there.

    python benchmarks/scoring.py [--rows N] [--models N] [--runs N] [--metric NAME ...] [--out FILE]

Rows and answers are made up beforehand. Each run is a process of its own that reads the rows, scores
every model's answers into answers.csv and answers.parquet, compares the models, and writes report.json
and report.html. Seconds leave out the start of Python and the import of ftkit; memory is the peak of
the resident set, all in.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TARGET_SECONDS, TARGET_MEMORY = 60.0, 600
LABELS = ("negative", "neutral", "positive")
TOPICS = tuple(
    f"{first}{second}" for first in ("market", "tax", "trade", "power") for second in ("", "s", "day")
)
STEPS = ("read", "score", "compare", "report")


def make_rows(folder: Path, rows: int, metric: str) -> None:
    """Held-out rows of about 300 bytes: a text and its label, or its keywords."""
    chance = random.Random(1)
    words = [f"word{n}" for n in range(2000)]
    with (folder / f"{metric}.jsonl").open("w", encoding="utf-8") as file:
        for number in range(rows):
            right = _right(metric, chance)
            messages = [
                {"role": "system", "content": "Say what is asked for."},
                {"role": "user", "content": f"{number}: {' '.join(chance.choices(words, k=22))}"},
                {"role": "assistant", "content": right},
            ]
            file.write(json.dumps({"messages": messages}) + "\n")


def _right(metric: str, chance: random.Random) -> str:
    if metric == "keywords":
        return ", ".join(chance.sample(TOPICS, 4))
    return chance.choice(LABELS)


def make_answers(folder: Path, models: int, metric: str) -> None:
    """A file of answers for each model, the first one best, as they come from `inference.ask`."""
    from ftkit.benchmarking.requests import slugs

    task, names = task_of(folder, metric), names_of(models)
    for place, name in enumerate(names):
        chance = random.Random(10 + place)
        with (task.folder / f"{slugs(names)[name]}.answers.jsonl").open("w", encoding="utf-8") as file:
            for row in task.rows():
                says = _says(row.expected, metric, 0.85 - 0.04 * place, chance)
                file.write(json.dumps(_line(task.ids.id_of(row.number), says)) + "\n")


def _says(expected: tuple[str, ...], metric: str, sure: float, chance: random.Random) -> str:
    if metric == "keywords":
        words = [word.strip() for text in expected for word in text.split(",")]
        return ", ".join(word if chance.random() < sure else chance.choice(TOPICS) for word in words)
    return expected[0] if chance.random() < sure else chance.choice((*LABELS, "no idea"))


def _line(name: str, text: str) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 60, "completion_tokens": 2, "total_tokens": 62}
    body = {"id": f"chatcmpl-{name}", "object": "chat.completion", "created": 1, "choices": [choice]}
    response = {"status_code": 200, "body": {**body, "usage": usage}}
    return {"custom_id": name, "response": response, "error": None, "answered_at": 1, "cached": False}


def names_of(models: int) -> list[str]:
    """The first one is tuned."""
    return ["ft:model:first", *(f"model-{number}" for number in range(1, models))]


def task_of(folder: Path, metric: str) -> Any:
    """The task, its rows read."""
    from ftkit.benchmarking import find_metric
    from ftkit.benchmarking.task import Task
    from ftkit.display import SilentDisplay

    task = Task(folder / f"{metric}.jsonl", find_metric(metric), (), folder / metric)
    task.read(SilentDisplay())
    return task


class Clock:
    """Seconds of wall and processor time by step."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """One step."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall[name], self.cpu[name] = time.perf_counter() - wall, time.process_time() - cpu


def work(folder: Path, models: int, metric: str) -> dict[str, Any]:
    """All that a benchmark does once the answers are there; what it took."""
    from ftkit.benchmarking import BenchmarkReport, write_report
    from ftkit.benchmarking.assess import score_answers
    from ftkit.benchmarking.gathering import Answers
    from ftkit.benchmarking.record import AskedOnce
    from ftkit.benchmarking.requests import slugs
    from ftkit.benchmarking.run import comparison, task_facts
    from ftkit.benchmarking.summary import ModelFacts, score_of
    from ftkit.display import SilentDisplay

    clock, names = Clock(), names_of(models)
    with clock.step("read"):
        task = task_of(folder, metric)
    asked = AskedOnce(batches=("batch_1",), seconds=1.5, via="batch")
    answers = [Answers(n, task.folder / f"{slugs(names)[n]}.answers.jsonl", asked) for n in names]
    with clock.step("score"):
        tallies = score_answers(task, answers, SilentDisplay())
    with clock.step("compare"):
        facts = [ModelFacts(n, n, "tuned" if n.startswith("ft:") else "base", None) for n in names]
        scores = [score_of(one, tallies[one.model], asked) for one in facts]
        said = comparison(task, answers, scores, tallies)
    with clock.step("report"):
        report = BenchmarkReport(platform="none", **task_facts(task), **said)
        (task.folder / "report.json").write_text(report.model_dump_json(indent=2), encoding="utf-8")
        write_report(report, task.folder / "report.html")
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "wall": clock.wall,
        "cpu": clock.cpu,
        "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
        "verdict": report.verdict,
        "page": (task.folder / "report.html").stat().st_size,
    }


PARTS: dict[str, Callable[[Path, argparse.Namespace], Any]] = {
    "make": lambda folder, options: make_answers(folder, options.models, options.metric[0]),
    "work": lambda folder, options: work(folder, options.models, options.metric[0]),
}


def in_process(part: str, folder: Path, options: argparse.Namespace, metric: str) -> dict[str, Any]:
    """One part in a process of its own; what it says of itself."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, __file__, "--part", part, "--folder", str(folder), "--metric", metric]
    command += ["--models", str(options.models)]
    done = subprocess.run(command, capture_output=True, text=True, env=own, check=False)
    if done.returncode:
        raise SystemExit(done.stderr or done.stdout)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1]) or {}
    return told


def spread(values: list[float], digits: int = 1) -> str:
    """The median and the range."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:,.{digits}f} ({low:,.{digits}f}-{high:,.{digits}f})"


def table(runs: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """The lines of the Markdown table."""
    yield "| metric | step | processor time (s) | wall time (s) | asked for |"
    yield "|---|---|---|---|---|"
    for metric, done in runs.items():
        for step in STEPS:
            cpu, wall = ([run[kind][step] for run in done] for kind in ("cpu", "wall"))
            yield f"| {metric} | {step} | {spread(cpu)} | {spread(wall)} | - |"
        cpu, wall = ([sum(run[kind].values()) for run in done] for kind in ("cpu", "wall"))
        yield f"| {metric} | all | {spread(cpu)} | {spread(wall)} | <= {TARGET_SECONDS:.0f} s |"
    yield ""
    yield "| metric | peak memory (MB) | asked for | report.html (MB) |"
    yield "|---|---|---|---|"
    for metric, done in runs.items():
        memory, page = ([run[kind] / 1e6 for run in done] for kind in ("rss", "page"))
        yield f"| {metric} | {spread(memory, 0)} | <= {TARGET_MEMORY} MB | {spread(page, 2)} |"


def report(options: argparse.Namespace, runs: dict[str, list[dict[str, Any]]], load: str) -> str:
    """The Markdown."""
    lines = [
        "# Scoring and reporting",
        "",
        f"`python benchmarks/scoring.py --rows {options.rows} --runs {options.runs}`.",
        f"{options.rows:,} rows, {options.models} models: read, scored into answers.csv and answers.parquet,",
        "compared, written as report.json and report.html. `label` is right or wrong (Wilson, McNemar),",
        "`keywords` a score of 0 to 1 (bootstrap). One process: on a machine with other work on it, the",
        "processor time is what the work takes.",
        "",
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {options.runs} runs, {load}.",
        "Medians and ranges.",
        "",
        *table(runs),
        "",
        *(f"- {metric}: {done[-1]['verdict']}" for metric, done in runs.items()),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Make the data, measure, print the table and write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--models", type=int, default=5)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--metric", nargs="*", default=["label", "keywords"])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(PARTS[options.part](options.folder, options)))
        return
    with tempfile.TemporaryDirectory(prefix="ftkit-scoring-") as name:
        folder = Path(name)
        before, runs = os.getloadavg()[0], {}
        for metric in options.metric:
            make_rows(folder, options.rows, metric)
            in_process("make", folder, options, metric)
            runs[metric] = [in_process("work", folder, options, metric) for _ in range(options.runs)]
    text = report(options, runs, f"load of the machine {before:.1f} to {os.getloadavg()[0]:.1f}")
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

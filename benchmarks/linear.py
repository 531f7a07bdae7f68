"""Measures the linear engine against scikit-learn: how often each is right, and how long each trains.

    python benchmarks/linear.py                             # all tasks, three runs; writes linear.md
    python benchmarks/linear.py --data financial-phrasebank.csv --only real --runs 5
    python benchmarks/linear.py --only short --rows 5000 --runs 1 --print

Each training runs in a fresh process, the engine and scikit-learn in turns on the same rows. Seconds are
from the rows in memory to the model (the engine's saved to disk too), without the start of Python and
imports; memory is the process's highest resident set less that before the training. scikit-learn is
``TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)`` with ``LogisticRegression(max_iter=1000)``, all
else at its defaults; a task of several fields is a training for each. The tasks:

``short``   a label of three, texts of 20 words, a long system prompt;
``many``    a label of 150, texts of 12 words;
``long``    a label of six, texts of 200 words, a fifth of the rows;
``fields``  a JSON object of three fields with 4, 12 and 2 values;
``real``    the CSV of ``--data``: label, text (a fifth of the rows are asked).
"""

from __future__ import annotations

import argparse
import csv
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
from collections.abc import Callable
from pathlib import Path
from typing import Any

Rows = list[tuple[str, str]]
ASKED = 4000
SYSTEM = "You are a careful classifier of texts. Read the text to its end, then answer. " * 4
PLACE = Path(__file__).with_name("linear.md")


class Words:
    """A made-up language: common words, and some for each label."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        syllables = [a + b for a in "bdklmnprst" for b in "aeiou"]
        words = sorted({a + b + c for a in syllables for b in syllables for c in ("", "n", "ra", "mi")})
        random.Random(0).shuffle(words)
        self.common, self.marks = words[:3000], words[3000:]

    def text(self, length: int, labels: list[tuple[int, int]], noise: float = 0.35) -> str:
        """``length`` words, two for each (task, label); some of them are another label's."""
        words = [self.common[int(3000 * self.rng.random() ** 3)] for _ in range(length - 2 * len(labels))]
        for task, label in labels:
            for _ in range(2):
                shown = label if self.rng.random() > noise else self.rng.randrange(200)
                words.append(
                    self.marks[(task * 2000 + shown * 10 + self.rng.randrange(10)) % len(self.marks)]
                )
        self.rng.shuffle(words)
        return " ".join(words)


def labelled(labels: int, length: int, share: float) -> Callable[[int, int], Rows]:
    """Rows of one label."""

    def make(count: int, seed: int) -> Rows:
        words = Words(seed)
        chosen = [words.rng.randrange(labels) for _ in range(int(count * share))]
        return [(words.text(length, [(0, label)] * (1 + length // 60)), f"label {label}") for label in chosen]

    return make


def fields(count: int, seed: int) -> Rows:
    """Rows of a JSON object of three fields."""
    words, rows = Words(seed), []
    for _ in range(count):
        values = [words.rng.randrange(size) for size in (4, 12, 2)]
        reply = {"mood": f"m{values[0]}", "topic": {"name": f"t{values[1]}"}, "urgent": bool(values[2])}
        rows.append((words.text(24, list(enumerate(values))), json.dumps(reply)))
    return rows


TASKS: dict[str, Callable[[int, int], Rows]] = {
    "short": labelled(3, 20, 1),
    "many": labelled(150, 12, 1),
    "long": labelled(6, 200, 0.2),
    "fields": fields,
}


def read_csv(path: Path, seed: int) -> tuple[Rows, Rows]:
    """(learnt, asked) rows of a CSV file of label and text."""
    with path.open(encoding="latin-1", newline="") as file:
        rows = [(text, label) for label, text in csv.reader(file.read().splitlines())]
    random.Random(seed).shuffle(rows)
    return rows[len(rows) // 5 :], rows[: len(rows) // 5]


def rows_of(task: str, count: int, seed: int, data: Path | None) -> tuple[Rows, Rows]:
    """(learnt, asked) rows of a task."""
    if data is not None:
        return read_csv(data, seed)
    return TASKS[task](count, seed), TASKS[task](ASKED, seed + 1000)


class Keeper:
    """The engine's callbacks: keeps the last model's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def step(self, metrics: Any) -> None:
        """Nothing to keep."""

    def checkpoint(self, metrics: Any, save: Callable[[Path], None]) -> None:
        """Save as a platform does."""
        self.folder = Path(tempfile.mkdtemp(dir=self.folder.parent))
        save(self.folder)

    def note(self, message: str, *, warning: bool = False) -> None:
        """Nothing to keep."""

    def pulse(self) -> None:
        """Nothing to keep."""


def conversation(text: str) -> list[dict[str, str]]:
    """As a chat row."""
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]


def by_engine(learnt: Rows, asked: Rows, seed: int) -> dict[str, float]:
    """Train and ask the linear engine."""
    import numpy  # noqa: F401
    import scipy.sparse  # noqa: F401

    from ftkit.local.engines.base import ModelSpec, TrainingExample, TrainingRequest
    from ftkit.local.engines.linear import LinearEngine
    from ftkit.local.engines.linear import train as _train  # noqa: F401 - its import is not measured

    engine = LinearEngine()
    examples = [TrainingExample(conversation(text), label) for text, label in learnt]
    with tempfile.TemporaryDirectory() as name:
        keeper = Keeper(Path(name) / "model")
        (scratch := Path(name) / "scratch").mkdir()
        plan = engine.plan({}, len(examples))
        before, started = memory(), time.perf_counter()
        engine.train(TrainingRequest(examples, None, plan, seed, scratch), keeper)
        seconds, used = time.perf_counter() - started, memory() - before
        model = engine.load(keeper.folder, ModelSpec("linear", "linear"))
        started = time.perf_counter()
        given = model.respond([conversation(text) for text, _ in asked])  # type: ignore[attr-defined]
        rate = len(asked) / (time.perf_counter() - started)
    return {"right": share(given, asked), "seconds": seconds, "memory": used, "rate": rate}


def by_sklearn(learnt: Rows, asked: Rows, seed: int) -> dict[str, float]:
    """Train and ask scikit-learn, once for each field."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    before, started = memory(), time.perf_counter()
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    vectors = vectorizer.fit_transform([text for text, _ in learnt])
    parted = [parts(label) for _, label in learnt]
    models = [
        LogisticRegression(max_iter=1000).fit(vectors, [one[place] for one in parted])
        for place in range(len(parted[0]))
    ]
    seconds, used = time.perf_counter() - started, memory() - before
    started = time.perf_counter()
    vectors = vectorizer.transform([text for text, _ in asked])
    given = list(zip(*(model.predict(vectors) for model in models), strict=True))
    rate = len(asked) / (time.perf_counter() - started)
    right = sum(one == parts(label) for one, (_, label) in zip(given, asked, strict=True)) / len(asked)
    return {"right": right, "seconds": seconds, "memory": used, "rate": rate}


def parts(label: str) -> tuple[str, ...]:
    """The values of a reply, one for each training."""
    if not label.startswith("{"):
        return (label,)
    reply = json.loads(label)
    return (reply["mood"], reply["topic"]["name"], str(reply["urgent"]))


def share(given: list[str], asked: Rows) -> float:
    """The share of replies that are right as a whole."""
    return sum(one == label for one, (_, label) in zip(given, asked, strict=True)) / len(asked)


def memory() -> float:
    """The highest resident set so far, in MB."""
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


WORKS = {"engine": by_engine, "scikit-learn": by_sklearn}


def in_process(work: str, task: str, options: argparse.Namespace, seed: int) -> dict[str, float]:
    """One training in a fresh process."""
    command = [sys.executable, __file__, "--work", work, "--only", task, "--rows", str(options.rows)]
    command += ["--seed", str(seed), *(("--data", str(options.data)) if task == "real" else ())]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def table(options: argparse.Namespace) -> str:
    """All tasks as a Markdown table: medians of the runs, the range of the ratios."""
    heads = ["task", "right: engine", "scikit-learn", "seconds: engine", "scikit-learn"]
    heads += ["scikit-learn : engine", "MB: engine", "scikit-learn", "answers/s: engine", "scikit-learn"]
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores"
    lines = [f"{machine}; {options.rows:,} rows; {options.runs} run(s), medians, ranges of ratios\n"]
    lines += [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for task in options.only or [*TASKS, *(("real",) if options.data else ())]:
        runs = [
            {work: in_process(work, task, options, seed) for work in WORKS} for seed in range(options.runs)
        ]
        ratios = sorted(run["scikit-learn"]["seconds"] / run["engine"]["seconds"] for run in runs)
        cells = [task]
        for name, form in (("right", "{:.1%}"), ("seconds", "{:.1f}")):
            cells += [form.format(middle(runs, work, name)) for work in WORKS]
        cells.append(f"{statistics.median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f}) x")
        for name in ("memory", "rate"):
            cells += [f"{middle(runs, work, name):,.0f}" for work in WORKS]
        lines.append(f"| {' | '.join(cells)} |")
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines) + "\n"


def middle(runs: list[dict[str, dict[str, float]]], work: str, name: str) -> float:
    """The median of a figure."""
    return statistics.median(run[work][name] for run in runs)


def main() -> None:
    """Measure; write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="*", choices=[*TASKS, "real"])
    parser.add_argument("--data", type=Path, help="a CSV of label, text")
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--print", action="store_true", help="write no linear.md")
    parser.add_argument("--work", choices=list(WORKS), help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        learnt, asked = rows_of(options.only[0], options.rows, options.seed, options.data)
        print(json.dumps(WORKS[options.work](learnt, asked, options.seed)))
        return
    made = table(options)
    if options.print:
        print(made)
    else:
        before, rest = PLACE.read_text().split("<!-- table -->\n", 1)
        PLACE.write_text(f"{before}<!-- table -->\n{made}<!-- end -->{rest.split('<!-- end -->', 1)[1]}")


if __name__ == "__main__":
    main()

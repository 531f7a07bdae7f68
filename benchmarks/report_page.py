"""Measures the report's page: how large it is, and how soon a real Chromium shows it and searches in it.

    python benchmarks/report_page.py [--rows N] [--models N] [--opens N] [--shape NAME ...] [--out FILE]

Rows and answers are made up, scored by ftkit and written as report.html, in three shapes: short texts with
three labels, long texts and long answers, and many labels. Every opening is a tab of its own from a
file; the first one is of a browser that has just begun. Chromium is found as the tests find it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import chromium

TARGET_SECONDS, TARGET_BYTES = 2.0, 15e6
WORDS = tuple(f"word{number}" for number in range(2000))
LOADED = """(() => {
  const [one] = performance.getEntriesByType('navigation');
  const paint = performance.getEntriesByName('first-contentful-paint')[0];
  return [one.loadEventEnd, paint ? paint.startTime : null, one.domInteractive];
})()"""
SEARCH = """(async () => {
  const words = document.getElementById('words');
  const begun = performance.now();
  words.value = 'word7';
  words.dispatchEvent(new Event('input'));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - begun;
})()"""


class Shape(NamedTuple):
    """What the rows and answers are like: words of a text and of an answer, how many labels."""

    text: int
    answer: int
    labels: int

    @property
    def metric(self) -> str:
        return "label" if self.answer == 1 else "contains"


SHAPES = {
    "short texts": Shape(22, 1, 3),
    "long texts and answers": Shape(600, 400, 3),
    "150 labels": Shape(22, 1, 150),
}


def make(folder: Path, shape: Shape, rows: int, models: int) -> Path:
    """Score made-up answers, and write the page."""
    from ftkit.benchmarking import BenchmarkReport, find_metric, write_report
    from ftkit.benchmarking.assess import score_answers
    from ftkit.benchmarking.gathering import Answers
    from ftkit.benchmarking.record import AskedOnce
    from ftkit.benchmarking.run import comparison, task_facts
    from ftkit.benchmarking.summary import ModelFacts, score_of
    from ftkit.benchmarking.task import Task
    from ftkit.display import SilentDisplay

    quiet = SilentDisplay()
    task = Task(_rows(folder, shape, rows), find_metric(shape.metric), (), folder / "out")
    task.read(quiet)
    names = ["ft:model:first", *(f"model-{number}" for number in range(1, models))]
    asked = AskedOnce(batches=("batch_1",), seconds=1.5, via="batch")
    answers = [Answers(n, task.folder / f"{place}.answers.jsonl", asked) for place, n in enumerate(names)]
    for place, one in enumerate(answers):
        _answers(task, one.answers, shape, 0.9 - 0.05 * place, random.Random(place))
    tallies = score_answers(task, answers, quiet)
    facts = [ModelFacts(n, n, "tuned" if n.startswith("ft:") else "base", None) for n in names]
    scores = [score_of(one, tallies[one.model], asked) for one in facts]
    report = BenchmarkReport(
        platform="none", **task_facts(task), **comparison(task, answers, scores, tallies)
    )
    write_report(report, folder / "report.html")
    return folder / "report.html"


def _rows(folder: Path, shape: Shape, rows: int) -> Path:
    chance, path = random.Random(1), folder / "test.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            said = f"{number}: {' '.join(chance.choices(WORDS, k=shape.text))}"
            right = f"label{chance.randrange(shape.labels)}"
            turns = (("system", "Say the label."), ("user", said), ("assistant", right))
            file.write(json.dumps({"messages": [{"role": r, "content": t} for r, t in turns]}) + "\n")
    return path


def _answers(task: Any, path: Path, shape: Shape, sure: float, chance: random.Random) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in task.rows():
            label = row.expected[0] if chance.random() < sure else f"label{chance.randrange(shape.labels)}"
            text = " ".join([*chance.choices(WORDS, k=shape.answer - 1), label])
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            usage = {"prompt_tokens": 60, "completion_tokens": 2}
            response = {"status_code": 200, "body": {"choices": [choice], "usage": usage}}
            name = task.ids.id_of(row.number)
            file.write(json.dumps({"custom_id": name, "response": response, "error": None}) + "\n")


class Opened(NamedTuple):
    """Seconds until something is seen, until all is loaded and its script has run, and for a search."""

    painted: float
    loaded: float
    searched: float
    rows: int


def opened(browser: chromium.Chromium, page: Path) -> Opened:
    """Open the page in a tab of its own, on a screen of usual size."""
    tab = browser.tab()
    tab.size(1280, 900)
    tab.open(page.as_uri())
    tab.until("performance.getEntriesByName('first-contentful-paint').length")
    assert tab.complaints() == []
    loaded, painted, _ = tab.value(LOADED)
    rows = tab.value("document.querySelectorAll('#rows > li').length")
    return Opened(painted / 1000, loaded / 1000, tab.value(SEARCH) / 1000, rows)


def measured(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """One shape: the page's size, and its openings."""
    with tempfile.TemporaryDirectory(prefix="ftkit-page-", ignore_cleanup_errors=True) as made:
        begun = time.perf_counter()
        page = make(Path(made), SHAPES[name], options.rows, options.models)
        took = time.perf_counter() - begun
        browser = chromium.Chromium(Path(made) / "profile")
        try:
            opens = [opened(browser, page) for _ in range(options.opens)]
        finally:
            browser.close()
        return {"bytes": page.stat().st_size, "opens": opens, "made": took}


def spread(values: list[float]) -> str:
    """The median and the range."""
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def table(found: dict[str, dict[str, Any]]) -> list[str]:
    """The Markdown table."""
    heads = ("shape", "size (MB)", "asked for", "rows in it", "first paint (s)", "loaded, first open (s)")
    heads += ("loaded (s)", "asked for", "one search (s)")
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for name, one in found.items():
        opens: list[Opened] = one["opens"]
        painted, loaded, searched = ([o[place] for o in opens] for place in range(3))
        lines.append(
            f"| {name} | {one['bytes'] / 1e6:.2f} | <= {TARGET_BYTES / 1e6:.0f} MB | {opens[0].rows} "
            f"| {spread(painted)} | {opens[0].loaded:.2f} | {spread(loaded)} "
            f"| <= {TARGET_SECONDS:.0f} s | {spread(searched)} |"
        )
    return lines


def main() -> None:
    """Measure, print the table, write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--models", type=int, default=5)
    parser.add_argument("--opens", type=int, default=7)
    parser.add_argument("--shape", nargs="*", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    binary = chromium.find()
    if binary is None:
        raise SystemExit("there is no Chromium here; name one in FTKIT_TEST_CHROMIUM")
    before = os.getloadavg()[0]
    found = {name: measured(name, options) for name in options.shape}
    version = subprocess.run(
        [binary, "--version"], capture_output=True, text=True, check=False
    ).stdout.strip()
    text = "\n".join(
        [
            "# The report's page",
            "",
            f"`python benchmarks/report_page.py --rows {options.rows} --opens {options.opens}`: reports on",
            f"{options.rows:,} rows and {options.models} models. {version},",
            f"no graphics processor; Python {platform.python_version()}, {os.cpu_count()} cores, load of the",
            f"machine {before:.1f} to {os.getloadavg()[0]:.1f}. Medians and ranges.",
            "",
            *table(found),
        ]
    )
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

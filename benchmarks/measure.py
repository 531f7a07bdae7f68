"""Measures what README promises, as ratios and medians, and prints the tables of benchmarks/README.md.

    python benchmarks/measure.py [--runs N] [--only NAME ...]

Everything runs in temporary folders with the environment that this Python belongs to. Memory is
the sum of the resident sets of the command, the server and its workers, sampled every 20 ms: pages
that processes share are counted once for each, so the real figure is lower.
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
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

FTKIT = [sys.executable, "-m", "ftkit"]
SCRIPT = str(Path(sys.executable).with_name("ftkit"))


@dataclass
class Sample:
    """One measured command: seconds of wall time, bytes of memory at the peak, its exit code."""

    seconds: float
    peak: int = 0
    code: int = 0
    out: str = ""


@dataclass
class Row:
    """One line of the result table."""

    what: str
    figure: str
    asked: str
    runs: list[float] = field(default_factory=list)


def children_of() -> dict[int, list[int]]:
    """Process ids below each process id, from /proc."""
    tree: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:  # it ended between listing and reading
                continue
            tree.setdefault(parent, []).append(int(entry.name))
    return tree


def resident(root: int) -> int:
    """Bytes resident in a process and all below it."""
    tree, todo, total = children_of(), [root], 0
    while todo:
        one = todo.pop()
        todo += tree.get(one, [])
        try:
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            continue
    return total


def timed(command: list[str], *, folder: Path, memory: bool = False) -> Sample:
    """Run a command in ``folder`` with its own state, and measure it."""
    environment = {
        **os.environ,
        "FTKIT_STATE_DIR": str(folder / "state"),
        "FTKIT_RUNS_DIR": str(folder / "runs"),
        "FTKIT_CONFIG_DIR": str(folder / "config"),
    }
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    sample = Sample(0.0)
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            sample.peak = max(sample.peak, resident(process.pid))

    watcher = threading.Thread(target=watch) if memory else None
    if watcher:
        watcher.start()
    sample.out, _ = process.communicate()
    sample.seconds, sample.code = time.perf_counter() - started, process.returncode
    ended.set()
    if watcher:
        watcher.join()
    return sample


def spread(values: list[float], digits: int = 2) -> str:
    """``median (lowest to highest)``."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def start_up(runs: int) -> list[Row]:
    """`ftkit --help` against `python -c "import click"`, in turn."""
    ratios, ours = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for index in range(max(runs, 11) + 1):
            base = timed([sys.executable, "-c", "import click"], folder=folder).seconds
            help_ = timed([SCRIPT, "--help"], folder=folder).seconds
            if index:  # the first pair warms the caches
                ratios.append(help_ / base)
                ours.append(help_)
    return [
        Row('`ftkit --help` : `python -c "import click"`', f"{spread(ratios)} x", "<= 2.5 x", ratios),
        Row("`ftkit --help`", f"{spread(ours)} s", "-", ours),
    ]


def demo(runs: int) -> list[Row]:
    """`ftkit run sentiment` in an empty folder, then once more."""
    seconds, peaks, again = [], [], []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as name:
            first = timed([*FTKIT, "run", "sentiment", "--json"], folder=Path(name), memory=True)
            second = timed([*FTKIT, "run", "sentiment", "--json"], folder=Path(name))
        if first.code or json.loads(second.out)["state"] != "already done":
            raise SystemExit("the demo run failed; run `ftkit run sentiment` to see why")
        seconds.append(first.seconds)
        peaks.append(first.peak / 1e6)
        again.append(second.seconds)
    return [
        Row("demo run", f"{spread(seconds, 1)} s", "<= 30 s", seconds),
        Row("memory of the demo run, all processes", f"{spread(peaks, 0)} MB", "<= 600 MB", peaks),
        Row("the same again (already done)", f"{spread(again)} s", "-", again),
    ]


def sentences(count: int, seed: int = 1) -> list[tuple[str, str]]:
    """(text, label) rows of made-up words, a few of which tell the label."""
    rng = random.Random(seed)
    words = [f"{a}{b}{c}" for a in "bdklmnprst" for b in "aeiou" for c in "bdklmnprst"]
    marks = {"alpha": words[:20], "beta": words[20:40], "gamma": words[40:60]}
    rows = []
    for _ in range(count):
        label = rng.choice(list(marks))
        text = [*rng.choices(words[60:], k=18), *rng.choices(marks[label], k=2)]
        rng.shuffle(text)
        rows.append((" ".join(text), label))
    return rows


def write_training(path: Path, count: int) -> None:
    """A chat file of ``count`` examples with three labels."""
    with path.open("w") as file:
        for text, label in sentences(count):
            messages = [
                {"role": "system", "content": "Answer with one word: alpha, beta or gamma."},
                {"role": "user", "content": text},
                {"role": "assistant", "content": label},
            ]
            file.write(json.dumps({"messages": messages}) + "\n")


def training(runs: int) -> list[Row]:
    """Rows that the linear engine trains on in a second: a whole job over HTTP, from creation to the end."""
    from ftkit.gateway import connect
    from ftkit.settings import load_settings

    rates, rows, epochs = [], 20_000, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_training(folder / "train.jsonl", rows)
        with connect("local", settings=load_settings(state_dir=folder / "state")) as client:
            uploaded = client.files.upload(folder / "train.jsonl")
            for _ in range(runs):
                started = time.perf_counter()
                job = client.jobs.create(training_file=uploaded.id, model="linear", again=True)
                for _event in client.jobs.watch(job.id):
                    pass
                done = client.jobs.get(job.id)
                done.raise_if_failed()
                epochs = int(done.hyperparameters["n_epochs"])
                rates.append(rows * epochs / (time.perf_counter() - started))
            client.stop_local()
    what = f"linear training, {rows:,} rows x {epochs} epochs, whole job"
    return [Row(what, f"{spread(rates, 0)} rows/s", "-", rates)]


def batch(runs: int) -> list[Row]:
    """Requests that a local batch answers in a second: created to completed, on a tuned model."""
    from ftkit.gateway import chat_request, connect
    from ftkit.settings import load_settings

    count, rates = 10_000, []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_training(folder / "train.jsonl", 2000)
        with connect("local", settings=load_settings(state_dir=folder / "state")) as client:
            job = client.jobs.create(
                training_file=client.files.upload(folder / "train.jsonl").id, model="linear"
            )
            for _event in client.jobs.watch(job.id):
                pass
            model = client.jobs.get(job.id).fine_tuned_model
            assert model is not None
            for run in range(runs):
                asked = [
                    chat_request(f"r{i}", model, [{"role": "user", "content": text}], max_tokens=4)
                    for i, (text, _) in enumerate(sentences(count, seed=run + 2))
                ]
                path = folder / f"requests-{run}.jsonl"
                path.write_text("".join(json.dumps(one) + "\n" for one in asked))
                started = time.perf_counter()
                made = client.batches.submit(path)
                for _state in client.batches.watch(made.id):
                    pass
                got = sum(1 for answer in client.batches.results(made.id) if answer.ok)
                if got != count:
                    raise SystemExit(f"{got} answers of {count}")
                rates.append(count / (time.perf_counter() - started))
            client.stop_local()
    what = f"local batch of {count:,} requests: upload, run, download"
    return [Row(what, f"{spread(rates, 0)} requests/s", "-", rates)]


MEASURES: dict[str, Callable[[int], list[Row]]] = {
    "start-up": start_up,
    "demo": demo,
    "training": training,
    "batch": batch,
}


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=list(MEASURES), default=list(MEASURES))
    options = parser.parse_args()
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {options.runs} runs; medians, ranges\n"
    )
    print("| what | measured | asked for |\n|---|---|---|")
    for name in options.only:
        for row in MEASURES[name](options.runs):
            print(f"| {row.what} | {row.figure} | {row.asked} |", flush=True)


if __name__ == "__main__":
    main()

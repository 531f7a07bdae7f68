"""Measures a batch of a million requests, without a server: prepared, cut into shards, and joined again.

    python benchmarks/bulk.py [--requests N] [--runs N] [--out FILE]

Each part runs in a process of its own; the answers are made up beforehand, in an order of chance within
each shard. Rates are megabytes of what is read (requests; answers) by seconds of processor time, so that
other work on the machine does not count; memory is the peak of the resident set.
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
from collections.abc import Callable
from pathlib import Path
from typing import Any

SHARD = 50_000
WORDS = 128
TARGET_RATE, TARGET_MEMORY = 60.0, 300


def make_requests(path: Path, count: int) -> None:
    """Requests of about a kilobyte each."""
    chance = random.Random(1)
    words = [f"word{n}" for n in range(1000)]
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            text = " ".join(chance.choices(words, k=WORDS))
            messages = [{"role": "system", "content": "Answer."}, {"role": "user", "content": text}]
            body = {"model": "gpt-4.1-mini", "messages": messages, "max_tokens": 16, "temperature": 0}
            row = {"custom_id": f"request-{number}", "method": "POST", "url": "/v1/chat/completions"}
            file.write(json.dumps({**row, "body": body}) + "\n")


def make_answers(folder: Path, count: int) -> None:
    """An output file for each shard, its lines in an order of chance."""
    chance = random.Random(2)
    text = "An answer of some words. " * 24
    for shard, first in enumerate(range(0, count, SHARD)):
        numbers = list(range(first, min(first + SHARD, count)))
        chance.shuffle(numbers)
        with (folder / f"{shard:05}.jsonl").open("w", encoding="utf-8") as file:
            for number in numbers:
                message = {"role": "assistant", "content": text, "refusal": None}
                usage = {"prompt_tokens": 220, "completion_tokens": 120, "total_tokens": 340}
                choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
                body = {"id": f"chatcmpl-{number}", "object": "chat.completion", "created": 1, "model": "m"}
                response = {"status_code": 200, "request_id": f"req_{number}"}
                response["body"] = {**body, "choices": [choice], "usage": usage}  # type: ignore[assignment]
                line = {"id": f"batch_req_{number}", "custom_id": f"request-{number}"}
                file.write(json.dumps({**line, "response": response, "error": None}) + "\n")


def prepare_part(folder: Path) -> int:
    """Read, check and write the requests in shards; bytes."""
    from ftkit.display import SilentDisplay
    from ftkit.gateway.bulk.plan import ShardLimits
    from ftkit.gateway.bulk.prepare import prepare
    from ftkit.gateway.dialect import Translator
    from ftkit.settings import Settings

    provider = Settings().catalog.provider("openai")
    limits = ShardLimits(SHARD, provider.limits.batch_bytes)
    source = folder / "requests.jsonl"
    made = prepare(
        source, folder / "prepared", Translator(provider, SilentDisplay()), limits, SilentDisplay()
    )
    if made.plan.bytes != source.stat().st_size:
        raise SystemExit("the shards are not what the requests were")
    return made.plan.bytes


def join_part(folder: Path) -> int:
    """Find each request's answer by its custom_id and write all in order; bytes."""
    from ftkit.gateway.bulk.answers import AnswerTable
    from ftkit.gateway.bulk.ids import IdIndex
    from ftkit.gateway.bulk.joining import write_answers
    from ftkit.gateway.bulk.plan import IDS, Prepared

    prepared = Prepared.at(folder / "prepared")
    assert prepared is not None
    ids = prepared.folder / IDS
    table = AnswerTable(IdIndex(ids, prepared.count), prepared.count)
    files = sorted((folder / "answers").iterdir())
    for number, (shard, file) in enumerate(zip(prepared.plan.shards, files, strict=True)):
        table.asking(number, slice(shard.first, shard.first + shard.rows))
        table.read(number, file)
    failures = write_answers(table, ids, folder / "joined.jsonl", ("no_answer", "none"))
    if failures or table.came.strangers or table.came.duplicates:
        raise SystemExit(f"not every request has its answer: {failures} {table.came}")
    return sum(file.stat().st_size for file in files)


PARTS: dict[str, Callable[[Path], int]] = {"prepare": prepare_part, "join": join_part}


def child(part: str, folder: Path) -> None:
    """Do one part and tell what it took."""
    began = time.perf_counter()
    size = PARTS[part](folder)
    used = resource.getrusage(resource.RUSAGE_SELF)
    unit = 1 if sys.platform == "darwin" else 1024
    told = {
        "bytes": size,
        "wall": time.perf_counter() - began,
        "cpu": used.ru_utime + used.ru_stime,
        "rss": used.ru_maxrss * unit,
    }
    print(json.dumps(told))


def measured(part: str, folder: Path) -> dict[str, float]:
    """One part in a process of its own."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, __file__, "--part", part, "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=own, check=False)
    if done.returncode:
        raise SystemExit(done.stderr or done.stdout)
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def spread(values: list[float], digits: int = 0) -> str:
    """The median and the range."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:,.{digits}f} ({low:,.{digits}f}-{high:,.{digits}f})"


def report(count: int, runs: list[dict[str, dict[str, float]]], load: str) -> str:
    """The Markdown."""
    lines = [
        "# A batch of any size",
        "",
        f"`python benchmarks/bulk.py --requests {count} --runs {len(runs)}`. {count:,} requests are prepared",
        f"in shards of {SHARD:,}; their answers, shuffled within each shard, are joined in the order of the",
        "requests. No server takes part.",
        "",
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {len(runs)} runs, {load}.",
        "Medians and ranges.",
        "",
        "| part | data (MB) | MB/s of processor time | MB/s of wall time | peak memory (MB) | asked for |",
        "|---|---|---|---|---|---|",
    ]
    for part in (*PARTS, "both"):
        rows: list[dict[str, Any]] = [_both(run) if part == "both" else run[part] for run in runs]
        size = rows[0]["bytes"] / 1e6
        cpu = spread([row["bytes"] / 1e6 / row["cpu"] for row in rows])
        wall = spread([row["bytes"] / 1e6 / row["wall"] for row in rows])
        memory = spread([row["rss"] / 1e6 for row in rows])
        asked = f">= {TARGET_RATE:.0f} MB/s, <= {TARGET_MEMORY} MB"
        lines.append(f"| {part} | {size:,.0f} | {cpu} | {wall} | {memory} | {asked} |")
    return "\n".join(lines) + "\n"


def _both(run: dict[str, dict[str, float]]) -> dict[str, float]:
    """Both parts, one after the other."""
    summed = {name: sum(part[name] for part in run.values()) for name in ("bytes", "cpu", "wall")}
    return {**summed, "rss": max(part["rss"] for part in run.values())}


def main() -> None:
    """Make the data, measure, print the table and write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        child(options.part, options.folder)
        return
    with tempfile.TemporaryDirectory(prefix="ftkit-bulk-") as name:
        folder = Path(name)
        make_requests(folder / "requests.jsonl", options.requests)
        (folder / "answers").mkdir()
        make_answers(folder / "answers", options.requests)
        before = os.getloadavg()[0]
        runs = [{part: measured(part, folder) for part in PARTS} for _ in range(options.runs)]
    text = report(options.requests, runs, f"load of the machine {before:.1f} to {os.getloadavg()[0]:.1f}")
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

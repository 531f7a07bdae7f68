"""Measures the local platform: uploads, a batch, many chat streams at once, and what it takes when idle.

    python benchmarks/serving.py [--runs 5] [--only uploads batch streams idle] [--write]

Each run starts a fresh platform (``python -m ftkit.local``, two workers) in an empty folder and asks it over
loopback. The clients run on the same machine and share its processors; with ``--write`` the table goes
into serving.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PAGE = Path(__file__).with_suffix(".md")
MARK = "<!-- figures: written by serving.py -->\n"
UPLOAD_BYTES = 1_000_000_000
BATCH_REQUESTS = 50_000
STREAMS = 500
STEADY_SECONDS = 10
IDLE_SECONDS = 30.0
LABELS = ("positive", "negative", "neutral")
SYSTEM = f"Say the sentiment of the headline in one word: {', '.join(LABELS)}."
WORDS = ("shares", "profit", "loss", "board", "quarter", "demand", "plant", "order", "margin", "court")


@dataclass
class Row:
    """One line of the table, with a figure for each run."""

    what: str
    unit: str
    asked: str
    digits: int = 0
    runs: list[float] = field(default_factory=list)

    def line(self) -> str:
        """As Markdown: median (lowest to highest)."""
        d, runs = self.digits, self.runs
        shown = f"{statistics.median(runs):,.{d}f} ({min(runs):,.{d}f} to {max(runs):,.{d}f})"
        return f"| {self.what} | {shown} {self.unit} | {self.asked} |"


class Server:
    """A platform in a process of its own."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "ftkit.local", "--state", str(folder / "state"), "--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split(" at ")[1].split("/v1")[0]
        self.folder = folder
        address = urlsplit(self.url)
        self.address = (address.hostname or "", address.port or 0)

    def client(self) -> Any:
        """The real client."""
        from openai import OpenAI

        return OpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0, timeout=300)

    def processor_seconds(self) -> float:
        """What the server process itself has used."""
        parts = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self) -> float:
        """Megabytes that it has in memory."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def served() -> Iterator[Server]:
    """A fresh platform, ended after the block."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        server = Server(Path(name))
        try:
            yield server
        finally:
            server.process.terminate()
            server.process.wait(20)


def headline(number: int) -> tuple[str, str]:
    """A made-up headline and the label that its words tell."""
    words = [WORDS[(number * step + step) % len(WORDS)] for step in (1, 3, 7)]
    label = LABELS[number % 3]
    return f"{' '.join(words)} {('rise', 'fall', 'stay')[number % 3]} {number}", label


def tuned(server: Server) -> str:
    """A linear model that was trained on 600 headlines."""
    lines = []
    for number in range(600):
        text, label = headline(number)
        messages = [("system", SYSTEM), ("user", text), ("assistant", label)]
        lines.append(json.dumps({"messages": [{"role": r, "content": c} for r, c in messages]}))
    client = server.client()
    file = client.files.create(file=("train.jsonl", "\n".join(lines).encode()), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(model="linear", training_file=file.id)
    while job.status not in ("succeeded", "failed"):
        time.sleep(0.1)
        job = client.fine_tuning.jobs.retrieve(job.id)
    return str(job.fine_tuned_model)


# Uploads


def uploads(rows: dict[str, Row]) -> None:
    """One large file by plain HTTP, and by the openai client."""
    with served() as server:
        path = server.folder / "large.jsonl"
        line = b'{"messages": [{"role": "user", "content": "' + b"some words " * 40 + b'"}]}\n'
        with path.open("wb") as file:
            for _ in range(UPLOAD_BYTES // len(line)):
                file.write(line)
        size = path.stat().st_size
        ways: dict[str, Callable[[Server, Path], None]] = {"plain": upload_plain, "openai": upload_openai}
        for way, upload in ways.items():
            began = time.perf_counter()
            upload(server, path)
            rows[f"upload {way}"].runs.append(size / 1e6 / (time.perf_counter() - began))
            wait_settled(server)


def upload_plain(server: Server, path: Path) -> None:
    """A form on a socket, as ``curl -F file=@...`` sends it."""
    head = (
        b'--B\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="large.jsonl"\r\n\r\n'
    )
    tail = b"\r\n--B--\r\n"
    length = len(head) + path.stat().st_size + len(tail)
    with socket.create_connection(server.address) as line, path.open("rb") as file:
        line.sendall(
            b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Content-Type: multipart/form-data; boundary=B\r\nContent-Length: %d\r\n\r\n" % length
        )
        line.sendall(head)
        line.sendfile(file)
        line.sendall(tail)
        assert b" 200 OK" in line.recv(65536)


def upload_openai(server: Server, path: Path) -> None:
    """As a program would."""
    with server.client() as client, path.open("rb") as file:
        assert client.files.create(file=file, purpose="batch").bytes == path.stat().st_size


def wait_settled(server: Server) -> None:
    """The hash of a large file is made after its answer: it is not to disturb what is measured next."""
    unhashed = server.folder / "state" / "files" / "unhashed"
    while any(unhashed.iterdir()):
        time.sleep(0.1)


# A batch


def batch(rows: dict[str, Row]) -> None:
    """From the batch's creation until it is completed; then its output, joined and counted."""
    with served() as server:
        model = tuned(server)
        lines = []
        for number in range(BATCH_REQUESTS):
            messages = [
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": headline(number)[0]},
            ]
            body = {"model": model, "messages": messages}
            request = {
                "custom_id": f"r{number}",
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": body,
            }
            lines.append(json.dumps(request))
        client = server.client()
        file = client.files.create(file=("in.jsonl", "\n".join(lines).encode()), purpose="batch")
        began = time.perf_counter()
        made = client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        while made.status not in ("completed", "failed"):
            time.sleep(0.05)
            made = client.batches.retrieve(made.id)
        took = time.perf_counter() - began
        answers = [json.loads(line) for line in client.files.content(made.output_file_id).iter_lines()]
        assert [answer["custom_id"] for answer in answers] == [f"r{n}" for n in range(BATCH_REQUESTS)]
        rows["batch"].runs.append(BATCH_REQUESTS / took)


# Streams


@dataclass
class Streamed:
    """Seconds of each stream from its request to its last byte; how many failed."""

    seconds: list[float] = field(default_factory=list)
    errors: int = 0


def streams(rows: dict[str, Row]) -> None:
    """500 connections: all at the same instant, and each once a second for a while."""
    with served() as server:
        model = tuned(server)
        for name, rounds in (("at once", 1), ("steady", STEADY_SECONDS)):
            found = asyncio.run(ask_all(server, model, rounds))
            rows[f"streams {name}, p50"].runs.append(1000 * statistics.median(found.seconds))
            ninety_nine = statistics.quantiles(found.seconds, n=100)[98]
            rows[f"streams {name}, p99"].runs.append(1000 * ninety_nine)
            rows[f"streams {name}, errors"].runs.append(found.errors)


async def ask_all(server: Server, model: str, rounds: int) -> Streamed:
    """Open all connections, then let each ask ``rounds`` times, a second apart."""
    found = Streamed()
    lines = [await asyncio.open_connection(*server.address) for _ in range(STREAMS)]
    await ask_one(*lines[0], model, 0, Streamed())  # the model is loaded before the clock runs
    gap = 1.0 / STREAMS if rounds > 1 else 0.0
    await asyncio.gather(
        *(ask_rounds(line, model, number, rounds, number * gap, found) for number, line in enumerate(lines))
    )
    for _, writer in lines:
        writer.close()
    return found


async def ask_rounds(
    line: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    model: str,
    number: int,
    rounds: int,
    delay: float,
    found: Streamed,
) -> None:
    """One connection's requests, each when its second has come."""
    began = time.perf_counter() + delay
    for turn in range(rounds):
        await asyncio.sleep(max(0.0, began + turn - time.perf_counter()))
        await ask_one(*line, model, number + turn, found)


async def ask_one(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, model: str, number: int, found: Streamed
) -> None:
    """Ask for a stream and read it to its end, chunk by chunk of the transfer."""
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": headline(number)[0]}]
    asked = {"model": model, "messages": messages, "stream": True, "stream_options": {"include_usage": True}}
    body = json.dumps(asked).encode()
    began = time.perf_counter()
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body) + body
    )
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        answer = await read_body(reader, head)
    except (OSError, EOFError, ValueError):
        head, answer = b"", b""
    found.seconds.append(time.perf_counter() - began)
    good = b" 200 OK" in head and answer.endswith(b"data: [DONE]\n\n") and b'"total_tokens"' in answer
    found.errors += not good


async def read_body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    """A body of a length that is said, or in chunks."""
    if match := re.search(rb"(?i)content-length: (\d+)", head):
        return await reader.readexactly(int(match[1]))
    answer = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        answer += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return answer


# Idle


def idle(rows: dict[str, Row]) -> None:
    """Memory and processor of a server that nobody asks: fresh, and after it has answered."""
    with served() as server:
        rest(server, rows, "fresh")
        model = tuned(server)
        messages = [{"role": "user", "content": headline(1)[0]}]
        for _ in range(20):
            server.client().chat.completions.create(model=model, messages=messages)
        time.sleep(12)  # until its workers have ended
        rest(server, rows, "after work")


def rest(server: Server, rows: dict[str, Row], when: str) -> None:
    """Measure while nothing happens."""
    time.sleep(1)
    used, began = server.processor_seconds(), time.perf_counter()
    time.sleep(IDLE_SECONDS)
    share = (server.processor_seconds() - used) / (time.perf_counter() - began)
    rows[f"idle {when}, processor"].runs.append(100 * share)
    rows[f"idle {when}, memory"].runs.append(server.resident())


GROUPS: dict[str, Callable[[dict[str, Row]], None]] = {
    "uploads": uploads,
    "batch": batch,
    "streams": streams,
    "idle": idle,
}
ROWS: dict[str, list[tuple[str, Row]]] = {
    "uploads": [
        ("upload plain", Row("upload of 1 GB, plain HTTP", "MB/s", ">= 300 MB/s")),
        ("upload openai", Row("upload of 1 GB, the openai client", "MB/s", ">= 300 MB/s")),
    ],
    "batch": [("batch", Row("batch of 50,000 chat requests, tuned `linear`", "requests/s", ">= 3,000"))],
    "streams": [
        (f"streams {name}, {what}", Row(f"500 chat streams {said}: {what}", unit, asked))
        for name, said in (
            ("at once", "begun in the same instant"),
            ("steady", "held, one request a second each"),
        )
        for what, unit, asked in (("p50", "ms", "-"), ("p99", "ms", "< 500 ms"), ("errors", "", "0"))
    ],
    "idle": [
        (f"idle {when}, {what}", Row(f"idle server, {when}: {what}", unit, asked, digits))
        for when in ("fresh", "after work")
        for what, unit, asked, digits in (
            ("memory", "MB", "<= 150 MB", 0),
            ("processor", "% of a core", "<= 0.5 %", 2),
        )
    ],
}


def main() -> None:
    """Measure in turns, so that a slow minute of the machine hits every figure, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=list(GROUPS))
    parser.add_argument("--write", action="store_true", help="write the table into serving.md")
    options = parser.parse_args()
    rows = {name: row for group in options.only for name, row in ROWS[group]}
    for run in range(options.runs):
        for group in options.only:
            GROUPS[group](rows)
            print(f"run {run + 1}, {group} done", file=sys.stderr, flush=True)
    head = (
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {options.runs} runs; medians, ranges\n"
    )
    table = [head, "| what | measured | asked for |", "|---|---|---|", *(row.line() for row in rows.values())]
    print("\n".join(table))
    if options.write:
        before = PAGE.read_text().split(MARK)[0] if PAGE.exists() else "# The local platform\n\n"
        PAGE.write_text(before + MARK + "\n" + "\n".join(table) + "\n")


if __name__ == "__main__":
    main()

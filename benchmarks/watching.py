"""Measures what it costs to watch many jobs at once: processor time of the watcher, requests it sends.

    python benchmarks/watching.py                      # 50 jobs, five runs; prints a Markdown table
    python benchmarks/watching.py --jobs 10 --seconds 20 --runs 3

The platform is a server of prepared answers in a process of its own, watched over real HTTP by the pace
for hosted platforms. Its jobs all run; each has a log of several pages, newest first, to which it adds a
step every few seconds (``busy``) or nothing (``quiet``).
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

STEPS_BEFORE = 250
STEP_SECONDS = 4.0
SHOWN = ("nothing", "board", "lines")


def main() -> None:
    """Run all cases and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=50)
    parser.add_argument(
        "--seconds", type=float, default=40.0, help="measured, after the first look at each job"
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--serve", choices=["busy", "quiet"], help=argparse.SUPPRESS)
    parser.add_argument("--watch", nargs=2, metavar=("ADDRESS", "SHOWN"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve == "busy")
    elif options.watch:
        address, shown = options.watch
        print(json.dumps(watch(address, shown, options.jobs, options.seconds)))
    else:
        table(options.jobs, options.seconds, options.runs)


def table(jobs: int, seconds: float, runs: int) -> None:
    """Every case in turn, so that a slow minute of the machine hits all of them."""
    cases = [("busy", shown) for shown in SHOWN] + [("quiet", "board")]
    found: dict[tuple[str, str], list[dict[str, float]]] = {case: [] for case in cases}
    for _ in range(runs):
        for kind, shown in cases:
            with served(kind) as address:
                found[kind, shown].append(watched(address, shown, jobs, seconds))
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {jobs} jobs watched for {seconds:g} s, "
    )
    print(f"{runs} runs; medians, ranges\n")
    print("| jobs are | shown as | % of a core | requests/s | first look at all | events |")
    print("|---|---|---|---|---|---|")
    for (kind, shown), samples in found.items():
        columns = [[s[name] for s in samples] for name in ("percent", "rate", "first", "events")]
        core, rate, first, events = map(spread, columns, (2, 1, 1, 0))
        print(f"| {kind} | {shown} | {core} | {rate} | {first} s | {events} |")


def spread(values: list[float], digits: int) -> str:
    """``median (lowest to highest)``."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


@contextmanager
def served(kind: str) -> Iterator[str]:
    """The address of a platform whose jobs are ``kind``."""
    process = subprocess.Popen([sys.executable, __file__, "--serve", kind], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(10)


def watched(address: str, shown: str, jobs: int, seconds: float) -> dict[str, float]:
    """One watcher in a process of its own: what it used between its first look at all jobs and its end."""
    command = [sys.executable, __file__, "--watch", address, shown, "--jobs", str(jobs)]
    done = subprocess.run([*command, "--seconds", str(seconds)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def watch(address: str, shown: str, jobs: int, seconds: float) -> dict[str, float]:
    """Follow the jobs and measure this process."""
    from rich.console import Console

    from ftkit.display import SilentDisplay, open_board
    from ftkit.display.fancy import RichDisplay
    from ftkit.display.plain import PlainDisplay
    from ftkit.errors import Interrupted
    from ftkit.gateway import connect
    from ftkit.gateway.watching import show
    from ftkit.settings import Settings

    terminal = Console(file=io.StringIO(), force_terminal=True, width=120, height=60, emoji=False)
    display: Any = {
        "nothing": SilentDisplay(), "board": RichDisplay(terminal), "lines": PlainDisplay(io.StringIO())
    }[shown]  # fmt: skip
    met: set[str] = set()
    events, used, asked, began, took = 0, 0.0, 0, 0.0, 0.0
    started = time.monotonic()
    with connect("custom", settings=Settings(), base_url=address, api_key="none", display=display) as client:
        stop = client._wire.stop
        try:
            with open_board(display, f"{jobs} jobs", jobs) as board:
                for update in client.jobs.watch_all([f"ftjob-{number}" for number in range(jobs)]):
                    show(board, update)
                    events += bool(began) and update.type == "event"
                    met.add(update.job_id)
                    if not began and len(met) == jobs:  # all have been looked at: measured from here on
                        began, used, asked = time.monotonic(), time.process_time(), requests_of(address)
                        threading.Timer(seconds, stop.set).start()
        except Interrupted:
            took, used = time.monotonic() - began, time.process_time() - used
    rate = (requests_of(address) - asked) / took
    return {"percent": 100 * used / took, "rate": rate, "first": began - started, "events": events}


def requests_of(address: str) -> int:
    """How many requests the platform has answered."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{address}/asked") as answer:
        return int(answer.read())


def serve(busy: bool) -> None:
    """The platform: prints its address, and answers until it is ended."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(busy))
    print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
    server.serve_forever()


def _handler(busy: bool) -> type[BaseHTTPRequestHandler]:
    started = time.monotonic()
    asked = [0]

    def steps(job: str) -> int:
        offset = sum(job.encode()) % 40 / 10  # not all jobs make a step in the same moment
        return STEPS_BEFORE + (int((time.monotonic() - started + offset) / STEP_SECONDS) if busy else 0)

    def answer(path: str, query: dict[str, list[str]]) -> Any:
        if path.endswith("/asked"):
            return asked[0]
        asked[0] += 1
        if not path.endswith("/events"):
            return {
                "id": path.rsplit("/", 1)[1],
                "status": "running",
                "model": "m",
                "created_at": 1_700_000_000,
            }
        job = path.split("/")[-2]
        top = int(query["after"][0].rsplit("-", 1)[1]) - 1 if "after" in query else steps(job)
        numbers = range(top, max(0, top - 100), -1)
        return {"data": [_event(job, number) for number in numbers], "has_more": top > 100}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            body = json.dumps(answer(url.path, parse_qs(url.query))).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on stderr."""

    return Handler


def _event(job: str, step: int) -> dict[str, Any]:
    loss = round(2 * math.exp(-step / 200), 4)
    return {
        "id": f"{job}-event-{step}",
        "object": "fine_tuning.job.event",
        "created_at": 1_700_000_000 + 4 * step,
        "level": "info",
        "type": "metrics",
        "message": f"Step {step}/2000: training loss={loss}",
        "data": {"step": step, "total_steps": 2000, "train_loss": loss, "train_mean_token_accuracy": 0.7},
    }


if __name__ == "__main__":
    main()

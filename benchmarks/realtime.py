"""Measures what the real-time path costs a request at 200 at once, beside a bare AsyncOpenAI loop.

    python benchmarks/realtime.py [--requests N] [--runs N] [--write]

Every run is a fresh process against a server of its own that answers at once (tests/null_platform.py);
the runs of the clients take turns. ``--write`` puts the table into benchmarks/realtime.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SERVER = HERE.parent / "tests" / "null_platform.py"
AT_ONCE = 200
CHUNK = 1000
MESSAGES = [
    {"role": "system", "content": "Answer with one word."},
    {"role": "user", "content": "profit rose in region 7 " * 4},
]
CLIENTS = ("gateway", "bare", "bare raw", "sockets")


def requests(count: int) -> Iterator[dict[str, Any]]:
    """The requests, in a batch's form."""
    from ftkit.gateway import chat_request

    return (chat_request(f"r{i}", "null", MESSAGES, temperature=0) for i in range(count))


def by_gateway(address: str, count: int) -> int:
    """ftkit: as ``batches.run(via="realtime")`` asks, the answers dropped."""
    from ftkit.gateway import Pace, connect
    from ftkit.gateway.realtime import answer_all
    from ftkit.settings import Settings

    with connect("custom", settings=Settings(), base_url=address, api_key="k") as platform:
        return answer_all(platform._wire, requests(count), Pace(AT_ONCE), lambda answer: None).answered


def by_bare(address: str, count: int, raw: bool = False) -> int:
    """The loop that everybody writes: a semaphore, and gather over a thousand requests at a time."""
    import openai

    async def main() -> int:
        done = 0
        async with openai.AsyncOpenAI(base_url=address, api_key="k") as client:
            room = asyncio.Semaphore(AT_ONCE)
            create: Any = client.chat.completions.create
            if raw:
                create = client.chat.completions.with_raw_response.create

            async def one(body: dict[str, Any]) -> None:
                nonlocal done
                async with room:
                    answer = await create(**body)
                done += bool(json.loads(answer.content) if raw else answer.choices)

            bodies = (request["body"] for request in requests(count))
            while chunk := [body for _, body in zip(range(CHUNK), bodies, strict=False)]:
                await asyncio.gather(*(one(body) for body in chunk))
        return done

    return asyncio.run(main())


def by_sockets(address: str, count: int) -> int:
    """What the server and this Python can do at all: prepared bytes over plain sockets."""
    body = json.dumps(next(requests(1))["body"]).encode()
    request = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    port = int(address.split(":")[2].split("/")[0])

    async def main() -> int:
        left, done = iter(range(count)), 0

        async def work() -> None:
            nonlocal done
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for _ in left:
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                done += bool(json.loads(await reader.readexactly(length)))
            writer.close()

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        return done

    return asyncio.run(main())


def measure_here(client: str, address: str, count: int) -> None:
    """In the fresh process: warm up, then measure."""
    ask = {
        "gateway": by_gateway,
        "bare": by_bare,
        "bare raw": lambda a, n: by_bare(a, n, raw=True),
        "sockets": by_sockets,
    }[client]
    assert ask(address, AT_ONCE) == AT_ONCE
    before, began, worked = peak(), time.perf_counter(), time.process_time()
    answered = ask(address, count)
    figures = {
        "wall": (time.perf_counter() - began) / count * 1e3,
        "cpu": (time.process_time() - worked) / count * 1e3,
        "peak": peak(),
        "grown": peak() - before,
    }
    assert answered == count, f"{answered} of {count} answered"
    print(json.dumps(figures))


def peak() -> float:
    """The most memory that this process had, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def measure(client: str, count: int) -> dict[str, float]:
    """One run in a process of its own."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    server = subprocess.Popen([sys.executable, str(SERVER)], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        address = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        command = [sys.executable, str(Path(__file__)), "--measure", client, address, str(count)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        figures: dict[str, float] = json.loads(done.stdout)
        return figures
    finally:
        server.terminate()
        server.wait()


def spread(values: list[float], digits: int) -> str:
    """``median (lowest to highest)``."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def table(results: dict[str, list[dict[str, float]]], count: int, runs: int) -> str:
    """The figures as Markdown; ratios are those of runs beside each other."""
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores"
    lines = [
        f"{machine}, {count:,} requests at {AT_ONCE} at once, {runs} turns; medians, ranges",
        "",
        "| client | ms a request (wall) | ms a request (CPU) | requests/s | peak memory, MB | grown, MB |",
        "|---|---|---|---|---|---|",
    ]
    for client, figures in results.items():
        cells = [
            spread([f["wall"] for f in figures], 2),
            spread([f["cpu"] for f in figures], 2),
            spread([1e3 / f["wall"] for f in figures], 0),
            f"{statistics.median(f['peak'] for f in figures):.0f}",
            f"{statistics.median(f['grown'] for f in figures):.1f}",
        ]
        lines.append(f"| {client} | {' | '.join(cells)} |")
    ours = results["gateway"]
    floor = [a["wall"] - b["wall"] for a, b in zip(ours, results["sockets"], strict=True)]
    added = [a["wall"] - b["wall"] for a, b in zip(ours, results["bare"], strict=True)]
    rate = [b["wall"] / a["wall"] for a, b in zip(ours, results["bare"], strict=True)]
    raw = [b["wall"] / a["wall"] for a, b in zip(ours, results["bare raw"], strict=True)]
    return "\n".join(
        [
            *lines,
            "",
            "| what | measured | asked for |",
            "|---|---|---|",
            f"| overhead of the gateway over plain sockets, ms a request | {spread(floor, 2)} | <= 1 |",
            f"| the same over the bare loop, ms a request | {spread(added, 2)} | <= 1 |",
            f"| rate of the gateway : rate of the bare loop | {spread(rate, 1)} x | >= 0.9 x |",
            f"| rate of the gateway : rate of the bare raw loop | {spread(raw, 1)} x | - |",
        ]
    )


def main() -> None:
    """Measure in turns, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--measure", nargs=3, metavar=("CLIENT", "ADDRESS", "N"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        client, address, count = given.measure
        measure_here(client, address, int(count))
        return
    results: dict[str, list[dict[str, float]]] = {client: [] for client in CLIENTS}
    for run in range(given.runs):
        for client in CLIENTS:
            results[client].append(measure(client, given.requests))
            print(f"turn {run + 1}: {client}: {results[client][-1]['wall']:.2f} ms", file=sys.stderr)
    text = table(results, given.requests, given.runs)
    print(text)
    if given.write:
        (HERE / "realtime.md").write_text(f"{WORDS}\n{text}\n")


WORDS = """# The real-time path

    python benchmarks/realtime.py --write

`gateway` is what `batches.run(via="realtime")` asks with; `bare` is the loop that everybody writes with
`AsyncOpenAI`: a semaphore of 200 and `gather` over a thousand requests at a time; `bare raw` the same
with raw responses and `json.loads`; `sockets` sends prepared bytes and is what this machine and the
server can do at all. The server answers at once, in a process of its own. `grown` is what the peak of
memory gains after a warm-up of 200 requests. The bare loops use the client as it comes, which keeps 100
connections and opens the others anew. Machines differ and are shared (this one was busy with other
work, which is what the ranges show): read the ratios, and CPU rather than wall.
"""

if __name__ == "__main__":
    main()

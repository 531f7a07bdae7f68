"""Kills `ftkit run` with `kill -9` again and again, calls it again, and counts what was done twice or lost.

    python benchmarks/kill_points.py [--points 200] [--server-points 20] [--seed 0] [--parallel 2]

The client is killed at the boundaries of its operations: when a request has left it and is not yet
carried out, when it is carried out and the answer has not come, and when the answer has just come;
and at random times. The boundaries are those of a run that was left alone. The platform is killed
during training and during a batch, alone or with its workers, and started again on the same state.
Afterwards the same command is called until it ends well. Platforms, proxies and clients are real
processes; the proxy's records say what the platform carried out.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "faults"))

from rig import PATIENCE, Boundaries, Client, Label, Slot, fingerprint, write_rows

CALLS = 4
SEEDS = (1, 2, 3, 4)
POLLS = 3  # of requests that are sent again and again, so many are boundaries of their own
RANDOM_SHARE = 0.2
ENDED = ("succeeded", "failed", "cancelled", "completed", "expired")
SMALL = ("--train", "24", "--validation", "9", "--test", "9", "--epochs", "3")
LARGE = ("--train", "1500", "--validation", "30", "--test", "3000", "--epochs", "12")


@dataclass
class Point:
    """One killing and what came of it."""

    what: str  # "client, before POST /files 1", "client, at 1.73 s", "server, in training"
    seed: int
    killed: bool = False
    calls: int = 0
    duplicates: dict[str, int] = field(default_factory=dict)
    losses: list[str] = field(default_factory=list)
    error: str = ""
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """True where all was done exactly once and the result is the unhurt run's."""
        return not (self.duplicates or self.losses or self.error)


def reference(slot: Slot, data: Path, seed: int, size: tuple[str, ...] = SMALL) -> tuple[list[Label], float]:
    """A run that is left alone: its result is kept; its boundaries and seconds are returned."""
    client = slot.client("--data", str(data), "--seed", str(seed), *size)
    watch = slot.proxy.moment = Boundaries()
    started = time.monotonic()
    client.start()
    if client.wait() != 0:
        raise SystemExit(f"the run does not even end well alone: {client.complaint()}")
    slot.references[seed] = fingerprint(client.result()), slot.count().counts
    labels = [one for one in dict.fromkeys(watch.seen) if one[2] <= POLLS]
    return labels, time.monotonic() - started


def kill_client(slot: Slot, data: Path, seed: int, aim: Label | float, rng: random.Random) -> Point:
    """Kill the client at a boundary, or so many seconds after its start; then call it to the end."""
    client = slot.client("--data", str(data), "--seed", str(seed), *SMALL)
    name = f"at {aim:.2f} s" if isinstance(aim, float) else f"{aim[0]} {aim[1]}, {aim[2]}"
    point, started = Point(f"client, {name}", seed), time.monotonic()
    boundaries = Boundaries(None if isinstance(aim, float) else aim, client.kill)
    boundaries.pause = rng.choice((0.0, 0.0, 0.001, 0.005, 0.02))
    slot.proxy.moment = boundaries
    client.start()
    code = client.wait(aim) if isinstance(aim, float) else client.wait()
    point.killed = code < 0
    slot.proxy.moment = None
    return finish(slot, client, point, code, started)


def kill_server(slot: Slot, data: Path, seed: int, stage: str, rng: random.Random) -> Point:
    """Kill the platform while it trains or answers a batch, and start it again; the client goes on."""
    client = slot.client("--data", str(data), "--seed", str(seed), *LARGE)
    workers = rng.random() < 0.5
    point = Point(f"server{' and workers' if workers else ''}, in {stage}", seed)
    path = "/fine_tuning/jobs" if stage == "training" else "/batches"
    boundaries = Boundaries(("answered", f"POST {path}", 1))
    slot.proxy.moment = boundaries
    started = time.monotonic()
    client.start()
    if boundaries.hit.wait(PATIENCE):
        time.sleep(rng.uniform(0.0, 1.5 if stage == "training" else 0.5))
        point.killed = any(one["status"] not in ENDED for one in slot.server.there(path))
        slot.server.kill(workers)
        time.sleep(rng.uniform(0.0, 1.0))
        slot.server.start()
    return finish(slot, client, point, client.wait(), started)


def finish(slot: Slot, client: Client, point: Point, code: int, started: float) -> Point:
    """Call the command again until it ends well, and compare everything with the unhurt run."""
    while code != 0 and client.calls < CALLS:
        client.start()
        code = client.wait()
    point.calls = client.calls
    point.seconds = round(time.monotonic() - started, 2)
    if code != 0:
        point.error = f"exit code {code} after {client.calls} calls: {client.complaint()}"
        return point
    result, counts = slot.references[point.seed]
    mine, count = fingerprint(client.result()), slot.count()
    done = {**count.counts, **on_the_platform(slot)}
    point.duplicates = {**surplus(done, counts), **count.duplicates}
    point.losses = [f"{name} is another" for name in result if result[name] != mine[name]]
    point.losses += missing(done, counts)
    shutil.rmtree(client.folder)
    return point


def on_the_platform(slot: Slot) -> dict[str, int]:
    """What the platform itself lists: of what it carried out as it died, no answer told the proxy."""
    batches = slot.made("/batches")
    requests = sum(one["request_counts"]["total"] for one in batches)
    jobs = slot.made("/fine_tuning/jobs")
    files = [one for one in slot.made("/files") if one["purpose"] in ("fine-tune", "batch")]
    return {"files": len(files), "jobs": len(jobs), "batches": len(batches), "requests": requests}


def surplus(done: dict[str, int], asked: dict[str, int]) -> dict[str, int]:
    """What the platform has beyond what the unhurt run made."""
    return {k: done[k] - asked[k] for k in asked if done.get(k, 0) > asked[k]}


def missing(done: dict[str, int], asked: dict[str, int]) -> list[str]:
    """What the unhurt run did at the platform and this one did not."""
    return [f"{asked[k] - done.get(k, 0)} {k} less" for k in asked if done.get(k, 0) < asked[k]]


def measure(options: argparse.Namespace, folder: Path) -> list[Point]:
    """All points, so many at once as asked for, each at a platform that nobody else uses meanwhile."""
    rng = random.Random(options.seed)
    small, large = write_rows(folder / "small.jsonl", 48), write_rows(folder / "large.jsonl", 4600)
    slots: Queue[Slot] = Queue()
    contexts = [Slot.open(folder / f"slot-{n}") for n in range(options.parallel)]
    opened = [context.__enter__() for context in contexts]
    try:
        labels, seconds = prepare(opened, small)
        print(f"{len(labels)} boundaries in a run of {seconds:.1f} s alone", flush=True)
        works = [
            (kill_client, small, rng.choice(SEEDS), aim, random.Random(rng.random()))
            for aim in aims(rng, labels, seconds, options.points)
        ]
        for slot in opened:
            slots.put(slot)
        points = carry_out(works, slots, options.parallel)
        while not slots.empty():
            slots.get()
        if options.server_points:
            for slot in opened:
                reference(slot, large, SEEDS[0], LARGE)
                slots.put(slot)
        stages = [("training", "a batch")[i % 2] for i in range(options.server_points)]
        works = [(kill_server, large, SEEDS[0], stage, random.Random(rng.random())) for stage in stages]
        return points + carry_out(works, slots, options.parallel)
    finally:
        for context in contexts:
            context.__exit__(None, None, None)


def prepare(slots: list[Slot], data: Path) -> tuple[list[Label], float]:
    """The unhurt runs of every slot; the boundaries and the mean seconds of them all."""
    labels: dict[Label, None] = {}
    seconds = []
    for slot in slots:
        for seed in SEEDS:
            found, took = reference(slot, data, seed)
            labels.update(dict.fromkeys(found))
            seconds.append(took)
    return list(labels), sum(seconds) / len(seconds)


def aims(rng: random.Random, labels: list[Label], seconds: float, count: int) -> list[Label | float]:
    """Where to kill: every boundary once before any a second time, and some random times between."""
    chosen: list[Label | float] = [rng.uniform(0.0, seconds) for _ in range(round(count * RANDOM_SHARE))]
    while len(chosen) < count:
        turn = rng.sample(labels, len(labels))
        chosen += turn[: count - len(chosen)]
    rng.shuffle(chosen)
    return chosen


def carry_out(works: list[Any], slots: Queue[Slot], parallel: int) -> list[Point]:
    """Do all works, each with a slot to itself."""

    def one(work: Any) -> Point:
        slot = slots.get()
        try:
            function, *arguments = work
            point: Point = function(slot, *arguments)
        finally:
            slots.put(slot)
        mark = "good" if point.good else "BAD "
        hit = "" if point.killed else " (ended before)"
        print(f"{mark} {point.what}{hit}: {point.calls} calls, {point.seconds} s", flush=True)
        if not point.good:
            print(f"     {point.duplicates} {point.losses} {point.error}", flush=True)
        return point

    with ThreadPoolExecutor(parallel) as pool:
        return list(pool.map(one, works))


GROUPS = {
    "client, a request has left, not carried out": "client, before",
    "client, carried out, no answer yet": "client, carried out",
    "client, the answer has just come": "client, answered",
    "client, at a random time": "client, at",
    "server, during training": r"server.*training",
    "server, during a batch": r"server.*batch",
}


def table(points: list[Point]) -> list[str]:
    """The table of benchmarks/README.md: points whose process was alive when it was to be killed."""
    lines = ["| killed with `kill -9` | points | survived | duplicates | losses |", "|---|---|---|---|---|"]
    groups = [
        (name, [p for p in points if p.killed and re.match(pattern, p.what)])
        for name, pattern in GROUPS.items()
    ]
    for name, some in [*groups, ("all", [p for p in points if p.killed])]:
        duplicates = sum(sum(p.duplicates.values()) for p in some)
        losses = sum(len(p.losses) for p in some)
        survived = sum(p.good for p in some)
        lines.append(f"| {name} | {len(some)} | {survived} | {duplicates} | {losses} |")
    return lines


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--server-points", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--out", type=Path, help="write every point there, as JSON")
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        points = measure(options, Path(name))
    if options.out:
        options.out.write_text(json.dumps([asdict(p) for p in points], indent=1))
    print(f"\n{time.monotonic() - started:.0f} s\n")
    print("\n".join(table(points)))


if __name__ == "__main__":
    main()

"""Every operation under every fault: what is done, what is to go wrong, and what must be true afterwards.

The tests of this folder and ``benchmarks/faults.py`` share it. An operation is called as a person
or a program would call it, and again, on a new connection, where it ends with an error: then it
must have done its work exactly once.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import breakage as b
from proxy import Action, Proxy, Record, Rule
from tally import tally

from ftkit.display import SilentDisplay
from ftkit.errors import FtkitError, PlatformError
from ftkit.gateway import Job, Platform, chat_request, connect
from ftkit.gateway.bulk.result import BulkResult
from ftkit.settings import Settings

TIMEOUT = 1.0  # seconds after which our client gives up waiting, where something goes wrong
UNHURRIED = 30.0  # the same where all is well, so that a busy machine is not taken for a fault
LASTS = 60.0  # seconds; a fault of the whole first call ends after them, as ours bear a 429 for 15 minutes
LONGEST = 150.0  # seconds; whoever waits longer waits for ever
CALLS = 3  # how often a command is given before the fault counts as not survived

Faults = dict[str, Callable[[], Action | None]]  # None: nobody listens when the operation begins

BEFORE: Faults = {
    "connection refused": lambda: None,
    "reset, then refused": lambda: b.refused(0.4),
    "reset before": lambda: b.reset_before,
    "timeout": lambda: b.silence(TIMEOUT * 3),
    "200 with HTML": lambda: b.html,
    **{f"{code}": (lambda code=code: b.status(code)) for code in (408, 409, 429, 500, 502, 503, 504)},
    "429, Retry-After": lambda: b.status(429, retry_after="1"),
    "503, Retry-After": lambda: b.status(503, retry_after="1"),
}
"""The request is not carried out."""

AFTER: Faults = {
    "reset after": lambda: b.reset_after,
    "reset mid-body": lambda: b.reset_mid_body,
    "truncated": lambda: b.truncated,
    "timeout after": lambda: b.silence(TIMEOUT * 3, after=True),
    "slow-loris": lambda: b.drip(),
    "endless slow-loris": lambda: b.trickle,
    "200 with HTML, carried out": lambda: b.html_after,
    **{
        f"{code}, carried out": (lambda code=code: b.status(code, after=True))
        for code in (408, 500, 502, 503, 504)
    },
}
"""The request is carried out, and its answer comes late, broken, or not at all."""

LISTS: Faults = {
    "the same event twice": lambda: b.twice,
    "overlapping pages": lambda: b.overlapping(),
    "reversed pages": lambda: b.reversed_pages,
    "clock jumps": lambda: b.clock([0, -7200, 3600]),
}
"""What a list of events may look like."""

CONTENT: Faults = {
    "corrupted": lambda: b.corrupted,
    "truncated without a length": lambda: b.truncated_quietly,
}
"""What may happen to bytes."""

STATES: Faults = {
    "unknown state": lambda: b.unknown_state(),
    "clock jumps": lambda: b.clock([0, -7200, 3600]),
}
"""What an object may look like."""


class Warned(SilentDisplay):
    """A display that remembers the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        """Remember it."""
        self.warnings.append(text)


@dataclass
class Stage:
    """A client's surroundings: a folder, a ledger and data of its own, and a proxy before the platform."""

    proxy: Proxy
    folder: Path
    unit: str = field(default_factory=lambda: secrets.token_hex(4))
    options: dict[str, Any] = field(default_factory=dict)

    def connect(self, timeout: float = TIMEOUT) -> Platform:
        """A new connection, as a new process would make one."""
        given = {"timeout": timeout, "max_retries": 2, "poll_seconds": 0.1, **self.options}
        settings = Settings(state_dir=self.folder / "state", runs_dir=self.folder / "runs", **given)
        return connect("local", settings=settings, base_url=self.proxy.url, display=Warned())

    def training_file(self, rows: int = 24) -> Path:
        """Examples of two labels, unlike those of any other stage."""
        path = self.folder / f"train-{self.unit}.jsonl"
        if not path.exists():
            path.write_text("".join(json.dumps(self._example(i)) + "\n" for i in range(rows)))
        return path

    def requests(self, count: int = 6) -> list[dict[str, Any]]:
        """Requests for the untrained model, unlike those of any other stage."""
        return [
            chat_request(f"r{i}", "linear", self._example(i)["messages"][:2], max_tokens=4)
            for i in range(count)
        ]

    def _example(self, i: int) -> dict[str, Any]:
        label, text = [("up", "it went up, profit rose"), ("down", "it went down, loss widened")][i % 2]
        turns = {"system": "Answer with one word: up or down.", "user": f"{text} in {i} of {self.unit}"}
        return {"messages": [{"role": r, "content": c} for r, c in {**turns, "assistant": label}.items()]}


@dataclass
class Operation:
    """Something that a person asks for. ``hits`` says which request of it goes wrong.

    ``prepare`` runs while all is well; ``work`` gives a result; ``lost`` says what is missing in it.
    """

    name: str
    hits: tuple[str, str, int]
    work: Callable[[Platform, Stage, Any], Any]
    lost: Callable[[Platform, Stage, Any, Any], list[str]]
    faults: Faults
    prepare: Callable[[Platform, Stage], Any] = lambda platform, stage: None
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class Outcome:
    """What came of one operation under one fault. ``calls`` is 1 where it survived by itself."""

    operation: str
    fault: str
    calls: int
    met: bool  # the fault did happen
    duplicates: dict[str, int]
    losses: list[str]
    seconds: float
    error: str | None = None  # of the last call, where none ended well
    again: int = 0  # real-time requests that were answered and sent again, as their answers were lost
    records: list[Record] = field(default_factory=list, repr=False)

    @property
    def survived(self) -> bool:
        """True where it ended well, once, with nothing missing."""
        return self.error is None and not self.duplicates and not self.losses and self.seconds < LONGEST

    def __str__(self) -> str:
        story = "\n".join(
            f"  {r.number:3} {r.method} {r.target} [{r.fault or '-'}] "
            f"platform {r.answer.status if r.answer else '-'}, client {r.told or '-'}"
            for r in self.records
        )
        return (
            f"{self.operation} under {self.fault}: {self.calls} calls, {self.error or 'no error'}, "
            f"duplicates {self.duplicates}, losses {self.losses}\n{story}"
        )


def attempt(
    platform: str, folder: Path, operation: Operation, fault: str, *, lasting: bool = False
) -> Outcome:
    """Do an operation while ``fault`` happens, once, or (``lasting``) all through the first call.

    A lasting one ends after LASTS seconds. Where a machine is so busy that the first call ends before
    the request that is to go wrong, all is done again elsewhere.
    """
    for turn in range(CALLS):
        (own := folder / str(turn)).mkdir()
        outcome = _attempt(platform, own, operation, fault, lasting)
        if outcome.met or not outcome.survived:
            break
    return outcome


def _attempt(platform: str, folder: Path, operation: Operation, fault: str, lasting: bool) -> Outcome:
    started, error, losses = time.monotonic(), None, []
    with Proxy(platform) as proxy:
        stage = Stage(proxy, folder, options=operation.options)
        with stage.connect(UNHURRIED) as client:
            prepared = operation.prepare(client, stage)
        begun = len(proxy.records)
        _break(proxy, operation, fault, lasting)
        enough = threading.Timer(LASTS, _mend, (proxy,))
        enough.daemon = True
        enough.start()
        for calls in range(1, CALLS + 1):  # noqa: B007
            result, error = _call(stage, operation, prepared)
            if error is None:
                break
            _mend(proxy)
        enough.cancel()
        _mend(proxy)
        records = list(proxy.records)
        if error is None:
            with stage.connect(UNHURRIED) as client:
                losses = operation.lost(client, stage, prepared, result)
    duplicates = dict(tally(records).duplicates)
    return Outcome(
        operation=operation.name,
        fault=fault + (", lasting" if lasting else ""),
        calls=calls,
        met=operation.faults[fault]() is None or any(r.fault for r in records[begun:]),
        again=duplicates.pop("chats", 0),
        duplicates=duplicates,
        losses=losses,
        seconds=time.monotonic() - started,
        error=error,
        records=records,
    )


def _break(proxy: Proxy, operation: Operation, fault: str, lasting: bool) -> None:
    action = operation.faults[fault]()
    if action is None:
        proxy.down(None if lasting else 0.4)
    else:
        method, path, nth = operation.hits
        proxy.plan = [Rule(method, path, action, nth, times=0 if lasting else 1)]


def _mend(proxy: Proxy) -> None:
    proxy.plan = []
    proxy.up()


def _call(stage: Stage, operation: Operation, prepared: Any) -> tuple[Any, str | None]:
    """The operation's result, and what it failed of."""
    try:
        with stage.connect() as client:
            return operation.work(client, stage, prepared), None
    except FtkitError as error:
        return None, f"{type(error).__name__}: {error}"


def _upload(client: Platform, stage: Stage, prepared: Any = None) -> str:
    return client.files.upload(stage.training_file()).id


def _upload_lost(client: Platform, stage: Stage, prepared: Any, result: str) -> list[str]:
    there = b"".join(client.files.content(result))
    return [] if there == stage.training_file().read_bytes() else ["the platform's copy is another"]


def _create(client: Platform, stage: Stage, training_file: str) -> Job:
    return client.jobs.create(training_file, "linear", suffix="faults", hyperparameters={"n_epochs": 1})


def _create_lost(client: Platform, stage: Stage, prepared: Any, result: Job) -> list[str]:
    job = client.jobs.wait(result.id, lambda event: None, timeout=60)
    return [] if job.status == "succeeded" else [f"the job has {job.status}"]


def _started(client: Platform, stage: Stage) -> str:
    options = {"n_epochs": 4, "batch_size": 1}  # more than one page of events
    return client.jobs.create(_upload(client, stage), "linear", hyperparameters=options).id


def _watch(client: Platform, stage: Stage, job: str) -> list[str]:
    seen = [event.id for event in client.jobs.watch(job, timeout=60)]
    said = client.display.warnings if isinstance(client.display, Warned) else []
    if any("only the state" in text for text in said):  # the job's end ends a watch, events or not
        raise PlatformError("not all events could be read")
    return seen


def _watch_lost(client: Platform, stage: Stage, job: str, result: list[str]) -> list[str]:
    there = {event.id: event for event in client.jobs.events(job)}
    lost = [f"event {one}" for one in there if one not in result]
    lost += [f"event {one} came twice" for one in set(result) if result.count(one) > 1]
    shown = [there[one] for one in result if one in there]
    times = [event.created_at.timestamp() for event in shown if event.created_at]
    steps = [event.metrics["step"] for event in shown if "step" in event.metrics]
    # of events of the same second only the steps tell the order
    return lost or [f"{n} out of order" for n, v in (("times", times), ("steps", steps)) if v != sorted(v)]


def _whole_content(client: Platform, stage: Stage) -> tuple[str, str]:
    return _upload(client, stage), hashlib.sha256(stage.training_file().read_bytes()).hexdigest()


def _download(client: Platform, stage: Stage, prepared: tuple[str, str]) -> Path:
    return client.files.download(prepared[0], stage.folder / "copy.jsonl")


def _download_lost(client: Platform, stage: Stage, prepared: tuple[str, str], result: Path) -> list[str]:
    right = hashlib.sha256(result.read_bytes()).hexdigest() == prepared[1]
    return [] if right else ["the copy has other bytes"]


def _run(via: Literal["batch", "realtime"]) -> Callable[[Platform, Stage, Any], BulkResult]:
    def work(client: Platform, stage: Stage, prepared: Any) -> BulkResult:
        out, workdir = stage.folder / "answers.jsonl", stage.folder / "work"
        if workdir.exists():
            result = client.batches.resume(workdir)
        else:
            result = client.batches.run(stage.requests(), out, workdir=workdir, via=via)
        result.raise_if_failed()  # as the command does: what had no answer is then asked again
        return result

    return work


def _run_lost(client: Platform, stage: Stage, prepared: Any, result: BulkResult) -> list[str]:
    asked = [one["custom_id"] for one in stage.requests()]
    lines = [json.loads(line) for line in result.out.read_text().splitlines()]
    lost = [] if [line["custom_id"] for line in lines] == asked else ["not one line for each request"]
    right = ["up", "down"] * len(asked)
    texts = [(line["response"] or {"body": None})["body"] for line in lines]
    said = [body and body["choices"][0]["message"]["content"] for body in texts]
    lost += [
        f"{name} has {text!r}" for name, text, good in zip(asked, said, right, strict=False) if text != good
    ]
    return lost


JOB = r"/fine_tuning/jobs/[^/]+"
CONTENTS = "/files/[^/]+/content"
POSTED = BEFORE | AFTER
PARTS = {"providers": {"local": {"limits": {"upload_part_bytes": 1500}}}}  # of a file of some 5,000
NAMELESS = {
    "providers": {
        "local": {"dialect": {"drop_job_request": ["metadata"], "drop_batch_request": ["metadata"]}}
    }
}
_batch, _realtime = _run("batch"), _run("realtime")
OPERATIONS = [
    Operation("upload", ("POST", "/files", 1), _upload, _upload_lost, POSTED),
    Operation(
        "upload in parts: begin", ("POST", "/uploads", 1), _upload, _upload_lost, POSTED, options=PARTS
    ),
    Operation(
        "upload in parts: a part",
        ("POST", "/uploads/[^/]+/parts", 2),
        _upload,
        _upload_lost,
        POSTED,
        options=PARTS,
    ),
    Operation(
        "upload in parts: complete",
        ("POST", "/uploads/[^/]+/complete", 1),
        _upload,
        _upload_lost,
        POSTED,
        options=PARTS,
    ),
    Operation("create a job", ("POST", "/fine_tuning/jobs", 1), _create, _create_lost, POSTED, _upload),
    Operation(
        "create a job, no metadata kept",
        ("POST", "/fine_tuning/jobs", 1),
        _create,
        _create_lost,
        POSTED,
        _upload,
        NAMELESS,
    ),
    Operation("watch: state", ("GET", JOB, 1), _watch, _watch_lost, POSTED | STATES, _started),
    Operation("watch: events", ("GET", JOB + "/events", 1), _watch, _watch_lost, POSTED | LISTS, _started),
    Operation("download", ("GET", CONTENTS, 1), _download, _download_lost, POSTED | CONTENT, _whole_content),
    Operation("batch: upload", ("POST", "/files", 1), _batch, _run_lost, POSTED),
    Operation("batch: create", ("POST", "/batches", 1), _batch, _run_lost, POSTED),
    Operation(
        "batch: create, no metadata kept",
        ("POST", "/batches", 1),
        _batch,
        _run_lost,
        POSTED,
        options=NAMELESS,
    ),
    Operation("batch: watch", ("GET", "/batches/[^/]+", 1), _batch, _run_lost, POSTED | STATES),
    Operation("batch: answers", ("GET", CONTENTS, 1), _batch, _run_lost, POSTED | CONTENT),
    Operation("real time", ("POST", "/chat/completions", 3), _realtime, _run_lost, POSTED),
]

"""Tells the world that a job has ended: a POST to an address, a command of the person's own.

Neither decides about the job: what goes wrong here is a warning.
"""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPException
from threading import Event
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from ftkit.display import Display
from ftkit.errors import FtkitError, UsageError
from ftkit.gateway.connection import is_loopback
from ftkit.gateway.failures import Target
from ftkit.gateway.results import Job

WEBHOOK_PAUSES = (1.0, 4.0, 15.0)
"""Seconds between the tries of a webhook."""
WEBHOOK_TIMEOUT = 15.0
_LAST_LINES = 20


def job_message(job: Job, platform: str) -> dict[str, Any]:
    """What a webhook gets as JSON when a job has ended; it holds no key and no address.

    ``type`` is always ``job.ended``; ``job_id``, ``status`` (``succeeded``, ``failed``, ``cancelled``),
    ``platform`` (its name in the catalog), ``model`` (what was tuned), ``fine_tuned_model``,
    ``trained_tokens``, ``error``, ``created_at`` and ``finished_at`` (ISO 8601, UTC) are null where they are
    not known; ``text`` is a sentence for people, which chat services show as it is.
    """
    result = job.fine_tuned_model if job.status == "succeeded" else job.error
    return {
        "type": "job.ended",
        "text": f"ftkit: job {job.id} {job.status}{f': {result}' if result else ''}",
        "job_id": job.id,
        "status": job.status,
        "platform": platform,
        "model": job.model,
        "fine_tuned_model": job.fine_tuned_model,
        "trained_tokens": job.trained_tokens,
        "error": str(job.error) if job.error is not None else None,
        "created_at": job.created_at.isoformat() if job.created_at is not None else None,
        "finished_at": job.finished_at.isoformat() if job.finished_at is not None else None,
    }


def job_environment(job: Job, target: Target) -> dict[str, str]:
    """What a command gets in its environment; unknown ones are empty.

    ``FTKIT_PLATFORM`` (with ``FTKIT_BASE_URL`` where the platform is known by its address alone) makes
    ftkit, called by that command, talk to the same platform.
    """
    custom = {"FTKIT_BASE_URL": target.address} if target.name == "custom" else {}
    return {
        "FTKIT_JOB_ID": job.id,
        "FTKIT_JOB_STATUS": job.status,
        "FTKIT_JOB_ERROR": str(job.error or ""),
        "FTKIT_MODEL": job.fine_tuned_model or "",
        "FTKIT_BASE_MODEL": job.model or "",
        "FTKIT_PLATFORM": target.name,
        **custom,
    }


def post_json(url: str, body: Mapping[str, Any], stop: Event | None = None) -> None:
    """POST ``body`` to ``url``; tried again after network trouble, 408, 425, 429 and 5xx answers.

    Raises FtkitError, whose words name no more of the address than its host: the rest may be a secret.
    """
    host = checked_webhook(url)
    waiting = stop if stop is not None else Event()
    for pause in (*WEBHOOK_PAUSES, None):
        reason, passing = _post(url, json.dumps(body).encode())
        if reason is None:
            return
        if not passing or pause is None or waiting.wait(pause):
            raise FtkitError(f"the webhook at {host} failed: {reason}")


def checked_webhook(url: str) -> str:
    """The host of a webhook's address; UsageError where it is none."""
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.scheme in ("http", "https") and (parts.port or 1) > 0 else None
    except ValueError:
        host = None
    if not host:
        raise UsageError("this is no address of a webhook", hint="It looks like https://host/path.")
    return host


def _post(url: str, body: bytes) -> tuple[str | None, bool]:
    """What went wrong (None: nothing) and whether another try may help."""
    headers = {"Content-Type": "application/json", "User-Agent": "ftkit"}
    request = urllib.request.Request(url, body, headers, method="POST")
    direct = [urllib.request.ProxyHandler({})] if is_loopback(url) else []
    try:
        with urllib.request.build_opener(*direct).open(request, timeout=WEBHOOK_TIMEOUT):
            return None, False
    except urllib.error.HTTPError as error:
        error.close()
        return f"it answered {error.code}", error.code in (408, 425, 429) or error.code >= 500
    except urllib.error.URLError as error:
        return str(error.reason), True
    except (OSError, HTTPException) as error:
        return str(error) or type(error).__name__, True


def run_command(command: str, environment: Mapping[str, str]) -> tuple[int, list[str]]:
    """Run a shell command to its end: its exit code, and the last lines of what it printed."""
    done = subprocess.run(
        command,
        shell=True,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return done.returncode, done.stdout.splitlines()[-_LAST_LINES:]


class Finishing:
    """Does what is to be done when jobs end, beside the watching; the end of the block waits for it.

    After the block ``codes`` holds the exit codes of the commands by the jobs' ids.
    """

    def __init__(
        self, display: Display, target: Target, *, webhook: str | None = None, command: str | None = None
    ) -> None:
        if webhook is not None:
            checked_webhook(webhook)
        self.codes: dict[str, int] = {}
        self._display, self._target = display, target
        self._webhook, self._command = webhook, command
        self._stop = Event()
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="ftkit-finishing")
        self._running: list[tuple[Future[Any], Callable[[Any], None]]] = []

    def ended(self, job: Job) -> None:
        """Send and run what is to be sent and run for one job; returns at once."""
        if self._webhook is not None:
            body = job_message(job, self._target.name)
            sent = self._pool.submit(post_json, self._webhook, body, self._stop)
            self._running.append((sent, lambda _: None))
        if self._command is not None:
            run = self._pool.submit(run_command, self._command, job_environment(job, self._target))
            self._running.append((run, lambda result: self._ran(job, *result)))

    def _ran(self, job: Job, code: int, lines: list[str]) -> None:
        self.codes[job.id] = code
        for line in lines:
            self._display.event(line)
        say = self._display.note if code == 0 else self._display.warn
        say(f"the command for the end of job {job.id} ended with exit code {code}")

    def __enter__(self) -> Finishing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if not isinstance(error, KeyboardInterrupt):
                for done, report in self._running:
                    self._report(done, report)
        finally:
            self._stop.set()
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _report(self, done: Future[Any], report: Callable[[Any], None]) -> None:
        try:
            report(done.result())
        except (FtkitError, OSError) as error:
            self._display.warn(str(error))

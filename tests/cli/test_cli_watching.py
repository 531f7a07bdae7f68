"""Leaving remote work with Ctrl-C and coming back to it; a platform whose work never ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import canned_platform
import pytest

Command = canned_platform.Command


class Endless:
    """A platform whose job and batch run for ever; ``pressed`` is called at the third look at either."""

    address: str
    looks = 0
    pressed: Callable[[], None] | None = None


@pytest.fixture
def endless() -> Iterator[Endless]:
    """That platform, running; its job 'bad' has failed."""
    made = Endless()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            failed = {"status": "failed", "error": {"code": "bad_file", "message": "line 7 has no reply"}}
            if self.path.partition("?")[0].endswith("/events"):
                data = [{"id": "e1", "created_at": 1, "message": "training has begun"}]
                answer: dict[str, Any] = {"data": data, "has_more": False}
            else:
                made.looks += 1
                if made.pressed is not None and made.looks > 2:
                    made.pressed()
                name = self.path.rsplit("/", 1)[-1]
                answer = {"id": name, "status": "running"} | (failed if name == "bad" else {})
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on stderr."""

    server = canned_platform.Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    made.address = f"http://127.0.0.1:{server.server_port}/v1"
    yield made
    server.shutdown()
    server.server_close()


def test_ctrl_c_at_the_real_process(endless: Endless) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "ftkit", "jobs", "watch", "ftjob-1", "--base-url", endless.address],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        while "training has begun" not in (line := process.stderr.readline()):
            assert line, "the command ended"
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=20)[1]
    finally:
        process.kill()
    assert process.returncode == 130
    assert f"ftkit jobs watch ftjob-1 --base-url {endless.address}" in rest
    assert "Traceback" not in rest


@pytest.mark.parametrize(
    ("arguments", "begun", "again"),
    [
        (["jobs", "watch", "ftjob-1", "--timeout", "60"], "training has begun", "ftkit jobs watch ftjob-1"),
        (
            ["jobs", "events", "ftjob-1", "--follow"],
            "training has begun",
            "ftkit jobs events ftjob-1 --follow",
        ),
        (["batches", "watch", "batch_1"], "Batch batch_1", "ftkit batches watch batch_1"),
    ],
)
def test_ctrl_c_leaves_the_work_running(
    here: Command,
    endless: Endless,
    press_ctrl_c: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    begun: str,
    again: str,
) -> None:
    monkeypatch.setenv("FTKIT_POLL_SECONDS", "0.05")
    endless.pressed = press_ctrl_c
    done = here(*arguments, "--base-url", endless.address)
    assert done.returncode == 130
    assert begun in done.stdout + done.stderr
    assert "goes on" in done.stderr
    assert f"{again} --base-url {endless.address}\n" in done.stderr


def test_a_failed_job_exits_with_one(here: Command, endless: Endless) -> None:
    done = here("jobs", "watch", "bad", "--base-url", endless.address)
    assert done.returncode == 1
    assert "job bad failed: line 7 has no reply (bad_file)" in done.stderr
    assert f"ftkit jobs events bad --base-url {endless.address}\n" in done.stderr
    assert "failed" in done.stdout


def test_a_watch_that_times_out(here: Command, endless: Endless) -> None:
    done = here("jobs", "watch", "ftjob-1", "--timeout", "0.5", "--base-url", endless.address)
    assert done.returncode == 3
    assert "still running after 0.5 seconds" in done.stderr


def test_serve_says_that_its_port_is_taken(ftkit: Command, endless: Endless) -> None:
    port = endless.address.rsplit(":", 1)[1].removesuffix("/v1")
    done = ftkit("serve", "--port", port, "--state", "served")
    assert done.returncode == 4
    assert "in use" in done.stderr
    assert "Traceback" not in done.stderr

"""``ftkit jobs watch`` on several jobs: exit codes, webhooks, commands, and Ctrl-C at the real process."""

from __future__ import annotations

import json
import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import canned_platform
import pytest

canned_server, canned, at = canned_platform.canned_server, canned_platform.canned, canned_platform.at
Command = canned_platform.Command
JOBS = "/fine_tuning/jobs"


@pytest.fixture
def prepare(canned: Any) -> Any:
    """Prepares a job that runs for some looks and then ends."""

    def make(name: str, *states: str, **fields: Any) -> None:
        made = [{"id": name, "status": s, "model": "base", "created_at": 1000, **fields} for s in states]
        event = {"id": f"{name}-1", "created_at": 1, "message": f"{name} has begun"}
        data = {"step": 5, "total_steps": 10, "train_loss": 0.5}
        step = {"id": f"{name}-2", "created_at": 2, "message": "Step 5/10", "type": "metrics", "data": data}
        canned.answer("GET", f"{JOBS}/{name}", *made)
        canned.answer("GET", f"{JOBS}/{name}/events", {"data": [step, event]})

    return make


def test_all_succeed(at: Command, prepare: Any) -> None:
    prepare("a", "running", "succeeded", fine_tuned_model="ft:base:a")
    prepare("b", "queued", "running", "succeeded")
    done = at("jobs", "watch", "a", "b")
    assert done.returncode == 0
    assert done.stdout == "a  succeeded  ft:base:a\nb  succeeded\n"
    assert "a: a has begun" in done.stderr
    assert "b is running" in done.stderr


def test_one_that_failed_is_exit_code_one(at: Command, prepare: Any) -> None:
    prepare("a", "succeeded")
    prepare("b", "failed", error={"message": "no reply", "code": "bad_file"})
    prepare("c", "running", "cancelled")
    done = at("jobs", "watch", "a", "b", "c")
    assert done.returncode == 1
    assert "job b failed: no reply (bad_file)\njob c was cancelled" in done.stderr
    assert "b  failed  no reply (bad_file)" in done.stdout


def test_json_is_a_list_and_a_line_for_each_event_and_state(at: Command, prepare: Any) -> None:
    prepare("a", "running", "succeeded")
    prepare("b", "succeeded")
    done = at("jobs", "watch", "a", "b", "--json")
    assert [(j["id"], j["status"]) for j in json.loads(done.stdout)] == [
        ("a", "succeeded"),
        ("b", "succeeded"),
    ]
    records = [json.loads(line) for line in done.stderr.splitlines()]
    own = [r for r in records if r.get("job") == "a"]
    assert [r["type"] for r in own] == ["state", "event", "event", "state"]
    assert own[1]["text"] == "a has begun"
    assert own[2]["figures"] == {"step": 5.0, "total_steps": 10.0, "loss": 0.5}
    assert own[3]["ok"] is True


def test_a_single_job_is_an_object(at: Command, prepare: Any) -> None:
    prepare("a", "running", "succeeded")
    assert json.loads(at("jobs", "watch", "a", "--json").stdout)["id"] == "a"


def test_all_that_run(at: Command, prepare: Any, canned: Any) -> None:
    prepare("a", "running", "succeeded")
    listed = [{"id": "a", "status": "running"}, {"id": "old", "status": "succeeded"}]
    canned.answer("GET", JOBS, {"data": listed}, {"data": listed[1:]})
    done = at("jobs", "watch", "--all", "--json")
    assert [j["id"] for j in json.loads(done.stdout)] == ["a"]
    done = at("jobs", "watch", "--all")
    assert (done.returncode, done.stdout) == (0, "no job runs\n")


@pytest.mark.parametrize("arguments", [[], ["a", "--all"]])
def test_what_to_watch_must_be_said(at: Command, canned: Any, arguments: list[str]) -> None:
    done = at("jobs", "watch", *arguments)
    assert done.returncode == 2
    assert "--all" in done.stderr
    assert canned.asked == []


def test_a_webhook_gets_the_end(at: Command, prepare: Any, canned: Any) -> None:
    prepare("a", "running", "succeeded", fine_tuned_model="ft:base:a")
    canned.answer("POST", "/hook", {})
    done = at("jobs", "watch", "a", "--webhook", f"{canned.address}/hook")
    assert done.returncode == 0
    (sent,) = [a for a in canned.asked if a.method == "POST"]
    assert (sent.json["job_id"], sent.json["fine_tuned_model"]) == ("a", "ft:base:a")
    assert "secret" not in sent.body.decode() + str(sent.headers)


def test_a_webhook_that_fails_is_a_warning(at: Command, prepare: Any, canned: Any) -> None:
    prepare("a", "succeeded")
    canned.answer("POST", "/hook", (404, {}))
    done = at("jobs", "watch", "a", "--webhook", f"{canned.address}/hook")
    assert done.returncode == 0
    assert "warning: the webhook at 127.0.0.1 failed: it answered 404" in done.stderr


def test_a_webhook_that_is_none_is_refused_at_once(at: Command, prepare: Any, canned: Any) -> None:
    prepare("a", "running")
    assert at("jobs", "watch", "a", "--webhook", "nowhere").returncode == 2
    assert canned.asked == []


@pytest.mark.parametrize(("status", "code"), [("succeeded", 0), ("failed", 1)])
def test_a_command_at_the_end(
    at: Command, prepare: Any, canned: Any, tmp_path: Path, status: str, code: int
) -> None:
    prepare("a", "running", status, fine_tuned_model="ft:base:a")
    script = (
        f'echo "$FTKIT_JOB_ID $FTKIT_JOB_STATUS $FTKIT_MODEL" > {shlex.quote(str(tmp_path / "out"))}; exit 7'
    )
    done = at("jobs", "watch", "a", "--on-finish", script)
    assert done.returncode == code
    assert (tmp_path / "out").read_text() == f"a {status} ft:base:a\n"
    assert "the command for the end of job a ended with exit code 7" in done.stderr


def endless(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ftkit", "jobs", "watch", *arguments]
    return subprocess.Popen(command, text=True, env={**os.environ, "FTKIT_POLL_SECONDS": "0.05"}, **options)


def test_ctrl_c_at_the_real_process_leaves_several_jobs(canned: Any, prepare: Any) -> None:
    prepare("a", "running")
    prepare("b", "running")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = endless("a", "b", "--base-url", canned.address, **pipes)
    try:
        assert process.stderr is not None
        while "b has begun" not in (line := process.stderr.readline()):
            assert line, "the command ended"
        process.send_signal(signal.SIGINT)
        out, rest = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 130
    assert out == ""
    assert f"ftkit jobs watch a b --base-url {canned.address}" in rest
    assert "Traceback" not in rest


def test_ctrl_c_in_a_terminal_leaves_it_in_order(
    canned: Any, prepare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The live board is taken down: the cursor is shown again, the last state stays to be read."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    prepare("ftjob-1", "running")
    ours, theirs = pty.openpty()
    process = endless("ftjob-1", "--base-url", canned.address, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    written = b""
    try:
        deadline = time.monotonic() + 30
        while b"loss 0.5" not in written and time.monotonic() < deadline:
            written += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        while True:
            try:
                more = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            written += more
            if not more:
                break
        process.wait(20)
    finally:
        process.kill()
        os.close(ours)
    text = written.decode(errors="replace")
    assert process.returncode == 130
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert "ftkit jobs watch ftjob-1 --base-url" in text.replace("\r\n", " ")
    assert "━" in text
    assert "step 5 of 10" in text

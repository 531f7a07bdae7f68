"""The platform commands against answers of every kind: what is printed, where, and the exit code."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import canned_platform
import pytest

canned_server, canned, at = canned_platform.canned_server, canned_platform.canned, canned_platform.at
Command = canned_platform.Command
JOBS, JOB, EVENTS = "/fine_tuning/jobs", "/fine_tuning/jobs/j", "/fine_tuning/jobs/j/events"
CHAT = "/chat/completions"
DONE = {
    "id": "j",
    "status": "succeeded",
    "model": "base",
    "fine_tuned_model": "ft:base:mine",
    "hyperparameters": {"n_epochs": 3, "batch_size": "auto"},
    "created_at": 1733356800,
    "result_files": ["file-8", "file-9"],
    "trained_tokens": 1200,
}
BATCH = {
    "id": "b",
    "status": "completed",
    "endpoint": "/v1/chat/completions",
    "request_counts": {"total": 3, "completed": 2, "failed": 1},
    "created_at": 1733356800,
}
FILE = {"id": "f", "filename": "train.jsonl", "bytes": 12, "purpose": "fine-tune", "status": "processed"}
HTML = "<html><head><title>Sign in to the proxy</title></head></html>"


def error_of(done: canned_platform.Done) -> Any:
    return json.loads(done.stderr.splitlines()[-1])["error"]


ASKING = [
    (["files", "list"], "GET", "/files"),
    (["files", "show", "f"], "GET", "/files/f"),
    (["files", "content", "f"], "GET", "/files/f/content"),
    (["files", "delete", "f"], "DELETE", "/files/f"),
    (["jobs", "list"], "GET", JOBS),
    (["jobs", "show", "j"], "GET", JOB),
    (["jobs", "events", "j"], "GET", EVENTS),
    (["jobs", "watch", "j"], "GET", JOB),
    (["jobs", "cancel", "j"], "POST", f"{JOB}/cancel"),
    (["jobs", "checkpoints", "j"], "GET", f"{JOB}/checkpoints"),
    (["jobs", "create", "--training-file", "file-1", "--model", "m"], "POST", JOBS),
    (["batches", "list"], "GET", "/batches"),
    (["batches", "show", "b"], "GET", "/batches/b"),
    (["batches", "watch", "b"], "GET", "/batches/b"),
    (["batches", "results", "b"], "GET", "/batches/b"),
    (["batches", "cancel", "b"], "POST", "/batches/b/cancel"),
    (["models", "list"], "GET", "/models"),
    (["models", "show", "m"], "GET", "/models/m"),
    (["models", "delete", "m"], "DELETE", "/models/m"),
    (["chat", "m", "hello"], "POST", CHAT),
    (["chat", "m", "hello", "--no-stream"], "POST", CHAT),
]
NAMES = [" ".join(arguments[:2]) for arguments, _, _ in ASKING[:-1]] + ["chat whole"]


@pytest.mark.parametrize(("arguments", "method", "path"), ASKING, ids=NAMES)
@pytest.mark.parametrize(
    ("answer", "words", "hint"),
    [
        (
            (401, {"error": {"message": "wrong key sk-secret-0123456789abcdef"}}),
            "[redacted]",
            "FTKIT_API_KEY",
        ),
        ((404, {"error": {"message": "No such thing"}}), "No such thing (404)", "ftkit "),
        (HTML, "an HTML page (Sign in to the proxy)", "/v1"),
    ],
    ids=["401", "404", "html"],
)
def test_every_command_says_what_the_platform_refused(
    canned: Any, at: Command, arguments: list[str], method: str, path: str, answer: Any, words: str, hint: str
) -> None:
    status, body = answer if isinstance(answer, tuple) else (200, answer)
    canned.answer(method, path, (status, body, {"x-request-id": "req-42"}))
    if (method, path) == ("POST", JOBS):  # where an end is not known the platform's list is asked
        canned.answer("GET", JOBS, {"data": []})
    done = at(*arguments, "--json")
    assert (done.returncode, done.stdout) == (3, "")
    error = error_of(done)
    assert words in error["message"]
    assert hint in error["hint"]
    assert (error["exit_code"], error["request_id"]) == (3, "req-42")
    plain = at(*arguments).stderr
    assert words in plain and hint in plain and "req-42" in plain


def test_a_limit_says_how_long_to_wait(canned: Any, at: Command) -> None:
    canned.answer("GET", JOBS, (429, {"error": {"message": "60 a minute"}}, {"retry-after": "7"}))
    done = at("jobs", "list")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        f"error: cannot list the jobs: {canned.address.split('/')[2]} says: 60 a minute (429)\n"
        "Too many requests: wait 7 seconds and try again.\n"
    )


def test_a_model_is_deleted(canned: Any, at: Command) -> None:
    canned.answer("DELETE", "/models/ft:m:x", {"id": "ft:m:x", "object": "model", "deleted": True})
    assert at("models", "delete", "ft:m:x").stdout == "deleted ft:m:x\n"
    assert json.loads(at("models", "delete", "ft:m:x", "--json").stdout) == {"id": "ft:m:x", "deleted": True}
    assert [asked.method for asked in canned.asked] == ["DELETE", "DELETE"]


def test_nothing_is_nothing(canned: Any, at: Command) -> None:
    for path in ("/files", JOBS, "/batches", "/models", EVENTS, f"{JOB}/checkpoints"):
        canned.answer("GET", path, {"data": []})
    groups = (["files", "list"], ["jobs", "list"], ["batches", "list"], ["models", "list"])
    for arguments in (*groups, ["jobs", "checkpoints", "j"]):
        assert json.loads(at(*arguments, "--json").stdout) == []
        assert at(*arguments).returncode == 0
    assert at("jobs", "events", "j", "--json").stdout == ""


def test_a_list_ends_at_its_limit_and_asks_for_no_more(canned: Any, at: Command) -> None:
    page = {"data": [{**DONE, "id": f"j{n}"} for n in range(100)], "has_more": True}
    canned.answer("GET", JOBS, page)
    listed = json.loads(at("jobs", "list", "--limit", "7", "--json").stdout)
    assert [job["id"] for job in listed] == [f"j{n}" for n in range(7)]
    assert len(canned.asked) == 1
    assert at("jobs", "list", "--limit", "0").returncode == 2


def test_files_by_purpose(canned: Any, at: Command) -> None:
    asked_for = {**FILE, "purpose": "batch"}
    canned.answer("GET", "/files", {"data": [asked_for, FILE, {"id": "g"}]})  # not every platform filters
    listed = json.loads(at("files", "list", "--purpose", "batch", "--json").stdout)
    assert canned.asked[0].query["purpose"] == "batch"
    assert [f["bytes"] for f in listed] == [12, None]
    assert "raw" not in listed[0]
    assert at("files", "list").stdout.split()[-6:] == ["g", "-", "-", "-", "-", "-"]


def test_a_job_for_a_person_and_for_a_program(canned: Any, at: Command) -> None:
    canned.answer("GET", JOB, {**DONE, "error": None, "seed": None})
    fields = dict(line.split(maxsplit=1) for line in at("jobs", "show", "j").stdout.splitlines())
    assert fields["hyperparameters"] == "n_epochs 3, batch_size auto"
    assert fields["result_files"] == "file-8, file-9"
    assert "seed" not in fields and "error" not in fields and "raw" not in fields
    job = json.loads(at("jobs", "show", "j", "--json").stdout)
    assert (job["created_at"], job["seed"], job["hyperparameters"]) == (
        "2024-12-05T00:00:00Z",
        None,
        DONE["hyperparameters"],
    )


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles", "UTC"])
def test_the_last_day_of_the_calendar_can_be_shown_everywhere(
    canned: Any, at: Command, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    moments = {"created_at": "9999-12-31T23:59:59Z", "expires_at": "0001-01-01T00:00:00+01:00"}
    canned.answer("GET", "/batches/b", {**BATCH, **moments})
    with monkeypatch.context() as there:
        there.setenv("TZ", zone)
        time.tzset()
        shown = at("batches", "show", "b")
    time.tzset()
    assert shown.returncode == 0
    assert "created_at  9999-12-31" in shown.stdout
    assert "expires_at" not in shown.stdout


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        ("succeeded", 0, ""),
        ("failed", 1, "job j failed: line 3 is empty (bad_file, param training_file)"),
        ("cancelled", 1, "job j was cancelled"),
    ],
)
def test_the_exit_code_of_a_watch_is_the_job_s_end(
    canned: Any, at: Command, status: str, code: int, words: str
) -> None:
    error = {"message": "line 3 is empty", "code": "bad_file", "param": "training_file"}
    canned.answer("GET", JOB, {**DONE, "status": status, "error": error if status == "failed" else None})
    events = [{"id": "e2", "created_at": 2, "level": "warn", "message": "careful"}]
    events.append({"id": "e1", "created_at": 1, "message": "begun"})
    canned.answer("GET", EVENTS, {"data": events})
    done = at("jobs", "watch", "j", "--json", "--base-url", canned.address)
    assert done.returncode == code
    assert json.loads(done.stdout)["status"] == status
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["text"] for line in lines if line.get("type") == "event"] == ["begun", "careful"]
    if words:
        assert lines[-1]["error"]["message"] == words
        assert lines[-1]["error"]["type"] == "JobFailed"
    if status == "failed":
        assert lines[-1]["error"]["hint"].endswith(f"ftkit jobs events j --base-url {canned.address}")
    printed = at("jobs", "events", "j", "--follow").stdout.splitlines()
    assert [line.split("  ", 1)[1] for line in printed] == ["begun", "warn: careful"]


def test_kluster_is_told_what_it_takes_and_the_person_what_it_does_not(
    canned: Any, at: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KLUSTER_API_KEY", "k-0123456789")
    canned.answer("POST", JOBS, {"id": "j", "status": "pending", "nickname": "mine"})
    order = ["jobs", "create", "--training-file", "file-1", "--model", "m", "--suffix", "mine", "--seed", "3"]
    order += ["--epochs", "2", "--batch-size", "auto", "--learning-rate-multiplier", "0.5"]
    done = at(*order, "--platform", "kluster", "--base-url", canned.address)
    assert done.returncode == 0, done.stderr
    assert "kluster.ai does not take 'seed' for a job: left out" in done.stderr
    assert done.stderr.count("fine-tuning platform has closed") == 1
    assert next(asked.json for asked in canned.asked if asked.method == "POST") == {
        "training_file": "file-1",
        "model": "m",
        "nickname": "mine",
        "hyperparameters": {"n_epochs": 2, "learning_rate_multiplier": 0.5},  # it knows no "auto"
    }


@pytest.mark.parametrize("option", ["--epochs", "--batch-size", "--learning-rate-multiplier"])
@pytest.mark.parametrize("value", ["0", "-1", "inf", "nan", "many", ""])
def test_a_hyperparameter_that_is_none(canned: Any, at: Command, option: str, value: str) -> None:
    done = at("jobs", "create", "--training-file", "f", "--model", "m", option, value)
    assert done.returncode == 2
    assert f"{value!r} is neither a number above zero nor 'auto'" in done.stderr
    assert canned.asked == []


def request_file(tmp_path: Path) -> Path:
    path = tmp_path / "requests.jsonl"
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    line = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": body}
    path.write_text(json.dumps(line) + "\n")
    return path


def test_a_batch_that_runs_out_of_time_is_a_no_with_its_part_kept(
    canned: Any, at: Command, tmp_path: Path
) -> None:
    counts = {"total": 3, "completed": 2, "failed": 0}
    ended = {**BATCH, "status": "expired", "request_counts": counts, "output_file_id": "out"}
    canned.answer("POST", "/files", FILE)
    canned.answer("POST", "/batches", {**BATCH, "status": "validating"})
    canned.answer("GET", "/batches/b", ended)
    done = at("batches", "submit", str(request_file(tmp_path)), "--watch", "--base-url", canned.address)
    assert done.returncode == 1
    fields = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert (fields["status"], fields["completed"]) == ("expired", "2")
    assert "batch b ran out of its time after 2 of 3 requests" in done.stderr
    assert f"ftkit batches results b --base-url {canned.address}\n" in done.stderr


def test_without_watching_a_submitted_batch_is_a_success(canned: Any, at: Command, tmp_path: Path) -> None:
    canned.answer("POST", "/files", FILE)
    canned.answer("POST", "/batches", {**BATCH, "status": "validating"})
    done = at("batches", "submit", str(request_file(tmp_path)), "--json")
    assert (done.returncode, json.loads(done.stdout)["status"]) == (0, "validating")
    assert canned.paths() == ["/files", "/batches"]


def test_answers_and_failures_line_by_line(canned: Any, at: Command, tmp_path: Path) -> None:
    texts = {"a": "two\nlines", "b": "", "c": "Höhe 好 😀"}
    lines = [
        {"custom_id": i, "response": {"status_code": 200, "body": {"choices": [{"message": {"content": t}}]}}}
        for i, t in texts.items()
    ]
    lost = {"custom_id": "d", "response": {"status_code": 429, "body": {"error": {"message": "slow\ndown"}}}}
    out = "".join(json.dumps(line) + "\n" for line in lines).encode()
    canned.answer("GET", "/batches/b", {**BATCH, "output_file_id": "out", "error_file_id": "err"})
    canned.answer("GET", "/files/out/content", (200, out))
    canned.answer("GET", "/files/err/content", (200, json.dumps(lost).encode()))
    done = at("batches", "results", "b", "-q")
    assert done.returncode == 0
    assert done.stdout.splitlines() == ["a\ttwo lines", "b\t", "c\tHöhe 好 😀", "d\terror: slow down"]
    rows = [json.loads(line) for line in at("batches", "results", "b", "--json", "-q").stdout.splitlines()]
    assert [(row["custom_id"], row["ok"], row["status_code"]) for row in rows] == [
        ("a", True, 200),
        ("b", True, 200),
        ("c", True, 200),
        ("d", False, 429),
    ]
    assert at("batches", "results", "b", "--out", str(tmp_path / "x.jsonl")).stdout.endswith(
        "x.jsonl: 4 answers, 1 failed\n"
    )


@pytest.mark.parametrize(
    ("status", "words"),
    [("in_progress", "has no answers yet: it is in_progress"), ("cancelled", "was cancelled")],
)
def test_a_batch_without_answers_is_a_no(canned: Any, at: Command, status: str, words: str) -> None:
    canned.answer("GET", "/batches/b", {**BATCH, "status": status})
    done = at("batches", "results", "b")
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr


def test_a_download_that_breaks_off_leaves_no_file(canned: Any, at: Command, tmp_path: Path) -> None:
    canned.answer("GET", "/files/f/content", (200, b"half", {"content-length": "99"}))
    done = at("files", "content", "f", "--out", str(tmp_path / "copy.jsonl"))
    assert (done.returncode, done.stdout) == (3, "")
    assert "cannot read the file: the connection to" in done.stderr
    assert not list(tmp_path.glob("*copy*"))


def test_a_download_says_how_much_it_wrote(canned: Any, at: Command, tmp_path: Path) -> None:
    canned.answer("GET", "/files/f/content", (200, b"x" * 12_345))
    out = tmp_path / "deep" / "copy.bin"
    assert at("files", "content", "f", "--out", str(out)).stdout.split() == [f"{out}:", "12,345", "bytes"]
    assert json.loads(at("files", "content", "f", "--out", str(out), "--json").stdout) == {
        "path": str(out),
        "bytes": 12_345,
    }


def test_deleting_says_so(canned: Any, at: Command) -> None:
    canned.answer("DELETE", "/files/f", {"id": "f", "deleted": True})
    assert json.loads(at("files", "delete", "f", "--json").stdout) == {"id": "f", "deleted": True}
    assert at("files", "delete", "..").returncode == 2


def test_checkpoints_as_a_table(canned: Any, at: Command) -> None:
    metrics = {"step": 8, "train_loss": 0.123456, "note": "x"}
    point = {"id": "c", "step_number": 8, "fine_tuned_model_checkpoint": "ft:m:8", "metrics": metrics}
    canned.answer("GET", f"{JOB}/checkpoints", {"data": [point]})
    assert "step 8, train_loss 0.1235" in at("jobs", "checkpoints", "j").stdout
    (row,) = json.loads(at("jobs", "checkpoints", "j", "--json").stdout)
    assert row["metrics"] == {"step": 8.0, "train_loss": 0.123456}


def test_a_stand_in_is_named_in_the_list_of_models(canned: Any, at: Command) -> None:
    models = [{"id": "org/big", "engine": "linear", "stand_in_for": "org/big"}, {"id": "[red]odd[/red]"}]
    canned.answer("GET", "/models", {"data": models})
    text = at("models", "list").stdout
    assert "stands in for org/big" in text
    assert "[red]odd[/red]" in text  # no markup


def test_a_model_that_only_the_catalog_knows_and_one_that_nobody_does(
    canned: Any, at: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789abcdef")
    where = ["--platform", "openai", "--base-url", canned.address, "--json"]
    done = at("models", "show", "gpt-4.1-mini", *where)
    shown = json.loads(done.stdout)
    assert (done.returncode, shown["platform"], shown["catalog"]["id"]) == (0, None, "gpt-4.1-mini")
    assert at("models", "show", "gpt-nobody", *where).returncode == 3


@pytest.mark.parametrize(
    "wrong", [["jobs"], ["jobs", "wach"], ["files", "show"], ["batches", "watch", "b", "c"]]
)
def test_half_a_command_sends_nothing(canned: Any, at: Command, wrong: list[str]) -> None:
    assert at(*wrong).returncode == 2
    assert canned.asked == []

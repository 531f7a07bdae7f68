"""What happens when a job has ended: webhooks at a real server, commands in a real shell."""

from __future__ import annotations

import json
import socket
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ftkit.errors import FtkitError, UsageError
from ftkit.gateway import Job
from ftkit.gateway.failures import Target
from ftkit.gateway.finishing import Finishing, job_environment, job_message, post_json, run_command

SECRET = "sk-secret-0123456789"
TARGET = Target("Nebius", "nebius", "https://api.example.com/v1", key=SECRET)
DONE = Job(
    id="j1",
    status="succeeded",
    model="base",
    fine_tuned_model="ft:base:x",
    trained_tokens=12,
    created_at=datetime(2026, 1, 2, 3, tzinfo=UTC),
    finished_at=datetime(2026, 1, 2, 4, tzinfo=UTC),
    raw={"integrations": [{"wandb": SECRET}]},
)
FAILED = Job(id="j2", status="failed", error={"message": "line 7 has no reply", "code": "bad_file"})  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ftkit.gateway.finishing.WEBHOOK_PAUSES", (0.01, 0.01, 0.01))


@pytest.fixture
def hook(canned: Any) -> str:
    return f"{canned.address}/hooks/T0/very-secret"


def test_what_a_webhook_gets(canned: Any, hook: str, seen: Any) -> None:
    canned.answer("POST", "/hooks/T0/very-secret", {"ok": True})
    with Finishing(seen, TARGET, webhook=hook) as finishing:
        finishing.ended(DONE)
        finishing.ended(FAILED)
    bodies = {a.json["job_id"]: a.json for a in canned.asked}
    assert bodies["j1"] == {
        "type": "job.ended",
        "text": "ftkit: job j1 succeeded: ft:base:x",
        "job_id": "j1",
        "status": "succeeded",
        "platform": "nebius",
        "model": "base",
        "fine_tuned_model": "ft:base:x",
        "trained_tokens": 12,
        "error": None,
        "created_at": "2026-01-02T03:00:00+00:00",
        "finished_at": "2026-01-02T04:00:00+00:00",
    }
    assert bodies["j2"]["error"] == "line 7 has no reply (bad_file)"
    assert set(bodies["j2"]) == set(bodies["j1"])
    assert SECRET not in json.dumps(bodies) + str([a.headers for a in canned.asked])
    assert canned.asked[0].headers["content-type"] == "application/json"
    assert seen.warnings == []


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_a_webhook_is_tried_again_while_it_may_help(canned: Any, hook: str, status: int) -> None:
    canned.answer("POST", "/hooks/T0/very-secret", (status, {}), (status, {}), (status, {}), {"ok": True})
    post_json(hook, job_message(DONE, "nebius"))
    assert len(canned.asked) == 4


@pytest.mark.parametrize(("status", "tries"), [(400, 1), (403, 1), (404, 1), (410, 1), (503, 4)])
def test_a_webhook_that_fails_names_its_host_alone(canned: Any, hook: str, status: int, tries: int) -> None:
    canned.answer("POST", "/hooks/T0/very-secret", (status, {}))
    with pytest.raises(FtkitError, match=f"the webhook at 127.0.0.1 failed: it answered {status}") as caught:
        post_json(hook, {})
    assert len(canned.asked) == tries
    assert "secret" not in str(caught.value)


def test_a_webhook_where_nobody_listens_is_a_warning(seen: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with Finishing(seen, TARGET, webhook=f"http://127.0.0.1:{taken.getsockname()[1]}/x") as finishing:
            finishing.ended(DONE)
    assert len(seen.warnings) == 1
    assert "the webhook at 127.0.0.1 failed" in seen.warnings[0]


def test_a_webhook_that_answers_no_http_is_a_failure(seen: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            for _ in range(4):
                connection, _address = server.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(b"hello\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(FtkitError, match="the webhook at"):
            post_json(f"http://127.0.0.1:{server.getsockname()[1]}/", {})


@pytest.mark.parametrize(
    "address", ["", "example.com/x", "ftp://host/x", "http://", "http://[::1", "http://h:x"]
)
def test_what_is_no_address_is_refused_before_anything_is_watched(seen: Any, address: str) -> None:
    with pytest.raises(UsageError, match="no address of a webhook"):
        Finishing(seen, TARGET, webhook=address)


def test_a_command_knows_the_job(seen: Any, tmp_path: Path) -> None:
    names = "JOB_ID JOB_STATUS JOB_ERROR MODEL BASE_MODEL PLATFORM BASE_URL"
    line = "|".join(f"$FTKIT_{name}" for name in names.split())
    with Finishing(seen, TARGET, command=f'echo "{line}"; exit $(( ${{#FTKIT_JOB_ID}} + 1 ))') as finishing:
        finishing.ended(DONE)
        finishing.ended(FAILED)
    assert seen.events == [
        "j1|succeeded||ft:base:x|base|nebius|",
        "j2|failed|line 7 has no reply (bad_file)|||nebius|",
    ]
    assert finishing.codes == {"j1": 3, "j2": 3}
    assert seen.warnings[0] == "the command for the end of job j1 ended with exit code 3"


def test_a_command_that_succeeds_is_a_note(seen: Any) -> None:
    with Finishing(seen, TARGET, command="true") as finishing:
        finishing.ended(DONE)
    assert seen.notes == ["the command for the end of job j1 ended with exit code 0"]
    assert seen.warnings == []


def test_a_command_for_a_platform_known_by_its_address() -> None:
    made = job_environment(DONE, Target("h", "custom", "http://h/v1"))
    assert (made["FTKIT_PLATFORM"], made["FTKIT_BASE_URL"]) == ("custom", "http://h/v1")
    assert "FTKIT_BASE_URL" not in job_environment(DONE, TARGET)


def test_of_a_command_s_words_the_last_are_kept_whatever_they_are() -> None:
    code, lines = run_command("seq 1 1000; printf '\\377\\n' >&2; cat", {})
    assert code == 0
    assert lines[0] == "982"
    assert lines[-2:] == ["1000", "�"]


def test_leaving_waits_for_no_webhook(
    canned: Any, hook: str, seen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ftkit.gateway.finishing.WEBHOOK_PAUSES", (60.0, 60.0))
    canned.answer("POST", "/hooks/T0/very-secret", (503, {}))
    with pytest.raises(KeyboardInterrupt), Finishing(seen, TARGET, webhook=hook) as finishing:
        finishing.ended(DONE)
        raise KeyboardInterrupt
    assert len(canned.asked) <= 1

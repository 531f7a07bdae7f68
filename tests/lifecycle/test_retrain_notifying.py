"""Webhooks and commands that tell how a retraining has ended: over real HTTP, in a real shell."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from ftkit.display import SilentDisplay
from ftkit.errors import UsageError
from ftkit.lifecycle.retraining.notifying import Notifier, retrain_environment, retrain_message
from ftkit.lifecycle.retraining.result import Cause, Contest, Retrained


class Told(SilentDisplay):
    """Keeps what a person would be told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def note(self, text: str) -> None:
        self.lines.append(("note", text))

    def warn(self, text: str) -> None:
        self.lines.append(("warn", text))

    def event(self, text: str, *rest: Any, **more: Any) -> None:
        self.lines.append(("event", text))


class Hook:
    """A webhook's other end: keeps what it gets, and answers with the statuses that it was given."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.answers: list[int] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(hook.answers.pop(0) if hook.answers else 204)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/secret-path"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.server.shutdown()
    made.server.server_close()


def result(outcome: str = "promoted", **more: Any) -> Retrained:
    contest = Contest(
        task="t", rows=40, figures=(), against="ft:old", difference=0.05, low=0.01, high=0.09, p=0.01
    )
    fields = {
        "recipe": "sentiment",
        "name": "sentiment",
        "platform": "local",
        "outcome": outcome,
        "reasons": ("it is better", "it breaks no rule"),
        "causes": (Cause(kind="data", said="40 new rows"),),
        "champion": "ft:old",
        "challenger": "ft:new",
        "contests": (contest,),
        "round": 3,
        "started": datetime(2026, 11, 1, 3, 4, tzinfo=UTC),
        **more,
    }
    return Retrained.model_validate(fields)


def test_a_webhook_gets_what_has_happened_and_why(hook: Hook) -> None:
    told = Told()
    Notifier(told, webhook=hook.url)(result())
    (message,) = hook.got
    assert message == retrain_message(result()) and told.lines == []
    assert message["type"] == "retrain.ended" and message["outcome"] == "promoted"
    assert message["text"] == "ftkit: sentiment: promoted (it is better; it breaks no rule)"
    assert (message["champion"], message["challenger"]) == ("ft:old", "ft:new")
    assert (message["difference"], message["round"], message["cost"]) == (0.05, 3, None)
    assert message["started"] == "2026-11-01T03:04:00+00:00"


def test_that_nothing_was_to_do_is_told_only_where_it_was_asked_for(hook: Hook) -> None:
    quiet = result("nothing to do", contests=(), challenger=None)
    Notifier(Told(), webhook=hook.url)(quiet)
    assert hook.got == []
    Notifier(Told(), webhook=hook.url, on=("nothing to do",))(quiet)
    Notifier(Told(), webhook=hook.url, on=("nothing to do",))(result())
    assert [message["outcome"] for message in hook.got] == ["nothing to do"]
    assert hook.got[0]["difference"] is None


@pytest.mark.parametrize("outcome", ["promoted", "kept", "blocked", "failed"])
def test_what_is_worth_telling(hook: Hook, outcome: str) -> None:
    Notifier(Told(), webhook=hook.url)(result(outcome))
    assert [message["outcome"] for message in hook.got] == [outcome]


def test_a_webhook_that_is_busy_is_tried_again(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ftkit.gateway.finishing.WEBHOOK_PAUSES", (0.01, 0.01))
    hook.answers = [503, 429]
    told = Told()
    Notifier(told, webhook=hook.url)(result())
    assert len(hook.got) == 3 and told.lines == []


def test_a_webhook_that_refuses_is_a_warning_without_its_secret_path(hook: Hook) -> None:
    hook.answers = [404]
    told = Told()
    Notifier(told, webhook=hook.url)(result())
    assert told.lines == [("warn", "the webhook at 127.0.0.1 failed: it answered 404")]


def test_an_address_that_is_none_is_refused_before_anything_is_trained() -> None:
    with pytest.raises(UsageError, match="no address of a webhook"):
        Notifier(Told(), webhook="example.com/hook")


def test_a_command_finds_what_happened_in_its_environment(tmp_path: Path) -> None:
    told = Told()
    values = " ".join(f'"$FTKIT_RETRAIN_{name}"' for name in ("OUTCOME", "CHALLENGER", "REASONS"))
    command = f'printf "%s|%s|%s" {values} > said'
    Notifier(told, command=command)(result(summary=tmp_path / "summary.md"))
    assert Path("said").read_text() == "promoted|ft:new|it is better\nit breaks no rule"
    assert told.lines == [("note", "the command for the end of the retraining ended with exit code 0")]
    assert retrain_environment(result(summary=tmp_path / "s"))["FTKIT_RETRAIN_SUMMARY"] == str(tmp_path / "s")


def test_a_command_that_fails_is_a_warning_with_what_it_said() -> None:
    told = Told()
    Notifier(told, command="echo oh no; exit 3")(result())
    assert told.lines == [
        ("event", "oh no"),
        ("warn", "the command for the end of the retraining ended with exit code 3"),
    ]


def test_both_are_told_and_one_that_fails_does_not_keep_the_other(hook: Hook) -> None:
    hook.answers = [400]
    Notifier(Told(), webhook=hook.url, command="touch ran")(result())
    assert len(hook.got) == 1 and Path("ran").exists()

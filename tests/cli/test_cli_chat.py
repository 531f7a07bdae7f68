"""``ftkit chat``: the question as it was typed or piped, the reply as it comes, and a stream that breaks."""

from __future__ import annotations

import io
import json
from typing import Any

import canned_platform
import pytest

canned_server, canned, at = canned_platform.canned_server, canned_platform.canned, canned_platform.at
Command = canned_platform.Command
CHAT = "/chat/completions"


@pytest.mark.parametrize("options", [[], ["--no-stream"], ["--json"]])
def test_a_question_with_its_options(canned: Any, at: Command, options: list[str]) -> None:
    canned.answer("POST", CHAT, {"choices": [{"message": {"content": "Grüße"}}], "model": "m"})
    done = at("chat", "m", "Hallo?", "--system", "Kurz.", "--max-tokens", "5", "--temperature", "0", *options)
    assert done.returncode == 0
    text = json.loads(done.stdout)["text"] if options == ["--json"] else done.stdout.removesuffix("\n")
    assert text == "Grüße"
    sent = canned.asked[0].json
    assert (sent["max_tokens"], sent["temperature"], sent.get("stream", False)) == (5, 0.0, not options)
    assert [m["content"] for m in sent["messages"]] == ["Kurz.", "Hallo?"]


def test_a_stream_that_breaks_off_keeps_what_came(canned: Any, at: Command) -> None:
    body = b'data: {"choices": [{"delta": {"content": "Hel"}}]}\n\n'
    body += b'data: {"error": {"message": "overloaded"}}\n\n'
    canned.answer("POST", CHAT, (200, body, {"content-type": "text/event-stream"}))
    done = at("chat", "m", "hello")
    assert (done.returncode, done.stdout) == (3, "Hel")
    assert "overloaded" in done.stderr


@pytest.mark.parametrize("way", ["argument", "system", "stdin"])
def test_bytes_that_are_no_text_are_no_bug(
    canned: Any, at: Command, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if way == "stdin":
        stdin = io.TextIOWrapper(io.BytesIO(b"Gr\xfc\xdfe"), encoding="utf-8")
        monkeypatch.setattr("sys.stdin", stdin)
        done = at("chat", "m", "-")
    else:
        bad = "Gr\udcfc\udcdfe"  # how Python hands on the bytes of an argument
        done = at("chat", "m", bad) if way == "argument" else at("chat", "m", "hi", "--system", bad)
    assert done.returncode == 2
    assert "the question is not UTF-8 text" in done.stderr
    assert canned.asked == []


def test_a_question_from_stdin(canned: Any, at: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    canned.answer("POST", CHAT, {"choices": [{"message": {"content": "yes"}}]})
    monkeypatch.setattr("sys.stdin", io.StringIO("Ist das gut?\nJa?\n"))
    assert at("chat", "m", "-").stdout == "yes\n"
    assert canned.asked[0].json["messages"] == [{"role": "user", "content": "Ist das gut?\nJa?\n"}]
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert at("chat", "m", "-").returncode == 2

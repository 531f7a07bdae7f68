"""``ftkit.LLM`` before platforms of prepared answers over HTTP: without forms, busy; and before a hook."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import canned_platform
import pytest
from canned_platform import Asked, Canned

import ftkit
from ftkit.settings import Settings

canned_server, canned = canned_platform.canned_server, canned_platform.canned
GOOD = '{"age": 25}'
CHAT = "/chat/completions"


def reply(text: str) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {
        "id": "c",
        "model": "m",
        "choices": [choice],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3},
    }


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path / "state", max_retries=0)


def test_kluster_has_no_forms_and_gets_them_in_words(canned: Canned, settings: Settings) -> None:
    def say(asked: Asked) -> dict[str, Any]:
        return reply(GOOD if len(asked.json["messages"]) > 2 else "I am 25")

    canned.answer("POST", CHAT, say)
    llm = ftkit.LLM(
        "m",
        backend="kluster",
        base_url=canned.address,
        api_key="sk-of-mine",
        output_type={"age": "int"},
        generation_params={"max_tokens": 30},
        max_requests_per_minute=60_000,
        settings=settings,
    )
    response = llm(["How old are you?", "And she?"])
    assert response.dataset["age"][:] == [25, 25]
    assert (response.form, response.rounds, response.request_stats.sent) == ("instruction", 2, 4)
    assert "kluster.ai cannot be told" in response.notes[0]
    assert response.token_usage.input == 28 and response.cost_info.total_cost is None
    bodies = [asked.json for asked in canned.asked]
    assert all("response_format" not in body and body["max_completion_tokens"] == 30 for body in bodies)
    assert canned.asked[0].headers["authorization"] == "Bearer sk-of-mine"
    assert "sk-of-mine" not in repr(llm.options) + response.model_dump_json()
    kept = b"".join(path.read_bytes() for path in settings.state_dir.rglob("*") if path.is_file())
    assert b"sk-of-mine" not in kept


def test_who_refuses_response_format_is_asked_in_words(canned: Canned, settings: Settings) -> None:
    def say(asked: Asked) -> Any:
        if "response_format" in asked.json:
            return 400, {
                "error": {"message": "response_format is not supported", "type": "invalid_request_error"}
            }
        return reply(GOOD)

    canned.answer("POST", CHAT, say)
    llm = ftkit.LLM("m", base_url=canned.address, api_key="k", output_type={"age": "int"}, settings=settings)
    response = llm(["How old?", "And she?"])
    assert response.dataset["age"][:] == [25, 25] and response.failures == {}
    assert (response.form, response.request_stats.sent, response.backend) == ("instruction", 4, "custom")
    asked = len(canned.asked)
    assert llm(["And he?"]).rows == 1 and len(canned.asked) == asked + 1, "it is not tried again"


def test_a_busy_platform_is_left_alone_and_asked_again(canned: Canned, settings: Settings) -> None:
    busy = (429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}})
    canned.answer("POST", CHAT, busy, reply("up"))
    llm = ftkit.LLM(
        "m",
        base_url=canned.address,
        api_key="k",
        settings=settings,
        max_concurrent_requests=1,
        seconds_to_pause_on_rate_limit=0.05,
    )
    response = llm(["a", "b"])
    assert response.dataset["response"][:] == ["up", "up"] and len(canned.asked) == 3


def test_trouble_that_stays_is_a_failed_row(canned: Canned, settings: Settings) -> None:
    def say(asked: Asked) -> Any:
        bad = asked.json["messages"][-1]["content"] == "b"
        return (422, {"error": {"message": "not this one"}}) if bad else reply("up")

    canned.answer("POST", CHAT, say)
    llm = ftkit.LLM("m", base_url=canned.address, api_key="k", settings=settings, max_retries=1)
    response = llm(["a", "b", "c"])
    assert response.dataset["prompt"][:] == ["a", "c"]
    (failed,) = response.get_failed_requests()
    assert failed["input"] == {"prompt": "b"} and "not this one" in failed["error"]["message"]
    canned.answer("POST", CHAT, reply("up"))
    asked = len(canned.asked)
    assert llm(["a", "b", "c"]).rows == 3 and len(canned.asked) == asked + 1


HOOK = """
async def call(prompt, **params):
    return '{"length": %d}' % len(prompt.split("\\n\\n")[-1]), 3, 1
"""


def test_a_hook_answers_in_place_of_a_platform(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_service.py").write_text(HOOK)
    monkeypatch.syspath_prepend(str(tmp_path))
    entry = {"hook": "my_service", "price": {"input": 1_000_000.0, "output": 0.0}}
    named = Settings(state_dir=settings.state_dir, models={"my/model": {**entry, "hook": "my_service:call"}})
    llm = ftkit.LLM("my/model", settings=named, output_type={"length": "int"}, max_concurrent_requests=2)
    response = llm(["ab", "abcd"])
    assert response.dataset["length"][:] == [2, 4]
    assert (response.form, response.backend) == ("instruction", "hook")
    assert response.cost_info.total_cost == 6.0
    assert response.performance_stats.max_concurrent_requests == 2
    by_name = ftkit.LLM("hook:my_service:call", settings=settings)
    assert json.loads(by_name("abc").dataset[0]["response"]) == {"length": 3}

"""Inference requests in a platform's words: renamed, left out with a notice, refused with the line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ftkit.catalog import Dialect, Provider, builtin_catalog
from ftkit.display import SilentDisplay
from ftkit.errors import NotOnPlatform, Where
from ftkit.gateway import chat_request, connect
from ftkit.gateway.dialect import Translator
from ftkit.settings import load_settings

ASK = [{"role": "user", "content": "hi"}]


def kluster(display: Any = None) -> Translator:
    return Translator(builtin_catalog().provider("kluster"), display or SilentDisplay())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 1),
        ("response_format", {"type": "text"}),
        ("tools", []),
        ("functions", []),
        ("tool_choice", "none"),
        ("function_call", "auto"),
        ("modalities", ["text"]),
        ("n", None),
    ],
)
def test_a_field_that_asks_for_what_happens_anyway_is_left_out(seen: Any, field: str, value: Any) -> None:
    assert kluster(seen).request({"model": "m", "messages": ASK, field: value}) == {
        "model": "m",
        "messages": ASK,
    }
    assert seen.notes == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 2),
        ("response_format", {"type": "json_object"}),
        ("tools", [{"type": "function"}]),
        ("tool_choice", "required"),
        ("modalities", ["text", "audio"]),
    ],
)
def test_a_field_that_would_change_the_answer_is_refused(field: str, value: Any) -> None:
    where = Where("requests.jsonl", 7)
    with pytest.raises(NotOnPlatform, match=f"does not take {field!r}, and without it") as caught:
        kluster().request({"model": "m", field: value}, where)
    assert caught.value.where == where


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "name": "ann", "content": "hi"},
        {"role": "assistant", "content": None, "refusal": "no"},
        {"role": "assistant", "content": None, "audio": {"id": "a"}},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c"}]},
    ],
)
def test_parts_of_messages_that_kluster_does_not_read_are_refused(message: dict[str, Any]) -> None:
    with pytest.raises(NotOnPlatform, match="in a message, and without it the answer"):
        kluster().request({"model": "m", "messages": [*ASK, message]})


def test_empty_parts_of_messages_go_without_a_word(seen: Any) -> None:
    plain = {"role": "assistant", "content": "yes"}
    full = {**plain, "refusal": None, "tool_calls": [], "audio": None, "name": ""}
    said = kluster(seen).request({"model": "m", "messages": [*ASK, full, plain]})
    assert said["messages"] == [*ASK, plain, plain]
    assert full["tool_calls"] == [], "what was given is not changed"
    assert not [n for n in seen.notes if "refusal" in n or "audio" in n]


def test_messages_that_are_none_are_the_platforms_business() -> None:
    for wrong in ("hello", None, 3, ["hello", None]):
        said = kluster().request({"model": "m", "messages": wrong})
        assert said.get("messages") == wrong


def test_a_dialect_that_drops_a_part_of_a_message(seen: Any) -> None:
    provider = Provider(name="p", title="P", dialect=Dialect(drop_message=("cache_control",)))
    made = Translator(provider, seen)
    assert not made.changes_nothing
    said = made.request({"messages": [{"role": "user", "content": "x", "cache_control": {"a": 1}}]})
    assert said == {"messages": [{"role": "user", "content": "x"}]}
    assert seen.notes == ["P does not take 'cache_control' in a message: left out"]


@pytest.mark.parametrize(
    "body",
    [
        {"max_tokens": 5, "max_completion_tokens": 7},
        {"max_completion_tokens": 7, "max_tokens": 5},
        {"max_tokens": 7, "max_completion_tokens": None},
        {"max_tokens": 7},
    ],
)
def test_a_new_name_goes_before_an_old_one(body: dict[str, Any]) -> None:
    assert kluster().request(body) == {"max_completion_tokens": 7}


def test_fields_keep_their_order() -> None:
    assert list(kluster().request({"model": "m", "max_tokens": 3, "messages": ASK})) == [
        "model",
        "max_completion_tokens",
        "messages",
    ]


def test_a_receipt_is_no_reply() -> None:
    with pytest.raises(NotOnPlatform, match="with a receipt") as caught:
        kluster().request({"model": "m", "metadata": {"@kluster.ai": {"async": True}}})
    assert "batch" in str(caught.value.hint)
    for harmless in ({"@kluster.ai": {"async": False}}, {"@kluster.ai": None}, {"team": "x"}, "text"):
        assert kluster().request({"metadata": harmless}) == {"metadata": harmless}


@pytest.mark.parametrize("name", ["openai", "nebius", "local", "custom", "azure-openai"])
def test_other_platforms_get_requests_as_they_are(name: str) -> None:
    made = Translator(builtin_catalog().provider(name), SilentDisplay())
    assert made.changes_nothing
    body = {
        "model": "m",
        "messages": ASK,
        "max_tokens": 3,
        "n": 2,
        "response_format": {"type": "json_object"},
    }
    assert made.request(body) == body


PLATFORM = """
[providers.mine]
title = "My platform"
base_url = "{address}"
key_env = "MY_KEY"
lacks = ["uploads", "pause"]

[providers.mine.limits]
batch_windows = ["1h"]
batch_requests = 2

[providers.mine.dialect]
suffix_field = "tag"
supervised = "flat"
job_methods = ["supervised"]
takes_auto = false
rename_request = {{ max_tokens = "limit" }}
drop_request = ["store"]
refuse_request = ["n"]
refuse_message = ["name"]
drop_job_request = ["seed"]
drop_batch_request = ["metadata"]
job_status = {{ DONE = "succeeded", done = "succeeded", waiting = "queued" }}
batch_status = {{ ready = "completed" }}
hyperparameters = {{ supervised = ["rounds"] }}

[models."my/model"]
provider = "mine"
tunable = ["sft"]
"""


def test_a_platform_of_ftkit_toml_needs_no_python(
    canned: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: Any
) -> None:
    config = tmp_path / "ftkit.toml"
    config.write_text(PLATFORM.format(address=canned.address))
    monkeypatch.setenv("MY_KEY", "k-0123456789")
    settings = load_settings(config, state_dir=tmp_path / "state", max_retries=0)
    canned.answer("POST", "/chat/completions", {"choices": [{"message": {"content": "up"}}]})
    canned.answer("GET", "/fine_tuning/jobs", {"data": []})
    canned.answer("POST", "/fine_tuning/jobs", {"id": 77, "status": "waiting", "tag": "s"})
    canned.answer("GET", "/fine_tuning/jobs/77", {"id": 77, "status": "done", "fine_tuned_model": "my/tuned"})
    canned.answer("GET", "/batches/9", {"id": 9, "status": "READY", "output_file_id": 4})
    with connect("mine", settings=settings, display=seen) as platform:
        assert platform.chat.complete("my/model", ASK, max_tokens=4, store=True, n=1).text == "up"
        job = platform.jobs.create("f-1", "my/model", suffix="s", seed=3, hyperparameters={"rounds": 2})
        assert (job.id, job.status, job.suffix) == ("77", "queued", "s")
        assert platform.jobs.get("77").fine_tuned_model == "my/tuned"
        batch = platform.batches.get("9")
        assert (batch.status, batch.ended, batch.output_file_id) == ("completed", True, "4")
        with pytest.raises(NotOnPlatform, match="'rate'"):
            platform.jobs.create("f-1", "my/model", hyperparameters={"rate": 2})
        with pytest.raises(NotOnPlatform, match="'n'"):
            platform.batches.submit([chat_request("a", "my/model", ASK, n=2)], window="1h")
    sent = {a.path.removeprefix("/v1"): json.loads(a.body) for a in canned.asked if a.method == "POST"}
    assert sent["/chat/completions"] == {"model": "my/model", "messages": ASK, "limit": 4}
    job_sent = sent["/fine_tuning/jobs"]
    assert job_sent["method"] == {"type": "supervised", "supervised": {"rounds": 2}}
    assert job_sent["tag"] == "s" and "seed" not in job_sent
    assert all(a.headers["authorization"] == "Bearer k-0123456789" for a in canned.asked)
    assert [n for n in seen.notes if "'store'" in n] and [n for n in seen.notes if "'seed'" in n]

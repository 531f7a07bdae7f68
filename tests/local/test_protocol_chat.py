"""Chat over the wire: a stream is the whole answer in pieces, whatever the reply, the limits and the load."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from local_platform import chat_example, jsonl
from protocol_platform import Platform

from ftkit.local.asking.chat import ChatWanted
from ftkit.local.engines.whole import cut
from ftkit.tokens.words import count_words

CHAT = "/v1/chat/completions"
REPLIES = [
    "yes",
    "  two  spaces ",
    " \n lead",
    "line\nline\r\n\ttab",
    "日本語 ですか、はい。",
    "e\u0301 👩‍👩‍👧 end",
    "a\u2028b\u0085c\u2029d",
    '{"json": [1, 2]}',
    "data: [DONE]\n\ndata: {}",
    "\u00a0\u3000 wide",
    "x" * 3000 + " " + "y " * 500,
    "\x00\x01nul",
]


@pytest.fixture(scope="module")
def parrot(platform: Platform) -> str:
    """A model that has learnt to say every one of ``REPLIES``."""
    rows = [chat_example(f"say number{n} number{n}", reply) for n, reply in enumerate(REPLIES)]
    job = platform.tuned(jsonl(rows), hyperparameters={"n_epochs": 15, "batch_size": 4})
    name: str = job["fine_tuned_model"]
    return name


def ask(platform: Platform, model: str, number: int, **options: Any) -> Any:
    messages = chat_example(f"say number{number} number{number}", "")["messages"][:2]
    answer = platform.post(CHAT, {"model": model, "messages": messages, **options})
    assert answer.status == 200, answer
    return answer


def chunks_of(body: bytes) -> list[Any]:
    """A stream's chunks, read as strictly as it may be: one line of data an event, then the end."""
    *events, end, rest = body.split(b"\n\n")
    assert (end, rest) == (b"data: [DONE]", b"")
    assert all(event.startswith(b"data: {") and b"\n" not in event for event in events)
    return [json.loads(event[6:]) for event in events]


@pytest.mark.parametrize("number", range(len(REPLIES)))
def test_the_pieces_of_a_stream_join_to_the_whole_answer(
    platform: Platform, parrot: str, number: int
) -> None:
    plain = ask(platform, parrot, number).json["choices"][0]["message"]["content"]
    assert plain == REPLIES[number]
    middle = plain[len(plain) // 2 :][:3]
    cuts: list[dict[str, Any]] = [{}, {"max_tokens": 1}, {"max_completion_tokens": 3}, {"stop": middle}]
    cuts += [
        {"stop": [plain[:1]]},
        {"stop": plain.strip()[:1], "n": 2},
        {"stop": ["\u0007", "e"], "max_tokens": 2},
    ]
    for options in cuts:
        whole = ask(platform, parrot, number, **options).json
        chunks = chunks_of(
            ask(platform, parrot, number, stream=True, stream_options={"include_usage": True}, **options).body
        )
        *parts, last = chunks
        assert last["choices"] == [] and last["usage"] == whole["usage"]
        assert all(chunk["usage"] is None for chunk in parts)
        for choice in whole["choices"]:
            mine = [chunk["choices"][0] for chunk in parts if chunk["choices"][0]["index"] == choice["index"]]
            assert mine[0]["delta"] == {"role": "assistant", "content": ""}
            assert mine[-1]["delta"] == {}
            text = "".join(piece["delta"].get("content", "") for piece in mine)
            assert text == choice["message"]["content"]
            reasons = [piece["finish_reason"] for piece in mine]
            assert reasons == [None] * (len(mine) - 1) + [choice["finish_reason"]]


def test_the_openai_clients_stream_helper_sees_the_same(platform: Platform, parrot: str) -> None:
    client = platform.client()
    messages: Any = [{"role": "user", "content": "say number4 number4"}]
    whole = client.chat.completions.create(model=parrot, messages=messages)
    with client.chat.completions.stream(model=parrot, messages=messages, stop=["end"]) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        final = stream.get_final_completion()
    assert final.choices[0].finish_reason == "stop"
    assert "".join(deltas) == final.choices[0].message.content
    assert (whole.choices[0].message.content or "").startswith("".join(deltas))


def test_leaving_a_stream_early_leaves_the_platform_well(platform: Platform, parrot: str) -> None:
    client = platform.client()
    messages: Any = chat_example("say number10 number10", "")["messages"][:2]
    for _ in range(5):
        stream = client.chat.completions.create(model=parrot, messages=messages, stream=True, n=10)
        next(iter(stream))
        stream.close()
    assert ask(platform, parrot, 0).json["choices"][0]["message"]["content"] == "yes"


def test_parallel_chats_each_get_their_own_answer(platform: Platform, parrot: str) -> None:
    def one(job: tuple[int, bool]) -> bool:
        number, stream = job
        answer = ask(platform, parrot, number, stream=stream)
        if not stream:
            return bool(answer.json["choices"][0]["message"]["content"] == REPLIES[number])
        deltas = [chunk["choices"][0]["delta"] for chunk in chunks_of(answer.body)]
        return "".join(delta.get("content", "") for delta in deltas) == REPLIES[number]

    jobs = list(product(range(len(REPLIES)), (False, True))) * 2
    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(one, jobs))


def test_most_choices_and_messages_are_answered(platform: Platform) -> None:
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}] * 1024
    answer = platform.post(CHAT, {"model": "linear", "messages": messages, "n": 128, "max_tokens": 1}).json
    assert [choice["index"] for choice in answer["choices"]] == list(range(128))
    assert answer["usage"]["prompt_tokens"] == 2048 and answer["usage"]["completion_tokens"] == 128


@pytest.mark.parametrize(
    "content",
    [[], "", [{"type": "text", "text": ""}], "\x00", "\u2028", "🍋" * 100_000, [{"type": "refusal"}]],
    ids=["no-parts", "empty", "empty-part", "nul", "line-separator", "long", "refusal"],
)
def test_odd_contents_are_answered(platform: Platform, content: Any) -> None:
    answer = platform.post(CHAT, {"model": "linear", "messages": [{"role": "user", "content": content}]})
    assert answer.status == 200 and answer.json["choices"][0]["message"]["content"]


def test_every_role_may_speak(platform: Platform) -> None:
    messages = [
        {"role": "system", "content": "Answer hot or cold."},
        {"role": "developer", "content": "Be brief.", "name": "d"},
        {"role": "user", "content": [{"type": "text", "text": "It is "}, {"type": "text", "text": "warm"}]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function"}]},
        {"role": "tool", "content": "30 degrees", "tool_call_id": "1"},
        {"role": "assistant", "content": None, "refusal": "no"},
        {"role": "user", "content": "hot?"},
    ]
    answer = platform.post(CHAT, {"model": "linear", "messages": messages}).json
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": "hot", "refusal": None}


TEXTS = st.text(st.sampled_from("ab ,.\n\té日🍋1\u2028"), max_size=40)


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.lists(TEXTS.filter(bool), max_size=4), st.none() | st.integers(1, 12))
def test_a_cut_reply_is_a_prefix_without_stops_within_the_limit(
    reply: str, stops: list[str], most: int | None
) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stop": stops, "max_tokens": most}
    made = cut(reply, ChatWanted.read(body).asks[0])
    assert reply.startswith(made.text)
    assert not any(stop in made.text for stop in stops)
    assert made.tokens == count_words(made.text) and (most is None or made.tokens <= most)
    before = min([at for stop in stops if (at := reply.find(stop)) >= 0], default=len(reply))
    assert (made.finish_reason == "length") == (most is not None and count_words(reply[:before]) > most)
    if made.finish_reason == "stop":
        assert made.text == reply[:before], "nothing but a limit takes anything else away"

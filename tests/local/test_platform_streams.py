"""Live streams: what goes wrong before the first piece and in the middle, and clients that leave."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from typing import Any

import openai
import pytest
from local_platform import wait_for
from protocol_platform import JSON, Platform, refused

from ftkit.local.asking import desk
from ftkit.local.asking.streaming import DONE, Feed
from ftkit.local.envelope import ApiError

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"


def chat(text: str, **options: Any) -> dict[str, Any]:
    return {"model": "letters", "messages": [{"role": "user", "content": text}], "stream": True, **options}


def events(body: bytes) -> list[Any]:
    """A stream's events; the last is None when it came to its end."""
    *parts, rest = body.split(b"\n\n")
    assert rest == b""
    return [None if part == b"data: [DONE]" else json.loads(part.removeprefix(b"data: ")) for part in parts]


def test_a_live_stream_is_the_whole_answer_in_pieces(letters: Platform) -> None:
    options: dict[str, Any] = {"seed": 3, "n": 3, "logprobs": True, "top_logprobs": 2}
    whole = letters.post(CHAT, chat("x", **options, stream=False)).json
    told = events(letters.post(CHAT, chat("x", **options, stream_options={"include_usage": True})).body)
    *chunks, last, end = told
    assert end is None and last["choices"] == [] and last["usage"] == whole["usage"]
    assert len({chunk["id"] for chunk in chunks}) == 1
    for index, choice in enumerate(whole["choices"]):
        mine = [part for chunk in chunks for part in chunk["choices"] if part["index"] == index]
        assert mine[0]["delta"] == {"role": "assistant", "content": ""} and mine[-1]["delta"] == {}
        assert "".join(part["delta"].get("content", "") for part in mine) == choice["message"]["content"]
        assert [part["finish_reason"] for part in mine] == [None] * (len(mine) - 1) + ["stop"]
        scores = [score for part in mine if part["logprobs"] for score in part["logprobs"]["content"]]
        assert scores == choice["logprobs"]["content"]


def test_pieces_come_as_they_are_made(letters: Platform) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", letters.port, timeout=20)
    connection.request("POST", CHAT, json.dumps(chat("slow")).encode(), JSON)
    answer = connection.getresponse()
    assert answer.getheader("content-type", "").startswith("text/event-stream")
    assert answer.getheader("cache-control") == "no-cache"
    sizes = []
    while piece := answer.read1():
        sizes.append(len(piece))
    connection.close()
    assert len(sizes) > 4, "not all at once"


def test_a_model_that_breaks_off_says_so_in_the_stream(letters: Platform) -> None:
    body = letters.post(CHAT, chat("break")).body
    *pieces, error = events(body)
    assert (
        None not in pieces and sum(bool(piece["choices"][0]["delta"].get("content")) for piece in pieces) == 4
    )
    assert error["error"]["code"] == "model_failed" and "broke off" not in error["error"]["message"]
    client = letters.client()
    got = []
    with pytest.raises(openai.APIError) as broken:
        for chunk in client.chat.completions.create(**chat("break")):
            got.append(chunk.choices[0].delta.content)
    assert broken.value.code == "model_failed" and len([text for text in got if text]) == 4


def test_a_key_does_not_keep_a_stream_that_broke_off(letters: Platform) -> None:
    headers = {**JSON, "Idempotency-Key": "broken"}
    data = json.dumps(chat("break", seed=1)).encode()
    first, again = (letters.ask("POST", CHAT, data, headers) for _ in range(2))
    assert "idempotent-replayed" not in again.headers and first.body != again.body


def test_who_leaves_early_frees_his_place(letters: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = {**chat("a or b?"), "model": "linear"}
    assert letters.post(CHAT, quick).status == 200
    monkeypatch.setattr(desk, "MAX_SLOW", 1)
    connection = http.client.HTTPConnection("127.0.0.1", letters.port, timeout=20)
    connection.request("POST", CHAT, json.dumps(chat("slow", n=100)).encode(), JSON)
    connection.getresponse().read1(10)
    answer = letters.post(CHAT, chat("x"))
    refused(answer, 503, "overloaded")
    assert answer.headers["retry-after"] == "1"
    assert letters.post(CHAT, quick).status == 200, "it needs no place"
    connection.close()
    wait_for(lambda: letters.post(CHAT, chat("x")).status == 200, seconds=10)
    for text in ("refuse", "crash", "break"):
        letters.post(CHAT, chat(text))
    assert letters.post(CHAT, chat("x")).status == 200, "what went wrong took no place along"


def test_a_stream_of_several_prompts_is_their_answers_one_after_the_other(letters: Platform) -> None:
    body = {"model": "letters", "prompt": ["a", "b c"], "n": 2, "seed": 4, "logprobs": 1, "max_tokens": 6}
    whole = letters.post(COMPLETIONS, body).json
    options = {"stream": True, "stream_options": {"include_usage": True}}
    *chunks, last, end = events(letters.post(COMPLETIONS, {**body, **options}).body)
    assert end is None and last["usage"] == whole["usage"] and last["choices"] == []
    parts = [chunk["choices"][0] for chunk in chunks]
    assert {chunk["object"] for chunk in chunks} == {"text_completion"}
    assert [part["index"] for part in parts] == sorted(part["index"] for part in parts)
    for choice in whole["choices"]:
        mine = [part for part in parts if part["index"] == choice["index"]]
        assert "".join(part["text"] for part in mine) == choice["text"]
        offsets = [at for part in mine if part["logprobs"] for at in part["logprobs"]["text_offset"]]
        assert offsets == choice["logprobs"]["text_offset"] == list(range(6))
        assert [part["finish_reason"] for part in mine if part["finish_reason"]] == ["length"]


@pytest.mark.parametrize("stream", [False, True])
def test_an_echo_stands_before_each_reply(letters: Platform, stream: bool) -> None:
    body = {"model": "letters", "prompt": "once ", "echo": True, "n": 2, "seed": 1, "stream": stream}
    answer = letters.post(COMPLETIONS, body)
    found = events(answer.body)[:-1] if stream else [answer.json]
    for index in (0, 1):
        texts = [part["text"] for one in found for part in one["choices"] if part["index"] == index]
        assert "".join(texts).startswith("once ") and len("".join(texts)) == len("once ") + 12


def test_a_quick_models_stream_is_sent_whole(letters: Platform) -> None:
    answer = letters.post(CHAT, {**chat("Is it hot or cold?"), "model": "linear"})
    assert int(answer.headers["content-length"]) == len(answer.body) and events(answer.body)[-1] is None


def feed_of(make: Any) -> Any:
    async def take_all() -> tuple[list[bytes], Exception | None]:
        feed = Feed(make, lambda error: ApiError(500, str(error), code="x"))
        first = await feed.take()
        return [piece async for piece in feed.rest(first)], None

    return asyncio.run(take_all())[0]


def test_a_feed_gives_all_pieces_in_order_however_fast_they_come() -> None:
    pieces = [b"%d," % number for number in range(5000)]
    assert b"".join(feed_of(lambda: iter(pieces))) == b"".join(pieces)
    assert feed_of(lambda: iter([])) == []


def test_a_feed_closes_what_nobody_reads_any_more() -> None:
    closed = threading.Event()

    def make() -> Any:
        try:
            for number in range(10_000):
                yield b"%d" % number
                time.sleep(0.005)
        finally:
            closed.set()

    async def leave() -> None:
        rest = Feed(make, lambda error: ApiError(500, str(error))).rest(b"first")
        await anext(rest)
        await anext(rest)
        await rest.aclose()

    asyncio.run(leave())
    assert closed.wait(5)


def test_a_burst_of_streams_loads_its_model_once_and_none_is_refused(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They come before the model is loaded, and more than may wait for models that are not quick."""
    monkeypatch.setattr(desk, "MAX_SLOW", 4)
    name = platform.tuned()["fine_tuned_model"]
    loads: list[str] = []
    load = platform.context.models._load

    def counted(model: Any) -> Any:
        loads.append(model.id)
        time.sleep(0.2)
        return load(model)

    monkeypatch.setattr(platform.context.models, "_load", counted)
    body = json.dumps({**chat("a ripe lemon number 5"), "model": name}).encode()
    head = (
        f"POST {CHAT} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )

    async def one() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", platform.port)
        writer.write(head.encode() + body)
        answer = await reader.read()
        writer.close()
        return answer

    async def burst() -> list[bytes]:
        return await asyncio.gather(*(one() for _ in range(120)))

    answers = asyncio.run(burst())
    assert loads == [name]
    assert all(answer.startswith(b"HTTP/1.1 200") and answer.endswith(DONE) for answer in answers)

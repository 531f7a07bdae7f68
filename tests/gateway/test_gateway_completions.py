"""Plain completions and the pieces of replies, on the local platform over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from ftkit.errors import NotOnPlatform, PlatformError, PlatformUnreachable
from ftkit.gateway import Platform, connect
from ftkit.settings import Settings

ASK = [{"role": "user", "content": "Answer with one word: up or down. Profit rose."}]
PROMPT = "Answer with one word: up or down. Profit rose."


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("platform")
    with connect("local", settings=Settings(state_dir=folder, runs_dir=folder / "runs")) as platform:
        yield platform
        platform.stop_local()


def test_a_plain_completion_whole_and_streamed(platform: Platform) -> None:
    reply = platform.completions.complete("linear", PROMPT, max_tokens=5)
    assert reply.text and reply.usage.completion_tokens and reply.finish_reason == "stop"
    assert "".join(platform.completions.stream("linear", PROMPT, max_tokens=5)) == reply.text
    pieces = list(platform.completions.pieces("linear", PROMPT, max_tokens=5))
    assert "".join(piece.text for piece in pieces) == reply.text
    assert [p.finish_reason for p in pieces if p.finish_reason] == ["stop"]


def test_pieces_of_a_chat_with_reason_and_tokens(platform: Platform) -> None:
    whole = platform.chat.complete("linear", ASK)
    pieces = list(platform.chat.pieces("linear", ASK, stream_options={"include_usage": True}))
    assert "".join(piece.text for piece in pieces) == whole.text
    assert [p.finish_reason for p in pieces if p.finish_reason] == ["stop"]
    assert pieces[-1].usage == whole.usage
    assert all(piece.raw["object"] == "chat.completion.chunk" for piece in pieces)


def test_an_unknown_model(platform: Platform) -> None:
    with pytest.raises(NotOnPlatform):
        platform.completions.complete("no-such-model", PROMPT)
    with pytest.raises(NotOnPlatform):
        list(platform.completions.stream("no-such-model", PROMPT))


def test_a_timeout_and_headers_of_one_request(canned: Any, to_canned: Any) -> None:
    reply = {"choices": [{"text": "yes", "finish_reason": "stop"}]}
    canned.answer("POST", "/completions", reply)
    platform = to_canned()
    assert platform.completions.complete("m", "p", headers={"x-team": "ours"}, timeout=3).text == "yes"
    assert canned.asked[0].headers["x-team"] == "ours"
    assert canned.asked[0].json == {"model": "m", "prompt": "p"}


def test_a_request_that_takes_too_long(canned: Any, to_canned: Any) -> None:
    def late(_: object) -> dict[str, Any]:
        time.sleep(0.6)
        return {"choices": [{"message": {"content": "late"}}]}

    canned.answer("POST", "/chat/completions", late)
    platform = to_canned()
    with pytest.raises(PlatformUnreachable, match=r"within 0\.1 seconds"):
        platform.chat.complete("m", ASK, timeout=0.1)
    assert platform.chat.complete("m", ASK).text == "late"  # the settings' own time is long enough


def test_embeddings_in_the_order_of_their_texts(platform: Platform) -> None:
    both = platform.embeddings.create("linear", ["profit rose", "loss widened"])
    one = platform.embeddings.create("linear", "loss widened")
    assert len(both.vectors) == 2 and both.vectors[1] == one.vectors[0] != both.vectors[0]
    assert both.usage.prompt_tokens


def test_vectors_that_are_out_of_order_or_missing(canned: Any, to_canned: Any) -> None:
    rows = [{"index": 1, "embedding": [1]}, {"index": 0, "embedding": [0]}]
    canned.answer("POST", "/embeddings", {"data": rows}, {"data": rows}, {"data": None})
    embeddings = to_canned().embeddings
    assert embeddings.create("m", ["a", "b"], dimensions=1).vectors == [[0.0], [1.0]]
    assert canned.asked[0].json["dimensions"] == 1
    for texts in ("a", ["a", "b"]):
        with pytest.raises(PlatformError, match="vectors for"):
            embeddings.create("m", texts)

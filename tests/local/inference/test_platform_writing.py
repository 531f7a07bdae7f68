"""Replies while they are written: text from tokens, stops, limits, and what a listener hears."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

pytest.importorskip("torch", reason="needs the extra ftkit[train]")

from ftkit.local.engines.asking import TokenLogprob
from ftkit.local.engines.transformers.sampling import Drawing
from ftkit.local.engines.transformers.writing import Writing

END = 0


def decode(tokens: Sequence[int]) -> str:
    """A token is a byte; what is no whole character is the mark of it."""
    return bytes(tokens).decode("utf-8", errors="replace")


def writing(stops: tuple[str, ...] = (), most: int = 100, top: int | None = None) -> Writing:
    """A reply that ends at the byte 0."""
    return Writing(
        decode, drawing=Drawing(Random(0)), most=most, ends=frozenset((END,)), stops=stops, top_logprobs=top
    )


def write(reply: Writing, text: str, ended: bool = False) -> list[str]:
    """Write a text byte by byte; what a listener hears after each."""
    heard = []
    for token in [*text.encode(), *([END] if ended else [])]:
        if reply.finish_reason is not None:
            break
        logprob = None if reply.top_logprobs is None else TokenLogprob(chr(token), -1.0)
        reply.take(token, logprob)
        news = reply.news()
        heard.append(news.text if news else "")
    return heard


@pytest.mark.parametrize("text", ["", "hello", "naïve 🦜 ünïcödé", "日本語"])
def test_a_text_comes_as_it_was_written(text: str) -> None:
    reply = writing()
    heard = write(reply, text, ended=True)
    assert reply.text() == "".join(heard) == text
    assert reply.finish_reason == "stop"
    assert reply.tokens == list(text.encode())  # without the end
    assert not any("\ufffd" in piece for piece in heard)


def test_bytes_that_never_become_a_character_come_in_the_end() -> None:
    reply = writing()
    for token in (0xF0, 0x9F, END):
        reply.take(token)
    assert reply.text() == "\ufffd"
    stuck, heard = writing(), ""
    for _ in range(20):  # no listener waits for ever
        stuck.take(0xFF)
        news = stuck.news()
        heard += news.text if news else ""
    assert 8 <= len(heard) <= 20


def test_the_limit_counts_tokens() -> None:
    reply = writing(most=3)
    write(reply, "hello")
    assert (reply.text(), reply.finish_reason, len(reply.tokens)) == ("hel", "length", 3)
    cut = writing(most=2)  # in the middle of a character
    write(cut, "a🦜")
    assert (cut.text(), cut.finish_reason) == ("a\ufffd", "length")


@pytest.mark.parametrize(
    ("stops", "text", "said"),
    [
        (("stop",), "go on stop here", "go on "),
        (("stop",), "go on sto", "go on sto"),
        (("xx", "n s"), "go on stop", "go o"),
        (("aab",), "aaaab", "aa"),
        (("\n\n",), "one\ntwo\n\nthree", "one\ntwo"),
        (("🦜",), "a 🦜 b", "a "),
        (("go",), "go on", ""),
    ],
)
def test_stops(stops: tuple[str, ...], text: str, said: str) -> None:
    reply = writing(stops)
    heard = write(reply, text, ended=True)
    assert reply.text() == "".join(heard) == said
    assert reply.finish_reason == "stop"


def test_what_may_become_a_stop_is_held_and_no_more() -> None:
    assert write(writing(("END",)), "xENx") == ["x", "", "", "ENx"]


def test_log_probabilities_come_with_their_text() -> None:
    reply = writing(("END",), top=0)
    pieces = []
    for token in b"xENyEND":
        reply.take(token, TokenLogprob(chr(token), -1.0))
        news = reply.news()
        if news is not None:
            pieces.append((news.text, "".join(one.token for one in news.logprobs), news.tokens))
    assert pieces[:2] == [("x", "x", 1), ("ENy", "ENy", 3)]
    assert "".join(one.token for one in reply.logprobs) == "xENy"
    assert pieces[-1][0] == ""


def test_a_grammar_that_is_complete_ends_a_reply() -> None:
    class Two:
        def __init__(self) -> None:
            self.taken: list[int] = []

        @property
        def ended(self) -> bool:
            return len(self.taken) == 2

        def take(self, token: int) -> None:
            self.taken.append(token)

    reply = Writing(decode, drawing=Drawing(Random(0)), most=9, ends=frozenset(), grammar=Two())
    write(reply, "abcdef")
    assert (reply.text(), reply.finish_reason) == ("ab", "stop")


def test_nothing_is_news_twice() -> None:
    reply = writing()
    reply.take(ord("a"))
    assert reply.news() is not None
    assert reply.news() is None

"""Slow answers: those that would never end are given up, those that only take their time are not."""

from __future__ import annotations

import asyncio
import time

import pytest
from breakage import named, trickle
from proxy import Exchange, Proxy, Rule
from scenarios import CONTENTS, Stage

from ftkit.errors import PlatformUnreachable

QUICK = {"timeout": 0.5, "max_retries": 0}
ASK = {"model": "linear", "messages": [{"role": "user", "content": "Say up or down: it went up."}]}


def steadily(size: int, pause: float, blanks: int = 0) -> object:
    """An answer in pieces of so many bytes, with pauses; before it come some blanks."""

    @named("steady")
    async def act(exchange: Exchange) -> None:
        answer = await exchange.carry_out()
        length = len(answer.body) + blanks
        await exchange.write(exchange.head(answer.status, answer.headers, length))
        for _ in range(blanks):
            await exchange.write(b" ")
            await asyncio.sleep(pause)
        for start in range(0, len(answer.body), size):
            await exchange.write(answer.body[start : start + size])
            await asyncio.sleep(pause)

    return act


@pytest.fixture
def quick(stage: Stage) -> Stage:
    """A stage of little patience."""
    stage.options = QUICK
    return stage


def test_an_answer_without_an_end_is_given_up(quick: Stage, proxy: Proxy) -> None:
    proxy.plan = [Rule("GET", "/models", trickle, times=0)]
    started = time.monotonic()
    with quick.connect() as client, pytest.raises(PlatformUnreachable, match="no answer"):
        list(client.models.list())
    assert time.monotonic() - started < 15


def test_a_download_without_an_end_is_given_up_and_gone_on_with(quick: Stage, proxy: Proxy) -> None:
    quick.options = {**QUICK, "max_retries": 1}
    with quick.connect() as client:
        file = client.files.upload(quick.training_file()).id
        proxy.plan = [Rule("GET", CONTENTS, trickle)]
        copy = client.files.download(file, quick.folder / "copy")
    assert copy.read_bytes() == quick.training_file().read_bytes()


def test_what_comes_steadily_may_take_long(quick: Stage, proxy: Proxy) -> None:
    with quick.connect() as client:
        file = client.files.upload(quick.training_file(200)).id
        proxy.plan = [Rule("GET", CONTENTS, steadily(4000, 0.15))]  # type: ignore[arg-type]
        started = time.monotonic()
        copy = client.files.download(file, quick.folder / "copy")
        assert time.monotonic() - started > QUICK["timeout"] * 2
    assert copy.read_bytes() == quick.training_file().read_bytes()
    assert len(proxy.asked("GET", CONTENTS)) == 1


def test_a_slow_reader_is_not_the_platforms_fault(quick: Stage, proxy: Proxy) -> None:
    with quick.connect() as client:
        file = client.files.upload(quick.training_file(2500)).id
        got = b""
        for piece in client.files.content(file):
            got += piece
            time.sleep(QUICK["timeout"] * 1.2)
    assert got == quick.training_file().read_bytes()
    assert len(proxy.asked("GET", CONTENTS)) == 1


def test_blanks_before_a_models_reply_keep_it_alive(quick: Stage, proxy: Proxy) -> None:
    proxy.plan = [Rule("POST", "/chat/completions", steadily(10_000, 0.1, blanks=12))]  # type: ignore[arg-type]
    with quick.connect() as client:
        assert client.chat.complete(**ASK).text == "up"
    assert len(proxy.asked("POST", "/chat/completions")) == 1


def test_a_stream_of_events_may_pause(quick: Stage, proxy: Proxy) -> None:
    proxy.plan = [Rule("POST", "/chat/completions", steadily(30, 0.1))]  # type: ignore[arg-type]
    with quick.connect() as client:
        assert "".join(client.chat.stream(**ASK)) == "up"

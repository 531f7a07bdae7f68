"""What can go wrong with one request: the actions of a proxy's plan, each a function of an exchange."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from proxy import Action, Answer, Exchange, Headers

REASONS = {408: "Request timed out", 409: "Conflict", 429: "Rate limit reached", 500: "Internal error"}
PAGE = "<html><head><title>Sign in</title></head><body><form>Who are you?</form></body></html>"


def named(name: str) -> Callable[[Action], Action]:
    """Give an action the name that its records carry."""

    def put(action: Action) -> Action:
        action.__name__ = name  # type: ignore[attr-defined]
        return action

    return put


@named("reset before")
async def reset_before(exchange: Exchange) -> None:
    """The request never reaches the platform."""
    exchange.reset()


@named("reset after")
async def reset_after(exchange: Exchange) -> None:
    """The platform does what it was asked to, and its answer is lost."""
    await exchange.carry_out()
    exchange.reset()


@named("reset mid-body")
async def reset_mid_body(exchange: Exchange) -> None:
    """Half of the answer comes, then the connection breaks."""
    answer = await exchange.carry_out()
    await exchange.write(exchange.head(answer.status, answer.headers, len(answer.body)))
    await exchange.write(answer.body[: len(answer.body) // 2])
    await asyncio.sleep(0.05)  # a reset overtakes what has not been read yet
    exchange.reset()


@named("truncated")
async def truncated(exchange: Exchange) -> None:
    """Half of the answer comes and then a clean end, though its length was announced."""
    answer = await exchange.carry_out()
    await exchange.write(exchange.head(answer.status, answer.headers, len(answer.body)))
    await exchange.write(answer.body[: len(answer.body) // 2])
    exchange.close()


@named("truncated without a length")
async def truncated_quietly(exchange: Exchange) -> None:
    """Half of the answer comes and a clean end; nothing in HTTP says that something is missing."""
    answer = await exchange.carry_out()
    await exchange.write(exchange.head(answer.status, answer.headers, None))
    await exchange.write(answer.body[: len(answer.body) // 2])
    exchange.close()


@named("corrupted")
async def corrupted(exchange: Exchange) -> None:
    """The answer has its length, but some of its bytes are others."""
    answer = await exchange.carry_out()
    rng, body = random.Random(len(answer.body)), bytearray(answer.body)
    for _ in range(3):
        body[rng.randrange(len(body))] = rng.choice(b'\x00\xff"{')
    await exchange.answer(replace(answer, body=bytes(body)))


@named("gone")
async def gone(exchange: Exchange) -> None:
    """The platform knows nothing of what is asked for."""
    error = {"message": "No such object: it has vanished.", "type": "invalid_request_error", "code": None}
    await exchange.say(404, {"error": error})


@named("200 with HTML")
async def html(exchange: Exchange) -> None:
    """A log-in page in place of the answer; the platform is not asked."""
    await exchange.say(200, PAGE)


@named("200 with HTML, carried out")
async def html_after(exchange: Exchange) -> None:
    """The platform does what it was asked to, and a log-in page comes in place of its answer."""
    await exchange.carry_out()
    await exchange.say(200, PAGE)


def silence(seconds: float = 60.0, *, after: bool = False) -> Action:
    """No answer for so long, then the end of the connection; with ``after``, it is carried out first."""

    @named("timeout after" if after else "timeout")
    async def act(exchange: Exchange) -> None:
        if after:
            await exchange.carry_out()
        await asyncio.sleep(seconds)
        exchange.reset()

    return act


def status(code: int, *, after: bool = False, retry_after: str | None = None) -> Action:
    """An error's status; with ``after``, the platform has carried the request out all the same."""
    marks = [", carried out"] if after else []
    marks += [", Retry-After"] if retry_after is not None else []

    @named(str(code) + "".join(marks))
    async def act(exchange: Exchange) -> None:
        if after:
            await exchange.carry_out()
        error = {"message": REASONS.get(code, "Not now"), "type": "server_error", "param": None, "code": None}
        headers: Headers = [("retry-after", retry_after)] if retry_after is not None else []
        await exchange.say(code, {"error": error}, headers)

    return act


def refused(seconds: float) -> Action:
    """The connection breaks before the request is carried out, and for so long nobody listens."""

    @named("reset, then refused")
    async def act(exchange: Exchange) -> None:
        await exchange.proxy.shut()
        exchange.proxy.later(seconds, exchange.proxy.open)
        exchange.reset()

    return act


def drip(pieces: int = 20, pause: float = 0.02) -> Action:
    """A slow-loris answer: it comes in small pieces with pauses between them."""

    @named("slow-loris")
    async def act(exchange: Exchange) -> None:
        answer = await exchange.carry_out()
        whole = exchange.head(answer.status, answer.headers, len(answer.body)) + answer.body
        size = max(1, len(whole) // pieces)
        for start in range(0, len(whole), size):
            await exchange.write(whole[start : start + size])
            await asyncio.sleep(pause)
        exchange.record.told = answer.status

    return act


@named("endless slow-loris")
async def trickle(exchange: Exchange) -> None:
    """A byte now and then, often enough for every timeout between two bytes, and no end."""
    answer = await exchange.carry_out()
    await exchange.write(exchange.head(answer.status, answer.headers, 10_000_000))
    for _ in range(1500):
        await exchange.write(b" ")
        await asyncio.sleep(0.2)
    exchange.close()


def changed(name: str, change: Callable[[Any], Any]) -> Action:
    """The platform's JSON answer with something changed in it."""

    @named(name)
    async def act(exchange: Exchange) -> None:
        answer = await exchange.carry_out()
        await exchange.answer(_with(answer, change(answer.data)) if answer.data is not None else answer)

    return act


def _with(answer: Answer, data: Any) -> Answer:
    return replace(answer, body=json.dumps(data).encode())


def _list_change(change: Callable[[list[Any]], list[Any]]) -> Callable[[Any], Any]:
    def apply(data: Any) -> Any:
        return {**data, "data": change(list(data["data"]))} if "data" in data else data

    return apply


twice = changed(
    "the same event twice", _list_change(lambda items: [x for item in items for x in (item, item)])
)
"""Each object of a list comes twice, with the same id."""

reversed_pages = changed("reversed pages", _list_change(lambda items: items[::-1]))
"""Each page runs the other way round."""


def overlapping() -> Action:
    """Each page begins with the last objects of the page before it."""
    last: dict[str, list[Any]] = {}

    @named("overlapping pages")
    async def act(exchange: Exchange) -> None:
        answer = await exchange.carry_out()
        data, path = answer.data, exchange.record.path
        items = data["data"]
        if "after" in exchange.record.query:
            data = {**data, "data": [*last.get(path, []), *items]}
        last[path] = items[-3:]
        await exchange.answer(_with(answer, data))

    return act


def clock(seconds: list[float]) -> Action:
    """Times of creation that jump: the next of ``seconds`` is added in each answer, round and round."""
    turn = 0

    def shift(data: Any) -> Any:
        if isinstance(data, dict):
            return {
                k: _moved(k, v, seconds[turn % len(seconds)]) if k.endswith("_at") else shift(v)
                for k, v in data.items()
            }
        return [shift(item) for item in data] if isinstance(data, list) else data

    @named("clock jumps")
    async def act(exchange: Exchange) -> None:
        nonlocal turn
        answer = await exchange.carry_out()
        turn += 1
        await exchange.answer(_with(answer, shift(answer.data)))

    return act


def _moved(name: str, value: Any, seconds: float) -> Any:
    return int(value + seconds) if isinstance(value, int | float) else value


def unknown_state(word: str = "warming_up") -> Action:
    """A state that no documentation knows."""
    return changed("unknown state", lambda data: {**data, "status": word} if "status" in data else data)

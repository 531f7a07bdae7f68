"""A hook answers files of requests: in order, within rates, with retries, and what is lost is asked again."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ftkit.catalog import Model, ModelLimits
from ftkit.display import SilentDisplay
from ftkit.errors import FtkitError, MissingKey, PlatformRefused, UsageError
from ftkit.gateway import Pace, chat_request
from ftkit.inference import AnswerCache, Asked, Asking, HookBackend, HookBusy, ask, ask_each
from ftkit.inference.backends.patience import Limits
from ftkit.settings import Settings

FAST = Settings(max_retries=2, timeout=5)


class Told(SilentDisplay):
    """A display that remembers what it was told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)

    warn = note


def requests(count: int, model: str = "mine", **params: Any) -> list[dict[str, Any]]:
    return [
        chat_request(f"r{n}", model, [{"role": "user", "content": f"question {n}"}], **params)
        for n in range(count)
    ]


def run(backend: HookBackend, folder: Path, count: int = 20, **params: Any) -> Asked:
    with AnswerCache(folder / "answers.db") as cache:
        return ask(
            requests(count, **params),
            backend,
            model="mine",
            out=folder / "out.jsonl",
            workdir=folder / "work",
            cache=cache,
        )


def texts(result: Asked) -> list[str | None]:
    return [answer.text for answer in result.answers()]


def status_error(status: int, headers: dict[str, str] | None = None) -> Exception:
    """An error of the form that the clients of hosted services raise."""
    error = RuntimeError(f"the service said {status}")
    error.status_code = status  # type: ignore[attr-defined]
    error.headers = headers or {}  # type: ignore[attr-defined]
    return error


def test_answers_in_the_order_of_the_requests_and_from_the_cache(tmp_path: Path) -> None:
    calls = Counter[str]()

    async def call(prompt: str) -> Any:
        calls[prompt] += 1
        await asyncio.sleep(0.001 * (hash(prompt) % 5))
        return prompt.upper(), 4, 2

    backend = HookBackend(call, settings=FAST)
    first = run(backend, tmp_path)
    assert texts(first) == [f"QUESTION {n}" for n in range(20)]
    assert (first.via, first.prompt_tokens, first.completion_tokens) == ("hook", 80, 40)
    again = run(backend, tmp_path, 25)
    assert (again.asked, again.cached) == (5, 20)
    assert set(calls.values()) == {1} and len(calls) == 25
    assert not (tmp_path / "work").exists()


def test_other_code_or_options_give_other_answers(tmp_path: Path) -> None:
    one = HookBackend(lambda prompt: "one", settings=FAST)
    assert run(one, tmp_path, 3).asked == 3

    def two(prompt: str) -> str:
        return "two"

    assert texts(run(HookBackend(two, settings=FAST), tmp_path, 3)) == ["two"] * 3
    louder = Model(id="mine", provider="custom", options={"voice": "loud"})
    assert run(HookBackend(two, louder, settings=FAST), tmp_path, 3).asked == 3
    assert run(HookBackend(two, louder, settings=FAST), tmp_path, 3).asked == 0


def test_a_killed_run_asks_nothing_twice(tmp_path: Path) -> None:
    script = tmp_path / "kill.py"
    script.write_text(f"""
import os, signal, sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_inference_hook_backend import FAST, run
from ftkit.gateway import Pace
from ftkit.inference import HookBackend

log = open("calls.txt", "a", buffering=1)
most = int(sys.argv[1])
calls = 0

def call(prompt):
    global calls
    calls += 1
    log.write(prompt + "\\n")
    if calls > most:
        os.kill(os.getpid(), signal.SIGKILL)
    return prompt, 1, 1

call.version = "1"
result = run(HookBackend(call, settings=FAST, pace=Pace(concurrency=2)), Path("."), 40)
print(result.answered)
""")
    command = [sys.executable, str(script)]
    for most in (12, 15):
        killed = subprocess.run([*command, str(most)], cwd=tmp_path, capture_output=True, timeout=60)
        assert killed.returncode == -9, killed.stderr
    done = subprocess.run([*command, "1000"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "40", done.stderr
    calls = Counter((tmp_path / "calls.txt").read_text().splitlines())
    assert len(calls) == 40
    # what was under way as it died, at most two requests each time, may be asked again
    assert 40 <= calls.total() <= 44
    assert [json.loads(row)["custom_id"] for row in (tmp_path / "out.jsonl").read_text().splitlines()] == [
        f"r{n}" for n in range(40)
    ]


def test_a_service_that_goes_away_for_a_while_is_waited_for(tmp_path: Path) -> None:
    calls: list[float] = []
    told = Told()

    async def call(prompt: str) -> str:
        calls.append(time.monotonic())
        if len(calls) > 4 and calls[-1] - calls[4] < 0.8:
            raise ConnectionRefusedError("nobody listens")
        return "fine"

    backend = HookBackend(call, settings=Settings(max_retries=0), pace=Pace(concurrency=2), display=told)
    assert run(backend, tmp_path).answered == 20
    assert told.said == [
        "hook: ConnectionRefusedError: nobody listens; still trying",
        "hook answers again",
    ]


def test_a_service_that_stays_away_ends_the_run_and_keeps_the_answers(tmp_path: Path) -> None:
    calls: list[str] = []
    away = True

    async def call(prompt: str) -> str:
        calls.append(prompt)
        if len(calls) > 4 and away:
            raise ConnectionRefusedError("nobody listens")
        return "fine"

    backend = HookBackend(call, settings=FAST, pace=Pace(concurrency=1), limits=Limits(silence=0.6))
    with pytest.raises(PlatformRefused, match="nobody listens"):
        run(backend, tmp_path)
    asked, away = len(calls), False
    assert run(backend, tmp_path).answered == 20
    assert len(calls) - asked == 16


def test_a_service_that_never_was_there_is_no_outage(tmp_path: Path) -> None:
    def call(prompt: str) -> str:
        raise ConnectionRefusedError("nobody listens")

    result = run(HookBackend(call, settings=Settings(max_retries=0)), tmp_path, 3)
    assert result.failures == {"unreachable": 3}


def test_a_service_that_is_always_busy_ends_the_run(tmp_path: Path) -> None:
    def call(prompt: str) -> str:
        raise HookBusy(retry_after=0.05)

    with pytest.raises(PlatformRefused, match="had enough"):
        run(HookBackend(call, settings=FAST, pace=Pace(concurrency=1), limits=Limits(busy=0.2)), tmp_path)


def test_what_may_pass_is_tried_again_and_then_fails(tmp_path: Path) -> None:
    tries = Counter[str]()

    async def call(prompt: str) -> str:
        tries[prompt] += 1
        if prompt.endswith("1") or (prompt.endswith("2") and tries[prompt] < 3):
            raise status_error(503)
        if prompt.endswith("0"):
            raise ConnectionResetError("gone")
        return "fine"

    result = run(HookBackend(call, settings=FAST), tmp_path, 4)
    assert texts(result) == [None, None, "fine", "fine"]
    assert result.failures == {"no_answer": 1, "http_503": 1}
    assert [tries[f"question {n}"] for n in range(4)] == [3, 3, 3, 1]


def test_all_wait_when_the_service_has_had_enough(tmp_path: Path) -> None:
    times: list[float] = []

    async def call(prompt: str) -> str:
        times.append(time.monotonic())
        if len(times) == 3:
            raise HookBusy(retry_after=0.4)
        return "fine"

    result = run(HookBackend(call, settings=FAST, pace=Pace(concurrency=1)), tmp_path, 6)
    assert result.answered == 6 and len(times) == 7
    assert times[3] - times[2] >= 0.4


def test_retry_after_of_another_client_is_kept(tmp_path: Path) -> None:
    times: list[float] = []

    def call(prompt: str) -> str:
        times.append(time.monotonic())
        if len(times) == 1:
            raise status_error(429, {"retry-after": "0.3"})
        return "fine"

    assert run(HookBackend(call, settings=FAST, pace=Pace(concurrency=1)), tmp_path, 2).answered == 2
    assert times[1] - times[0] >= 0.3


def test_a_service_that_wants_to_rest_for_an_hour_ends_the_run(tmp_path: Path) -> None:
    def call(prompt: str) -> str:
        raise HookBusy("come back later", retry_after=3600)

    with pytest.raises(PlatformRefused, match="come back later"):
        run(HookBackend(call, settings=FAST, pace=Pace(concurrency=1)), tmp_path)


@pytest.mark.parametrize(("status", "code"), [(401, "http_401"), (404, "http_404")])
def test_a_wrong_key_or_model_ends_everything(tmp_path: Path, status: int, code: str) -> None:
    calls = []

    async def call(prompt: str) -> str:
        calls.append(prompt)
        raise status_error(status)

    with pytest.raises(PlatformRefused, match=f"said {status}") as caught:
        run(HookBackend(call, settings=FAST, pace=Pace(concurrency=1)), tmp_path)
    assert (caught.value.status, caught.value.code, len(calls)) == (status, code, 1)


def test_a_refused_request_is_a_failed_one(tmp_path: Path) -> None:
    def call(prompt: str) -> str:
        if prompt.endswith("1"):
            raise status_error(400)
        if prompt.endswith("2"):
            raise ValueError("no such word")
        return "fine"

    result = run(HookBackend(call, settings=FAST), tmp_path, 3)
    assert result.failures == {"http_400": 1, "ValueError": 1}
    assert [answer.error for answer in result.answers()][2] == "ValueError: no such word (ValueError)"


def test_a_bug_ends_the_run_soon(tmp_path: Path) -> None:
    calls = []

    def call(prompt: str) -> str:
        calls.append(prompt)
        return prompt.no_such_method()  # type: ignore[attr-defined, no-any-return]

    with pytest.raises(PlatformRefused, match=r"AttributeError.*no_such_method"):
        run(HookBackend(call, settings=FAST, pace=Pace(concurrency=4)), tmp_path, 500)
    assert len(calls) < 40


def test_a_hook_that_hangs_is_given_up(tmp_path: Path) -> None:
    async def call(prompt: str) -> str:
        await asyncio.sleep(60)
        return "late"

    result = run(HookBackend(call, settings=Settings(timeout=0.05, max_retries=0)), tmp_path, 3)
    assert result.failures == {"timeout": 3}


@pytest.mark.parametrize("pace", [Pace(burst=(5, 0.5)), Pace(requests_per_minute=600)])
def test_rates_are_kept(tmp_path: Path, pace: Pace) -> None:
    times: list[float] = []

    async def call(prompt: str) -> str:
        times.append(time.monotonic())
        return "fine"

    run(HookBackend(call, settings=FAST, pace=pace), tmp_path, 15)
    assert times[-1] - times[0] >= (1.0 if pace.burst else 0.3)


@pytest.mark.parametrize("side", ["input", "output"])
def test_rates_of_input_and_of_output_tokens(tmp_path: Path, side: str) -> None:
    times: list[float] = []

    async def call(prompt: str) -> Any:
        times.append(time.monotonic())
        return "fine", (100 if side == "input" else 1), (100 if side == "output" else 1)

    pace = replace(Pace(concurrency=1), **{f"{side}_tokens_per_minute": 30_000})  # 5 requests a second
    run(HookBackend(call, settings=FAST, pace=pace), tmp_path, 9)
    assert times[-1] - times[0] >= 0.5


def test_the_rates_of_the_entry_are_kept(tmp_path: Path) -> None:
    most = now = 0
    lock = threading.Lock()

    def call(prompt: str) -> str:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.01)
        with lock:
            now -= 1
        return "fine"

    entry = Model.model_validate({"id": "mine", "provider": "custom", "rates": {"concurrent_requests": 3}})
    run(HookBackend(call, entry, settings=FAST), tmp_path, 30)
    assert most == 3


def test_what_does_not_fit_the_context_is_not_asked(tmp_path: Path) -> None:
    called = []

    def call(prompt: str) -> str:
        called.append(prompt)
        return "fine"

    entry = Model(
        id="mine",
        provider="custom",
        tokenizer="words",
        limits=ModelLimits(inference_context=40),
    )
    backend = HookBackend(call, entry, settings=FAST)
    assert run(backend, tmp_path, 2).answered == 2
    long = run(backend, tmp_path, 2, max_tokens=39)
    assert long.failures == {"context_length_exceeded": 2} and len(called) == 2


def test_a_key_that_is_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Model(id="mine", provider="custom", key_env="MY_SERVICE_KEY")
    backend = HookBackend(lambda key: key[:4], entry, settings=FAST)
    with pytest.raises(MissingKey, match="MY_SERVICE_KEY"):
        run(backend, tmp_path, 1)
    monkeypatch.setenv("MY_SERVICE_KEY", "key-1234567890")
    assert texts(run(backend, tmp_path, 1)) == ["key-"]


def test_a_secret_in_an_error_is_blotted_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SERVICE_KEY", "a-secret-of-mine")

    def call(key: str) -> str:
        raise ValueError(f"the key {key} is of another shape")

    entry = Model(id="mine", provider="custom", key_env="MY_SERVICE_KEY")
    result = run(HookBackend(call, entry, settings=FAST), tmp_path, 1)
    assert "a-secret-of-mine" not in (tmp_path / "out.jsonl").read_text()
    assert result.failed == 1


def test_it_works_where_a_loop_runs_already(tmp_path: Path) -> None:
    async def call(prompt: str) -> str:
        return "fine"

    async def main() -> Asked:
        return run(HookBackend(call, settings=FAST), tmp_path, 5)

    assert asyncio.run(main()).answered == 5


def test_a_setup_that_fails_is_told_as_it_is(tmp_path: Path) -> None:
    class Broken:
        def setup(self) -> None:
            raise FtkitError("no such service here")

        def call(self) -> str:
            return ""

    with pytest.raises(FtkitError, match="no such service"):
        run(HookBackend(Broken, settings=FAST), tmp_path, 1)
    with pytest.raises(UsageError, match="no call"):
        run(HookBackend(object(), settings=FAST), tmp_path / "other", 1)


def test_ctrl_c_keeps_what_was_answered(tmp_path: Path, press_ctrl_c: Callable[[], None]) -> None:
    calls = Counter[str]()
    pressed = threading.Event()

    def call(prompt: str) -> str:
        calls[prompt] += 1
        if calls.total() == 8 and not pressed.is_set():
            pressed.set()
            press_ctrl_c()
            time.sleep(0.2)
        return prompt

    backend = HookBackend(call, settings=FAST, pace=Pace(concurrency=1))
    with pytest.raises(KeyboardInterrupt):
        run(backend, tmp_path)
    assert run(backend, tmp_path).answered == 20
    assert calls.total() <= 21 and len(calls) == 20  # the one under way may be asked again


def test_progress_counts_what_was_answered_before(tmp_path: Path) -> None:
    shown: list[tuple[str, float | None, float]] = []

    class Seen(SilentDisplay):
        @contextmanager
        def work(self, title: str, total: float | None = None, unit: str = "") -> Iterator[Any]:
            class Bar:
                def update(self, done: float, total_: float | None = None, text: str | None = None) -> None:
                    shown.append((title, total, done))

            yield Bar()

    entry = Model(id="house/writer", provider="custom")
    run(HookBackend(lambda prompt: prompt, entry, settings=FAST, display=Seen()), tmp_path, 5)
    assert shown == [("house/writer", 5, float(n)) for n in range(1, 6)]


def test_one_reply_to_try_a_hook() -> None:
    messages = [{"role": "user", "content": "Hello"}]
    backend = HookBackend(lambda prompt, max_tokens=9: (prompt * max_tokens, 1, max_tokens), settings=FAST)
    reply = backend.complete(messages, max_tokens=2)
    assert (reply.text, reply.usage.completion_tokens, reply.model) == ("HelloHello", 2, "hook")

    def refuses() -> str:
        raise status_error(403)

    with pytest.raises(PlatformRefused, match="hook: the service said 403"):
        HookBackend(refuses, settings=FAST).complete(messages)


def test_without_waiting_nothing_is_begun(tmp_path: Path) -> None:
    called: list[str] = []
    backend = HookBackend(lambda prompt: called.append(prompt) or "fine", settings=FAST)
    answered = backend.answer(tmp_path / "asks.jsonl", tmp_path / "out.jsonl", tmp_path / "work", wait=False)
    assert not answered.ended and not called and not (tmp_path / "work").exists()


def test_several_models_one_after_the_other(tmp_path: Path) -> None:
    def askings(cache: AnswerCache) -> list[Asking]:
        return [
            Asking(
                requests(4),
                HookBackend(
                    lambda prompt, model: f"{model.name} {prompt}", Model(id=name, provider="custom")
                ),
                model=name,
                out=tmp_path / f"{name}.jsonl",
                workdir=tmp_path / name,
                cache=cache,
            )
            for name in ("one", "two")
        ]

    with AnswerCache(tmp_path / "answers.db") as cache:
        results = ask_each(askings(cache))
        assert [texts(result)[0] for result in results] == ["one question 0", "two question 0"]
        assert [result.asked for result in ask_each(askings(cache))] == [0, 0]
        assert [texts(result)[0] for result in results] == ["one question 0", "two question 0"]

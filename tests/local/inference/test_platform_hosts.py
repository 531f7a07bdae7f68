"""Models in processes of their own: started when asked, shared by all who ask, and never missed for long."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from parrot_engine import install

from ftkit.local.engines.asking import Answer, Ask, Refusal, Refused
from ftkit.local.engines.base import ModelSpec
from ftkit.local.envelope import ApiError
from ftkit.local.inference import HostedResponder, open_model

Open = Callable[..., HostedResponder]


def ask(text: str, choices: int = 1) -> Ask:
    """One user message."""
    return Ask([{"role": "user", "content": text}], choices=choices)


def said(responder: HostedResponder, text: str) -> str:
    """The first reply's text."""
    [answer] = responder.answer([ask(text)])
    assert isinstance(answer, Answer)
    return answer.replies[0].text


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def until(look: Callable[[], bool], seconds: float = 15) -> None:
    """Wait for something."""
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Models of the test's engine on a state directory; their hosts are ended after the test."""
    (tmp_path / "site").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(install(tmp_path / "site")))
    made: list[HostedResponder] = []

    def open_one(source: str | None = None, folder: Path | None = None, **options: float) -> HostedResponder:
        responder = open_model(tmp_path / "state", ModelSpec("bird", "parrot", source, options), folder)
        assert isinstance(responder, HostedResponder)
        made.append(responder)
        return responder

    yield open_one
    for pid in {responder.place.pid for responder in made} - {None}:
        if pid is not None and not gone(pid):
            os.kill(pid, signal.SIGTERM)


def test_a_model_answers_through_its_process(opened: Open) -> None:
    bird = opened()
    assert bird.place.pid is None  # nothing runs before anything is asked
    assert bird.abilities == {"chat", "embeddings"}
    first, second = bird.answer([ask("hello there", choices=2), ask("refuse me")])
    assert isinstance(first, Answer)
    assert [reply.text for reply in first.replies] == ["hello there"] * 2
    assert (first.prompt_tokens, first.replies[0].tokens, first.replies[0].finish_reason) == (5, 2, "stop")
    assert second == Refusal("I will not", "no_way", "messages")
    assert bird.embed(["a", "abc"], None).vectors == [[1.0], [3.0]]
    assert int(said(bird, "pid")) == bird.place.pid != os.getpid()


def test_all_texts_arrive_as_they_were(opened: Open) -> None:
    text = 'say "\\" \n \u2028 \x85 \x00 é 🦜 ' + "long " * 50_000
    assert said(opened(), text) == text


def test_a_stream_comes_in_pieces_and_ends_with_its_reader(opened: Open, tmp_path: Path) -> None:
    bird = opened()
    deltas = list(bird.stream(ask("count 3")))
    assert [delta.text for delta in deltas] == ["", "0 ", "1 ", "2 ", ""]
    assert deltas[0].prompt_tokens == 5
    assert deltas[-1].finish_reason == "stop"
    ended = tmp_path / "ended"
    messages = [{"role": "user", "content": str(ended)}, {"role": "user", "content": "file 100000"}]
    pieces = bird.stream(Ask(messages))
    next(pieces)
    next(pieces)
    assert not ended.exists()
    pieces.close()  # type: ignore[attr-defined]
    until(ended.exists)


def test_refusals_of_streams_and_embeddings(opened: Open) -> None:
    bird = opened()
    with pytest.raises(Refused) as caught:
        list(bird.stream(ask("refuse")))
    assert caught.value.refusal == Refusal("I will not", "no_way")
    with pytest.raises(Refused) as caught:
        bird.embed(["a"], 7)
    assert caught.value.refusal.param == "dimensions"


def test_all_who_ask_share_one_process(opened: Open) -> None:
    birds = [opened() for _ in range(4)]
    with ThreadPoolExecutor(16) as pool:  # they all start it at once
        pids = set(pool.map(lambda number: said(birds[number % 4], "pid"), range(16)))
        assert len(pids) == 1
        list(pool.map(lambda number: said(birds[number % 4], "wait 0.5"), range(8)))
    assert int(said(birds[0], "most")) == 8  # asked at once, answered at once


def test_an_adapter_shares_its_bases_process_and_a_whole_model_has_its_own(
    opened: Open, tmp_path: Path
) -> None:
    adapter, whole = tmp_path / "m-adapter", tmp_path / "m-whole"
    for folder in (adapter, whole):
        folder.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    base, tuned, other = opened(), opened(folder=adapter), opened(folder=whole)
    assert said(tuned, "name") == "m-adapter"
    assert said(other, "name") == "m-whole"
    assert said(base, "pid") == said(tuned, "pid") != said(other, "pid")


@pytest.mark.parametrize(
    ("source", "why"),
    [("nowhere", "there is no such bird"), ("broken", "RuntimeError")],
)
def test_a_model_that_cannot_be_loaded(opened: Open, source: str, why: str) -> None:
    bird = opened(source)
    with pytest.raises(ApiError) as caught:
        _ = bird.abilities
    assert (caught.value.status, caught.value.code) == (503, "model_unavailable")
    assert "'bird'" in caught.value.message
    assert why in caught.value.message
    assert "feathers" not in caught.value.message  # what a library says may name places of this machine
    assert "in base" in bird.place.log.read_text()


def test_an_engine_that_is_not_there(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    bird = opened()
    monkeypatch.setenv("PYTHONPATH", "")
    with pytest.raises(ApiError, match="engine 'parrot' cannot be used"):
        said(bird, "hello")


def test_a_failure_is_one_questions_alone(opened: Open) -> None:
    bird = opened()
    before = said(bird, "pid")
    with pytest.raises(ApiError, match="RuntimeError") as caught:
        said(bird, "fail")
    assert caught.value.status == 503
    assert "broken inside" not in caught.value.message
    assert said(bird, "pid") == before


def test_a_process_that_dies_over_a_question_is_started_again(opened: Open, tmp_path: Path) -> None:
    bird = opened()
    before = said(bird, "pid")
    assert said(bird, f"die-once {tmp_path / 'mark'}").startswith("die-once")
    after = said(bird, "pid")
    assert before != after
    with pytest.raises(ApiError, match="the next request starts it again") as caught:
        said(bird, "die")
    assert caught.value.status == 503
    with pytest.raises(ApiError, match="ended over this"):
        list(bird.stream(ask("die 5")))
    assert said(bird, "well") == "well "


def test_a_killed_process_is_not_missed(opened: Open) -> None:
    bird = opened()
    before = int(said(bird, "pid"))
    socket = bird.place._announced()
    os.kill(before, signal.SIGKILL)
    until(lambda: gone(before))
    assert int(said(bird, "pid")) != before
    assert socket is not None
    assert not Path(socket[1]).parent.exists()  # and what it left is gone, too


def test_many_questions_while_it_is_killed_again_and_again(opened: Open) -> None:
    bird = opened()
    answers, refused, kills = 0, 0, 0
    enough = threading.Event()

    def keep_killing() -> None:
        # Between questions, in them, and while it starts: the pauses are primes of milliseconds. Counted by
        # answers, not by the clock, since a loaded machine may need longer for a start than any pause.
        nonlocal kills
        while not enough.is_set():
            seen = answers
            while answers < seen + 3 and not enough.is_set():
                time.sleep(0.007)
            time.sleep(0.013 * (kills % 5))
            pid = bird.place.pid
            if pid is not None and not gone(pid):
                os.kill(pid, signal.SIGKILL)
                kills += 1

    killer = threading.Thread(target=keep_killing)
    killer.start()
    try:
        deadline = time.monotonic() + 120
        while kills < 6:
            assert time.monotonic() < deadline, f"{answers} answers, {refused} refused, {kills} kills"
            try:
                assert said(bird, "wait 0.01").startswith("wait")
                answers += 1
            except ApiError as error:
                assert error.status == 503
                refused += 1
    finally:
        enough.set()
        killer.join()
    assert said(bird, "hello") == "hello "
    assert answers > refused


def test_it_ends_when_nobody_asks(opened: Open, tmp_path: Path) -> None:
    bird = opened(idle_seconds=0.3)
    pid = int(said(bird, "pid"))
    where = bird.place._announced()
    until(lambda: gone(pid))
    assert where is not None
    assert not Path(where[1]).parent.exists()
    assert int(said(bird, "pid")) != pid


def test_it_does_not_end_over_a_long_answer(opened: Open) -> None:
    assert said(opened(idle_seconds=0.2), "wait 1.5") == "wait 1.5"


def test_it_has_all_the_processors_that_a_worker_may_not_use(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert said(opened(), "env OMP_NUM_THREADS") == "env OMP_NUM_THREADS"

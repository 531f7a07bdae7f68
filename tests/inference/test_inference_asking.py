"""Answers of one model's requests: taken from the cache, asked once, refused ones asked again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftkit.gateway import Answer, Platform, chat_request, connect
from ftkit.inference import AnswerCache, Asking, PlatformBackend, ask, ask_each
from ftkit.settings import Settings

TEXTS = ["profit rose", "loss widened", "sales fell", "orders grew"]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("platform")
    with connect("local", settings=Settings(state_dir=folder, runs_dir=folder / "runs")) as platform:
        yield platform
        platform.stop_local()


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[AnswerCache]:
    with AnswerCache(tmp_path / "answers.db") as cache:
        yield cache


def requests(texts: list[str] = TEXTS, **params: object) -> list[dict[str, object]]:
    system = {"role": "system", "content": "Answer with one word: up or down."}
    return [
        chat_request(f"r{n}", "linear", [system, {"role": "user", "content": text}], **params)
        for n, text in enumerate(texts)
    ]


def test_what_was_answered_is_never_asked_again(
    platform: Platform, cache: AnswerCache, tmp_path: Path
) -> None:
    backend, out = PlatformBackend(platform, via="realtime"), tmp_path / "out.jsonl"
    first = ask(requests(), backend, model="linear", out=out, workdir=tmp_path / "w", cache=cache)
    assert (first.asked, first.cached, first.answered, first.failed) == (4, 0, 4, 0)
    again = ask(
        requests([*TEXTS, "a new one", "profit rose"]),
        *(backend,),
        model="linear",
        out=out,
        workdir=tmp_path / "w",
        cache=cache,
    )
    assert (again.requests, again.different, again.asked, again.cached) == (6, 5, 1, 4)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["custom_id"] for line in lines] == [f"r{n}" for n in range(6)]
    assert [line["cached"] for line in lines] == [True, True, True, True, False, True]
    assert not (tmp_path / "w").exists()


def test_a_parameter_makes_it_another_request(platform: Platform, cache: AnswerCache, tmp_path: Path) -> None:
    backend = PlatformBackend(platform, via="realtime")
    for params, asked in (({"max_tokens": 3}, 4), ({"max_tokens": 4}, 4), ({"max_tokens": 3}, 0)):
        result = ask(
            requests(**params),
            backend,
            model="linear",
            out=tmp_path / "o",
            workdir=tmp_path / "w",
            cache=cache,
        )
        assert result.asked == asked


def test_refused_answers_are_asked_again_and_not_kept(
    platform: Platform, cache: AnswerCache, tmp_path: Path
) -> None:
    seen: list[str] = []

    def accept(answer: Answer) -> str | None:
        seen.append(answer.custom_id)
        return "never good" if len(seen) <= 5 else None

    backend, out = PlatformBackend(platform, via="realtime"), tmp_path / "out.jsonl"
    result = ask(
        requests(),
        backend,
        model="linear",
        out=out,
        workdir=tmp_path / "w",
        cache=cache,
        accept=accept,
        rounds=2,
    )
    assert (result.answered, result.failures, result.rounds) == (3, {"not_accepted": 1}, 2)
    assert len({name.partition("-")[0] for name in seen}) == 4 and len(seen) == 8
    assert sum(known.answers for known in cache.known()) == 3


def test_equal_requests_may_be_samples_of_their_own(
    platform: Platform, cache: AnswerCache, tmp_path: Path
) -> None:
    backend = PlatformBackend(platform, via="realtime")
    options = {"model": "linear", "out": tmp_path / "o", "workdir": tmp_path / "w", "cache": cache}
    assert ask(requests(["x", "x", "x"]), backend, **options).asked == 1  # type: ignore[arg-type]
    own = ask(requests(["x", "x", "x"]), backend, deduplicate=False, **options)  # type: ignore[arg-type]
    assert (own.asked, own.cached) == (2, 1)


def test_failures_have_their_reasons_and_are_asked_again_by_the_next_call(
    platform: Platform, cache: AnswerCache, tmp_path: Path
) -> None:
    backend, out = PlatformBackend(platform, via="batch"), tmp_path / "out.jsonl"
    for _ in range(2):
        result = ask(
            requests(temperature=9), backend, model="linear", out=out, workdir=tmp_path / "w", cache=cache
        )
        assert (result.answered, result.failed, result.asked) == (0, 4, 4)
    assert all(answer.error for answer in result.answers())


def test_several_models_at_a_time_by_batch(platform: Platform, cache: AnswerCache, tmp_path: Path) -> None:
    backend = PlatformBackend(platform, via="batch")
    askings = [
        Asking(
            requests(max_tokens=size),
            backend,
            model="linear",
            out=tmp_path / f"{size}.jsonl",
            workdir=tmp_path / f"w{size}",
            cache=cache,
        )
        for size in (5, 6)
    ]
    results = ask_each(askings)
    assert [result.answered for result in results] == [4, 4]
    assert all(len(result.batches) == 1 for result in results)

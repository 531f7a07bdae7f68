"""The kept answers: honest keys, many at a time, listed and deleted, faults in words; and the command."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftkit.errors import StorageError
from ftkit.inference import AnswerCache, project_cache
from ftkit.inference.cache import key_of
from ftkit.settings import Settings

URL = "/v1/chat/completions"


def body(text: str, model: str = "m", **usage: Any) -> dict[str, Any]:
    return {"model": model, "choices": [{"message": {"content": text}}], "usage": usage}


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[AnswerCache]:
    with AnswerCache(tmp_path / "deep" / "answers.db") as cache:
        yield cache


def key(n: int) -> bytes:
    return key_of("me", URL, {"n": n})


REQUEST = {"model": "m", "messages": [{"role": "user", "content": "a"}], "temperature": 0, "seed": 1}


@pytest.mark.parametrize(
    "other",
    [
        {**REQUEST, "model": "n"},
        {**REQUEST, "temperature": 0.1},
        {**REQUEST, "messages": [{"role": "user", "content": "b"}]},
        {**REQUEST, "messages": [{"role": "user", "content": "a "}]},
        {**REQUEST, "messages": REQUEST["messages"] * 2},  # type: ignore[operator]
        {**REQUEST, "tools": []},
        {k: v for k, v in REQUEST.items() if k != "seed"},
    ],
)
def test_whatever_may_change_an_answer_changes_the_key(other: dict[str, Any]) -> None:
    assert key_of("me", URL, REQUEST) != key_of("me", URL, other)


def test_who_answers_and_where_change_the_key_and_the_order_of_fields_does_not() -> None:
    same = dict(reversed(REQUEST.items()))
    assert key_of("me", URL, REQUEST) == key_of("me", URL, same)
    keys = {
        key_of("me", URL, REQUEST),
        key_of("you", URL, REQUEST),
        key_of("me", "/v1/embeddings", REQUEST),
        key_of("me", URL, REQUEST, 1),
        key_of("me", URL, REQUEST, 2),
    }
    assert len(keys) == 5
    assert key_of("me", URL, REQUEST, 0) in keys


@given(st.text(), st.text())
def test_different_texts_have_different_keys(one: str, other: str) -> None:
    keys = [key_of("me", URL, {"content": text}) for text in (one, other) if _writable(text)]
    assert len(set(keys)) == len({text for text in (one, other) if _writable(text)})


def _writable(text: str) -> bool:
    return not any(0xD800 <= ord(c) < 0xE000 for c in text)


def test_what_was_put_is_got_whole(cache: AnswerCache) -> None:
    before = int(time.time())
    answer = body("Höhe 好 😀", prompt_tokens=3, completion_tokens=4)
    cache.put("local", [(key(1), answer)])
    kept = cache.get(key(1))
    assert kept is not None and kept.body == answer
    assert (kept.prompt_tokens, kept.completion_tokens) == (3, 4)
    assert before <= kept.answered_at <= time.time()
    assert key(1) in cache and key(2) not in cache
    assert cache.get(key(2)) is None


@pytest.mark.parametrize("usage", [None, [], "many", {"prompt_tokens": "3"}, {"prompt_tokens": 1 << 70}])
def test_token_counts_of_any_form(cache: AnswerCache, usage: Any) -> None:
    cache.put("local", [(key(1), {**body("a"), "usage": usage})])
    kept = cache.get(key(1))
    assert kept is not None
    assert (kept.prompt_tokens, kept.completion_tokens) == (None, None)


def test_many_at_a_time(cache: AnswerCache) -> None:
    cache.put("local", ((key(n), body(str(n))) for n in range(0, 2500, 2)))
    keys = [key(n) for n in range(2500)]
    assert cache.known_keys(keys) == set(keys[::2])
    found = cache.get_many(keys)
    assert len(found) == 1250
    assert found[key(2498)].body == body("2498")
    assert cache.known_keys([]) == set() and cache.get_many([]) == {}


def test_a_newer_answer_takes_the_place_of_the_old_one(cache: AnswerCache) -> None:
    cache.put("local", [(key(1), body("old"))])
    cache.put("local", [(key(1), body("new"))])
    kept = cache.get(key(1))
    assert kept is not None and kept.body == body("new")
    assert sum(known.answers for known in cache.known()) == 1


def filled(cache: AnswerCache) -> AnswerCache:
    cache.put(
        "local", [(key(n), body("a", "linear", prompt_tokens=2, completion_tokens=1)) for n in range(3)]
    )
    cache.put("openai", [(key(9), body("a", "gpt")), (key(10), body("a", "mini"))])
    return cache


def test_what_is_kept_is_listed(cache: AnswerCache) -> None:
    found = filled(cache).known()
    assert [(k.backend, k.model, k.answers, k.prompt_tokens) for k in found] == [
        ("local", "linear", 3, 6),
        ("openai", "gpt", 1, 0),
        ("openai", "mini", 1, 0),
    ]
    assert all(0 < k.first <= k.last <= time.time() and k.bytes > 0 for k in found)


@pytest.mark.parametrize(
    ("options", "gone"),
    [
        ({}, 5),
        ({"backend": "openai"}, 2),
        ({"model": "gpt"}, 1),
        ({"backend": "local", "model": "gpt"}, 0),
        ({"before": 10}, 0),
        ({"before": 1 << 40, "model": "mini"}, 1),
    ],
)
def test_answers_are_forgotten(cache: AnswerCache, options: dict[str, Any], gone: int) -> None:
    filled(cache)
    assert cache.forget(**options, dry_run=True) == gone
    assert sum(known.answers for known in cache.known()) == 5
    assert cache.forget(**options) == gone
    assert sum(known.answers for known in cache.known()) == 5 - gone


def test_the_space_of_what_is_forgotten_is_given_back(cache: AnswerCache) -> None:
    import random

    chance = random.Random(1)
    cache.put("local", ((key(n), body(f"{chance.getrandbits(40_000):x}")) for n in range(200)))
    before = sum(path.stat().st_size for path in cache.path.parent.iterdir())
    cache.forget()
    assert sum(path.stat().st_size for path in cache.path.parent.iterdir()) < before / 5


def test_several_threads_and_connections_at_once(cache: AnswerCache) -> None:
    def work(start: int) -> None:
        with AnswerCache(cache.path) as own:
            for n in range(start, start + 50):
                own.put("local", [(key(n), body(str(n)))])
                cache.put("local", [(key(n + 1000), body(str(n)))])

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, 50, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert cache.known()[0].answers == 300


def test_a_file_that_is_none_is_said_so_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "answers.db"
    path.write_bytes(b"this is no database " * 100)
    with pytest.raises(StorageError, match="not a database") as caught:
        AnswerCache(path)
    assert "move the file away" in (caught.value.hint or "")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        AnswerCache(tmp_path / "file" / "answers.db")


def test_the_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "answers.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StorageError, match="a newer version of ftkit"):
        AnswerCache(path)


def test_a_closed_cache_says_so(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "answers.db")
    cache.close()
    with pytest.raises(StorageError, match="cannot be used"):
        cache.get(key(1))


def test_the_project_s_cache_lies_in_its_state_directory(tmp_path: Path) -> None:
    with project_cache(Settings(state_dir=tmp_path / "s")) as cache:
        assert cache.path == tmp_path / "s" / "answers.db"


def test_the_command_lists_and_clears(here: Callable[..., CompletedProcess[str]], tmp_path: Path) -> None:
    assert "no answers are kept" in here("cache", "list").stdout
    with AnswerCache(tmp_path / "state" / "answers.db") as cache:
        filled(cache)
    shown = here("cache", "list").stdout
    assert "linear" in shown and "openai" in shown
    listed = json.loads(here("cache", "list", "--json").stdout)
    assert [one["answers"] for one in listed] == [3, 1, 1]
    assert listed[0]["first"].endswith("Z") and "key" not in listed[0]
    assert "2 answers would be deleted" in here("cache", "clear", "--platform", "openai").stdout
    assert "0 answers would be deleted" in here("cache", "clear", "--older-than", "1d").stdout
    assert "1 answers deleted" in here("cache", "clear", "--model", "mini", "--yes").stdout
    done = json.loads(here("cache", "clear", "--yes", "--json").stdout)
    assert done == {"answers": 4, "done": True}
    assert "no answers are kept" in here("cache", "list").stdout


def test_the_command_with_a_wrong_age(here: Callable[..., CompletedProcess[str]]) -> None:
    done = here("cache", "clear", "--older-than", "soon", "--yes")
    assert done.returncode == 2 and "is not an age" in done.stderr

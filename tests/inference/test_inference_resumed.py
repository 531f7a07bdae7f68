"""Asking that is stopped, refused, judged again or begun afresh: what goes out, and how often."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ftkit.errors import BatchFailed, DataError
from ftkit.gateway import Answer, chat_request
from ftkit.inference import AnswerCache, Asked, Asking, Round, ask, ask_each
from ftkit.inference.lines import failure_code, read_line, read_lines, tokens_of_good
from ftkit.inference.plan import name_of


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Scribe:
    """A backend that remembers what it was asked; it says in each round the next one of its words."""

    words: list[str] = field(default_factory=lambda: ["yes"])
    asked: list[str] = field(default_factory=list)
    rounds: int = 0
    refuse: str | None = None
    die: str | None = None
    name: str = "scribe"

    def identity(self, model: str) -> str:
        return f"scribe {model}"

    def answer(self, requests: Path, out: Path, workdir: Path, *, wait: bool = True) -> Round:
        if not wait:
            return Round(False, "scribe")
        if self.refuse:
            raise BatchFailed(self.refuse, hint="Mend it.")
        if out.exists():
            return Round(True, "scribe", seconds=1.0)  # what a killed call had answered
        word = self.words[min(self.rounds, len(self.words) - 1)]
        self.rounds += 1
        lines = [json.loads(line) for line in requests.read_text().splitlines()]
        self.asked += [line["custom_id"] for line in lines]
        out.write_text("".join(json.dumps(self._line(line, word)) + "\n" for line in lines))
        if self.die == "after answering":
            self.die = None
            raise Killed
        return Round(True, "scribe", (f"batch_{self.rounds}",), 1.5, 1, 2)

    def _line(self, request: dict[str, Any], word: str) -> dict[str, Any]:
        text = f"{word} {request['body']['messages'][0]['content']}"
        body = {
            "model": request["body"]["model"],
            "choices": [{"message": {"content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 2},
        }
        ok = {"status_code": 200, "body": body}
        return {"custom_id": request["custom_id"], "response": ok, "error": None}


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[AnswerCache]:
    with AnswerCache(tmp_path / "answers.db") as cache:
        yield cache


Put = Callable[..., Asked]


@pytest.fixture
def put(cache: AnswerCache, tmp_path: Path) -> Put:
    def call(backend: Scribe, texts: str = "abc", **options: Any) -> Asked:
        requests = [
            chat_request(f"r{n}", "m", [{"role": "user", "content": text}]) for n, text in enumerate(texts)
        ]
        return ask(
            requests, backend, model="m", out=tmp_path / "out", workdir=tmp_path / "w", cache=cache, **options
        )

    return call


def texts(asked: Asked) -> list[str | None]:
    return [answer.text for answer in asked.answers()]


def test_equal_requests_go_out_once_and_all_have_their_answer(put: Put) -> None:
    scribe = Scribe()
    found = put(scribe, "abab")
    assert texts(found) == ["yes a", "yes b", "yes a", "yes b"]
    assert (found.requests, found.different, found.asked, len(scribe.asked)) == (4, 2, 2, 2)
    assert (found.prompt_tokens, found.completion_tokens, found.uncounted) == (10, 4, 0)
    assert (found.batches, found.seconds, found.strangers, found.duplicates) == (("batch_1",), 1.5, 1, 2)


def test_fresh_asks_anew_under_another_id_and_replaces_what_is_kept(put: Put) -> None:
    scribe = Scribe(["old", "new"])
    put(scribe)
    assert texts(put(scribe, fresh=True)) == ["new a", "new b", "new c"]
    assert len(set(scribe.asked)) == 6  # a ledger would take equal ids for the same request
    assert [name_of(one) for one in scribe.asked[:3]] == [name_of(one) for one in scribe.asked[3:]]
    again = put(scribe)
    assert (texts(again), again.cached) == (["new a", "new b", "new c"], 3)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("second", [False, True])
def test_what_was_begun_afresh_goes_on_and_what_was_not_gives_way(
    put: Put, first: bool, second: bool
) -> None:
    scribe = Scribe(["old", "new", "newer"])
    put(scribe)
    scribe.die = "after answering"
    with pytest.raises(Killed):
        put(scribe, "abcd", fresh=first)
    found = put(scribe, "abcd", fresh=second)
    words = {str(text).split()[0] for text in texts(found)}
    assert words == ({"new"} if first else {"newer"} if second else {"old", "new"})
    assert len(scribe.asked) == 3 + (4 if first else 5 if second else 1)


def test_a_kept_answer_that_this_call_does_not_accept_is_asked_again(put: Put) -> None:
    scribe = Scribe(["bad", "good"])
    put(scribe, "ab")

    def accept(answer: Answer) -> str | None:
        return None if (answer.text or "").startswith("good") else "it is not good"

    found = put(scribe, "abc", accept=accept)
    assert (texts(found), found.cached, found.asked) == (["good a", "good b", "good c"], 0, 3)
    assert put(scribe, "abc", accept=accept).cached == 3


def test_refused_answers_have_rounds_and_the_last_word_is_theirs(put: Put) -> None:
    scribe = Scribe(["one", "two", "three"])
    found = put(scribe, "ab", accept=lambda answer: "no" if (answer.text or "") < "two b" else None, rounds=3)
    # round 1: both refused; 2: "two a" is below, "two b" is not; 3: "three a" is below again
    assert [len(scribe.asked), found.rounds, found.answered, found.failed] == [5, 3, 1, 1]
    assert found.failures == {"not_accepted": 1}
    assert (found.prompt_tokens, found.seconds) == (25, 4.5)
    lines = [json.loads(line) for line in found.out.read_text().splitlines()]
    assert [line["error"] and line["error"]["message"] for line in lines] == ["no", None]
    assert lines[0]["response"]["body"]["choices"][0]["message"]["content"] == "three a"


def test_killed_between_the_answers_and_the_cache(put: Put, cache: AnswerCache) -> None:
    scribe = Scribe(die="after answering")
    with pytest.raises(Killed):
        put(scribe)
    assert cache.known() == []
    found = put(scribe)
    assert (texts(found), len(scribe.asked), found.cached) == (["yes a", "yes b", "yes c"], 3, 0)


@pytest.mark.parametrize("stop", range(1, 5))
def test_killed_in_a_later_round_counts_nothing_twice(
    put: Put, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    def accept(answer: Answer) -> str | None:
        return "no" if (answer.text or "").startswith("bad") else None

    real, calls = Asking._take_block, 0

    def dying(self: Asking, lines: Any, number: int) -> None:
        nonlocal calls
        calls += 1
        if calls == stop and stop % 2:
            raise Killed
        real(self, lines, number)
        if calls == stop:
            raise Killed

    scribe = Scribe(["bad", "good"])
    monkeypatch.setattr(Asking, "_take_block", dying)
    try:
        put(scribe, "ab", accept=accept, rounds=2)
    except Killed:
        monkeypatch.setattr(Asking, "_take_block", real)
        found = put(scribe, "ab", accept=accept, rounds=2)
        assert (texts(found), len(scribe.asked)) == (["good a", "good b"], 4)
        assert (found.prompt_tokens, found.rounds) == (20, 2)
    else:
        assert calls < stop


def test_a_model_that_is_refused_does_not_keep_the_others_from_their_answers(
    cache: AnswerCache, tmp_path: Path
) -> None:
    scribes = {"bad": Scribe(refuse="nobody knows it"), "good": Scribe(), "worse": Scribe(refuse="no room")}
    askings = [
        Asking(
            [chat_request("r", name, [{"role": "user", "content": "a"}])],
            scribe,
            model=name,
            out=tmp_path / name,
            workdir=tmp_path / f"w-{name}",
            cache=cache,
        )
        for name, scribe in scribes.items()
    ]
    seen: list[tuple[int, int]] = []
    with pytest.raises(BatchFailed, match="bad: nobody knows it; worse: no room") as caught:
        ask_each(askings, lambda number, asked: seen.append((number, asked.answered)))
    assert "Mend it." in (caught.value.hint or "") and "what others have answered" in (
        caught.value.hint or ""
    )
    assert seen == [(1, 1)]
    assert [known.model for known in cache.known()] == ["good"]


def test_planned_says_what_will_be_asked(cache: AnswerCache, tmp_path: Path, put: Put) -> None:
    put(Scribe(), "ab")
    requests = [
        chat_request(f"r{n}", "m", [{"role": "user", "content": text}]) for n, text in enumerate("abccd")
    ]
    asking = Asking(requests, Scribe(), model="m", out=tmp_path / "o", workdir=tmp_path / "w2", cache=cache)
    assert asking.planned == (4, 2)
    assert asking.collect().cached == 2


def test_many_requests_in_their_order(put: Put) -> None:
    many = "".join(chr(0x4E00 + n % 1200) for n in range(2500))
    found = put(Scribe(), many)
    assert (found.requests, found.different) == (2500, 1200)
    assert texts(found) == [f"yes {one}" for one in many]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (b'{"a": "x \\ud83d y"}', {"a": "x \ufffd y"}),
        (b'{"a": "\xff"}', {"a": "\ufffd"}),
        (b'{"a": NaN}', None),
        (b"[1]", None),
        (b"{", None),
    ],
)
def test_odd_lines_are_read_where_they_can_be(line: bytes, wanted: dict[str, Any] | None) -> None:
    if wanted is not None:
        assert read_line(line, Path("x"), 3) == wanted
        return
    try:
        found = read_line(line, Path("x"), 3)
    except DataError as error:
        assert str(error.where) == "x:3"
    else:
        assert set(found) == {"a"}  # what Python's own reader takes may pass


def test_blank_lines_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a").write_text('{"a": 1}\n\n  \n{"a": 2}\n')
    assert [line["a"] for line in read_lines(tmp_path / "a")] == [1, 2]


GOOD = {"status_code": 200, "body": {"choices": [1], "usage": {"prompt_tokens": 1, "completion_tokens": 0}}}


@pytest.mark.parametrize(
    ("line", "tokens"),
    [
        ({"response": GOOD}, (1, 0)),
        ({"response": GOOD, "error": {"message": "x"}}, None),
        ({"response": {**GOOD, "status_code": 500}}, None),
        ({"response": {**GOOD, "body": {}}}, None),
        ({"response": {**GOOD, "body": {"error": 1}}}, None),
        ({"response": {**GOOD, "body": {"usage": []}}}, None),
        ({"response": {**GOOD, "body": {"usage": {"prompt_tokens": "1"}}}}, None),
        ({"response": None}, None),
        ({}, None),
    ],
)
def test_only_usual_answers_are_taken_without_a_longer_look(line: dict[str, Any], tokens: Any) -> None:
    assert tokens_of_good(line) == tokens


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ({"error": {"code": "x"}}, "x"),
        ({"error": {"message": "x"}}, "no_answer"),
        ({"error": "gone", "response": {"status_code": 503}}, "503"),
        ({"response": {"status_code": 400, "body": {"error": {"code": "bad"}}}}, "bad"),
    ],
)
def test_reasons_in_one_word(line: dict[str, Any], code: str) -> None:
    assert failure_code(line) == code


@pytest.mark.parametrize("custom_id", ["", "row-1", "zz-1"])
def test_strangers_names_are_none(custom_id: str) -> None:
    assert name_of(custom_id) == b""

"""Answers are found by custom_id in files of any order, and joined in the order of the requests."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from bulk_platform import answered, expired, failed
from hypothesis import given, settings
from hypothesis import strategies as st

from ftkit.gateway.bulk.answer_lines import FINAL, NONE, OK, RETRY, read_lines, why
from ftkit.gateway.bulk.answers import AnswerTable
from ftkit.gateway.bulk.ids import IdIndex
from ftkit.gateway.bulk.joining import write_answers
from ftkit.gateway.bulk.live import whole_lines

UNASKED = ("no_answer", "nothing came")


def request(custom_id: str) -> dict[str, Any]:
    return {"custom_id": custom_id, "body": {"messages": [{"content": f"text {custom_id}"}]}}


@contextmanager
def table_of(folder: Path, names: list[str]) -> Iterator[AnswerTable]:
    path = folder / "ids.jsonl"
    path.write_text("".join(json.dumps(name) + "\n" for name in names))
    with closing(IdIndex(path, len(names))) as index:
        yield AnswerTable(index, len(names))


def write(path: Path, *lines: Any) -> Path:
    path.write_bytes(
        b"".join((one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in lines)
    )
    return path


def joined(table: AnswerTable, folder: Path) -> list[Any]:
    write_answers(table, folder / "ids.jsonl", folder / "out.jsonl", UNASKED)
    return [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]


A, B, C = request("a"), request("b"), request("c")


@pytest.mark.parametrize(
    ("line", "state"),
    [
        (answered(A), OK),
        (failed(A, 400), FINAL),
        (failed(A, 404), FINAL),
        (failed(A, 429), RETRY),
        (failed(A, 500), RETRY),
        (failed(A, 408), RETRY),
        (expired(A), RETRY),
        ({"custom_id": "a", "response": None, "error": None}, RETRY),
        ({"custom_id": "a", "response": {"status_code": 200, "body": {}}}, RETRY),
        ({"custom_id": "a", "response": {"status_code": "200", "body": {"choices": [{}]}}, "error": {}}, OK),
        ({**answered(A), "error": {"message": "oh"}}, RETRY),
        ({"custom_id": "a", "response": {"status_code": 200, "body": {"error": {"message": "oh"}}}}, RETRY),
        ({"custom_id": "a", "error": "text", "response": {"status_code": 400, "body": None}}, FINAL),
    ],
)
def test_a_line_is_an_answer_or_a_failure_that_may_pass_or_one_that_stays(line: Any, state: int) -> None:
    (found,) = read_lines(json.dumps(line).encode()).states.tolist()
    assert found == state


@pytest.mark.parametrize("line", [b"{", b"[]", b"7", b'{"id": 1}', b'{"custom_id": ""}', b"\xff", b'"text"'])
def test_what_is_no_line_of_answers_is_counted(line: bytes) -> None:
    good = json.dumps(answered(A)).encode()
    lines = read_lines(b"\n".join([good, line, b"", b" ", good]))
    assert (lines.ids, lines.broken) == (["a", "a"], 1)
    assert (lines.begins[0], lines.ends[0]) == (0, len(good) + 1)


def test_numbers_for_ids_and_tokens_beyond_the_usual_are_read() -> None:
    line = {**answered(A), "custom_id": 7}
    line["response"]["body"]["usage"] = {"prompt_tokens": "12", "completion_tokens": None}
    lines = read_lines(json.dumps(line).encode())
    assert (lines.ids, lines.prompt_tokens.tolist(), lines.completion_tokens.tolist()) == (["7"], [12], [0])


def test_why_a_request_failed() -> None:
    assert why(failed(A, 429, "busy")) == ("busy", "no: 429 (busy)")
    assert why(expired(A)) == ("batch_expired", "not in time (batch_expired)")
    assert why({"response": {"status_code": 502, "body": {}}}) == ("502", "answered 502")
    assert why(None) == ("no_answer", "no answer")


def test_an_answer_never_gives_way_to_a_failure(tmp_path: Path) -> None:
    with table_of(tmp_path, ["a", "b", "c"]) as table:
        table.asking(0, slice(0, 3))
        table.read(0, write(tmp_path / "1", failed(A, 500), answered(A), failed(A, 400), answered(B)))
        table.read(0, write(tmp_path / "2", failed(B, 500), failed(C, 500)))
        assert (table.state.tolist(), table.came.duplicates) == ([OK, OK, RETRY], 3)
        assert [one["response"]["status_code"] for one in joined(table, tmp_path)] == [200, 200, 500]


def test_a_later_round_replaces_a_failure_and_is_no_duplicate(tmp_path: Path) -> None:
    with table_of(tmp_path, ["a", "b", "c"]) as table:
        table.asking(0, slice(0, 3))
        table.read(0, write(tmp_path / "1", failed(A, 500), failed(B, 500, "first"), answered(C)))
        table.asking(1, slice(0, 2))
        table.read(1, write(tmp_path / "2", answered(A), failed(B, 503, "second"), answered(C)))
        assert (table.came.duplicates, table.came.strangers, table.came.stranger) == (0, 1, "c")
        assert table.came.prompt_tokens == 14
        lines = joined(table, tmp_path)
        assert [one["response"]["status_code"] for one in lines] == [200, 503, 200]


def test_a_piece_can_be_read_anew(tmp_path: Path) -> None:
    with table_of(tmp_path, ["a", "b"]) as table:
        table.asking(0, slice(0, 2))
        table.read(0, write(tmp_path / "1", answered(A), b"{", answered({**C})))
        assert (table.came.corrupt, table.came.strangers) == (1, 1)
        assert table.unheard(0).tolist() == [1]
        table.forget(0)
        table.read(0, write(tmp_path / "1", answered(B), answered(A)))
        came = table.came
        assert (came.corrupt, came.strangers, came.duplicates, came.prompt_tokens) == (0, 0, 0, 14)
        assert [one["custom_id"] for one in joined(table, tmp_path)] == ["a", "b"]


def test_what_nobody_answered_has_a_line_that_says_so(tmp_path: Path) -> None:
    with table_of(tmp_path, ['q"\n', "b"]) as table:
        codes = write_answers(table, tmp_path / "ids.jsonl", tmp_path / "out.jsonl", UNASKED)
        assert codes == {"no_answer": 2}
    first = json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])
    assert first == {
        "id": None,
        "custom_id": 'q"\n',
        "response": None,
        "error": {"code": "no_answer", "message": "nothing came"},
    }


outcomes = st.sampled_from(["ok", "retry", "final", "twice", "broken", "stranger", "nothing", "both"])


@settings(max_examples=40)
@given(st.lists(outcomes, min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_any_mess_is_joined_as_a_dictionary_would(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[str], chance: random.Random
) -> None:
    folder = tmp_path_factory.mktemp("mess")
    names = [f"id-{n}" for n in range(len(kinds))]
    made: dict[str, list[Any]] = {
        "ok": [answered],
        "retry": [lambda one: failed(one, 500)],
        "final": [lambda one: failed(one, 400)],
        "twice": [answered, answered],
        "broken": [lambda one: b'{"custom_id": "cut'],
        "stranger": [lambda one: answered({**one, "custom_id": f"not {one['custom_id']}"})],
        "nothing": [],
        "both": [lambda one: failed(one, 500), answered],
    }
    lines = [make(request(name)) for name, kind in zip(names, kinds, strict=True) for make in made[kind]]
    chance.shuffle(lines)
    half = len(lines) // 2
    with table_of(folder, names) as table:
        table.asking(3, slice(0, len(names)))
        table.read(3, write(folder / "output", *lines[:half]))
        table.read(3, write(folder / "errors", *lines[half:]))
        states = {"ok": OK, "twice": OK, "both": OK, "retry": RETRY, "final": FINAL}
        assert table.state.tolist() == [states.get(kind, NONE) for kind in kinds]
        assert table.came.duplicates == kinds.count("twice") + kinds.count("both")
        assert (table.came.corrupt, table.came.strangers) == (kinds.count("broken"), kinds.count("stranger"))
        out = joined(table, folder)
    assert [one["custom_id"] for one in out] == names
    statuses = {"ok": 200, "twice": 200, "both": 200, "retry": 500, "final": 400}
    assert [(one["response"] or {}).get("status_code") for one in out] == [statuses.get(k) for k in kinds]


@pytest.mark.parametrize("rest", [b"", b"half a li", b"x" * 200_000])
def test_half_a_line_at_the_end_is_cut_off(tmp_path: Path, rest: bytes) -> None:
    path = tmp_path / "answers"
    path.write_bytes(b"one\ntwo\n" + rest)
    whole_lines(path)
    assert path.read_bytes() == b"one\ntwo\n"
    path.write_bytes(rest)
    whole_lines(path)
    assert path.read_bytes() == b""
    path.unlink()
    whole_lines(path)
    assert path.exists()

"""The journal: answers as they come, taken up after a crash, written in the order of the requests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ftkit.data import open_jsonl_writer
from ftkit.inference.backends.journal import Journal


@pytest.fixture
def requests(tmp_path: Path) -> Path:
    return write_requests(tmp_path / "asks.jsonl", 5)


def write_requests(path: Path, count: int, text: str = "") -> Path:
    with open_jsonl_writer(path) as writer:
        for number in range(count):
            writer.write({"custom_id": f"r{number}", "body": {"text": f"{text}{number}"}})
    return path


def numbers(journal: Journal) -> list[int]:
    return [number for number, _ in journal.unanswered()]


def line(number: int) -> dict[str, object]:
    return {"custom_id": f"r{number}", "response": {"body": {"n": number}}, "error": None}


def test_answers_come_in_any_order_and_go_in_theirs(requests: Path, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "work", requests)
    for number in (3, 0, 4, 2, 1):
        journal.keep(number, line(number))
    assert (journal.requests, journal.known, numbers(journal)) == (5, 0, [])
    journal.close()
    journal.write(tmp_path / "out.jsonl")
    assert [json.loads(row) for row in (tmp_path / "out.jsonl").read_text().splitlines()] == [
        line(number) for number in range(5)
    ]


def test_what_is_known_is_not_asked_again(requests: Path, tmp_path: Path) -> None:
    first = Journal(tmp_path / "work", requests)
    first.keep(2, line(2))
    first.keep(0, line(0))
    first.close()
    second = Journal(tmp_path / "work", requests)
    assert (second.known, numbers(second)) == (2, [1, 3, 4])
    for number in (4, 3, 1):
        second.keep(number, line(number))
    second.close()
    second.write(tmp_path / "out.jsonl")
    ids = [json.loads(row)["custom_id"] for row in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert ids == [f"r{number}" for number in range(5)]


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_line_that_a_crash_cut_off_is_asked_again(requests: Path, tmp_path: Path, cut: int) -> None:
    first = Journal(tmp_path / "work", requests)
    first.keep(0, line(0))
    first.keep(1, line(1))
    first.close()
    kept = tmp_path / "work" / "answers.jsonl"
    kept.write_bytes(kept.read_bytes()[:-cut])
    second = Journal(tmp_path / "work", requests)
    assert numbers(second) == [1, 2, 3, 4]
    second.close()


def test_other_requests_have_other_answers(requests: Path, tmp_path: Path) -> None:
    first = Journal(tmp_path / "work", requests)
    first.keep(0, line(0))
    first.close()
    (tmp_path / "work" / "mine.txt").write_text("of somebody else")
    second = Journal(tmp_path / "work", write_requests(tmp_path / "others.jsonl", 5, "other "))
    assert numbers(second) == [0, 1, 2, 3, 4]
    assert (tmp_path / "work" / "mine.txt").exists()
    second.close()


def test_half_a_character_does_not_end_the_run(requests: Path, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "work", requests)
    journal.keep(0, {"custom_id": "r0", "response": {"body": {"text": "half \ud83d"}}, "error": None})
    assert numbers(journal) == [1, 2, 3, 4]
    journal.close()

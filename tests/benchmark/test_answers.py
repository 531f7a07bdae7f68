"""Joining answers to rows by custom_id alone, whatever comes back and in whatever order."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import pytest
from bench_parts import LABELS, Bench, answer, chat_row

from ftkit.benchmarking.answers import AnswerFile, write_answers
from ftkit.benchmarking.assess import score_answers
from ftkit.benchmarking.heldout import RowIds
from ftkit.benchmarking.scoring import Outcome
from ftkit.display import SilentDisplay
from ftkit.errors import DataError, StorageError
from ftkit.gateway.results import Answer


@pytest.fixture
def ids() -> RowIds:
    made = RowIds()
    for number in range(20):
        made.add([{"role": "user", "content": f"text {number // 2}"}])  # each text twice
    return made


def test_shuffled_answers_find_their_rows(tmp_path: Path, ids: RowIds) -> None:
    answers = [answer(ids.id_of(row), f"reply {row}") for row in range(20)]
    random.Random(3).shuffle(answers)
    write_answers(tmp_path / "a.jsonl", answers)
    with AnswerFile(tmp_path / "a.jsonl", ids) as file:
        found = [file.get(row) for row in range(20)]
        assert [a.text if a else None for a in found] == [f"reply {row}" for row in range(20)]
        assert file.get(3) == file.get(3)
        assert (file.duplicates, file.strangers) == (0, 0)


def test_duplicates_strangers_and_missing_are_counted(tmp_path: Path, ids: RowIds) -> None:
    wrong_hash = f"{ids.id_of(4)[:-8]}00000000"
    answers = [
        answer(ids.id_of(2), "first"),
        answer("row-000099-00000000", "beyond the end"),
        answer(ids.id_of(2), "second"),
        answer(wrong_hash, "another file's row 4"),
        answer("", "no id"),
    ]
    count, _ = write_answers(tmp_path / "a.jsonl", answers)
    with AnswerFile(tmp_path / "a.jsonl", ids) as file:
        assert count == 5
        assert (file.duplicates, file.strangers) == (1, 3)
        kept = file.get(2)
        assert kept is not None and kept.text == "first"
        assert file.get(4) is None


def test_texts_of_any_kind_survive_the_file(tmp_path: Path, ids: RowIds) -> None:
    texts = ["", "line\nbreak\r\n", "\u2028 \x85 \x00", "Höhe 好 😀", '"quoted" \\ back']
    write_answers(tmp_path / "a.jsonl", [answer(ids.id_of(i), text) for i, text in enumerate(texts)])
    with AnswerFile(tmp_path / "a.jsonl", ids) as file:
        found = [file.get(row) for row in range(len(texts))]
    assert [a.text if a else None for a in found] == texts


def test_a_damaged_answers_file_is_named(tmp_path: Path, ids: RowIds) -> None:
    path = tmp_path / "a.jsonl"
    write_answers(path, [answer(ids.id_of(0))])
    path.write_bytes(path.read_bytes() + b'{"custom_id": 5}\n')
    with pytest.raises(DataError, match="no answer") as caught:
        AnswerFile(path, ids)
    assert str(caught.value.where) == f"{path}:2"
    with pytest.raises(StorageError):
        AnswerFile(tmp_path / "none.jsonl", ids)


def _refusal(custom_id: str) -> Answer:
    raw = {"response": {"body": {"choices": [{"message": {"content": None, "refusal": "I won't."}}]}}}
    return answer(custom_id, "I won't.", raw=raw)


def test_each_row_has_one_outcome_and_none_is_dropped(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [chat_row(f"text {i}", "positive") for i in range(9)], "label", LABELS)
    (asked,) = bench.ask(["m"])
    name = bench.task.ids.id_of
    answers = [
        answer(name(0), "Positive."),
        answer(name(1), "negative"),
        answer(name(2), "no idea"),
        answer(name(3), "  "),
        answer(name(4), "positive", finish_reason="length"),
        answer(name(5), "positive", finish_reason="content_filter"),
        _refusal(name(6)),
        answer(name(7), None, ok=False, error="500 boom", prompt_tokens=None, completion_tokens=None),
    ]
    write_answers(asked.answers, reversed(answers))
    tally = score_answers(bench.task, [asked], SilentDisplay())["m"]
    assert list(tally.right) == [1, 0, 0, 0, 0, 0, 0, 0, 0]
    assert dict(tally.outcomes) == {
        Outcome.RIGHT: 1,
        Outcome.WRONG: 1,
        Outcome.INVALID: 1,
        Outcome.EMPTY: 1,
        Outcome.TRUNCATED: 1,
        Outcome.REFUSED: 2,
        Outcome.FAILED: 1,
        Outcome.MISSING: 1,
    }
    assert (tally.prompt_tokens, tally.completion_tokens, tally.uncounted) == (70, 14, 0)
    assert tally.error_samples == ("500 boom (1×)",)
    confusion = tally.confusion()
    assert confusion is not None
    assert confusion.columns == (*LABELS, "other")
    assert confusion.counts == ((0, 0, 0, 0), (0, 0, 0, 0), (1, 0, 1, 7))


def test_an_answer_without_token_counts_makes_the_sum_unknown(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [chat_row("a", "positive"), chat_row("b", "negative")], "label", ())

    def reply(row: int) -> Answer:
        return answer(bench.task.ids.id_of(row), "positive", prompt_tokens=None if row else 10)

    score = bench.report({"m": reply}).models[0]
    assert (score.prompt_tokens, score.completion_tokens, score.cost) == (None, None, None)
    assert score.cost_note == "the platform did not count the tokens of every answer"


def test_the_csv_has_every_answer_in_the_order_of_the_rows(tmp_path: Path) -> None:
    rows = [chat_row('say "a",\nplease', "a, b"), chat_row("=1+1", "c")]
    bench = Bench(tmp_path, rows, "one_of", ())
    report = bench.report(
        {
            "m": lambda row: answer(bench.task.ids.id_of(row), "b"),
            "n": lambda row: None if row else answer(bench.task.ids.id_of(row), None, ok=False, error="lost"),
        }
    )
    with (bench.task.folder / report.files["answers"]).open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [(line["row"], line["model"], line["outcome"], line["correct"]) for line in table] == [
        ("0", "m", "right", "1"),
        ("0", "n", "failed", "0"),
        ("1", "m", "wrong", "0"),
        ("1", "n", "missing", "0"),
    ]
    assert table[0]["prompt"] == 'say "a",\nplease'
    assert (table[0]["expected"], table[0]["answer"], table[0]["predicted"]) == ("a | b", "b", "b")
    assert table[1]["error"] == "lost"
    assert not list(bench.task.folder.glob(".*"))


def test_an_answers_line_holds_what_is_needed_and_no_more(tmp_path: Path) -> None:
    write_answers(tmp_path / "a.jsonl", [answer("row-000000-00000000", "yes")])
    assert json.loads((tmp_path / "a.jsonl").read_text()) == {
        "custom_id": "row-000000-00000000",
        "ok": True,
        "text": "yes",
        "finish_reason": "stop",
        "prompt_tokens": 10,
        "completion_tokens": 2,
    }

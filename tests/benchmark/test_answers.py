"""Reading answers of every form, what each counts as, and the tables of all of them."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from bench_parts import LABELS, Bench, answer, chat_row, line_of

from ftkit.benchmarking.answers import AnswerFile, AnswerLine, parse_answer
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


def written(path: Path, lines: Sequence[Any]) -> Path:
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return path


def read(path: Path, ids: RowIds, rows: int) -> list[AnswerLine]:
    with AnswerFile(path, ids) as file:
        return [file.next_answer() for _ in range(rows)]


def test_answers_are_read_in_the_order_of_the_rows(tmp_path: Path, ids: RowIds) -> None:
    names = [ids.id_of(row) for row in range(20)]
    path = written(tmp_path / "a.jsonl", [line_of(n, answer(n, f"reply {i}")) for i, n in enumerate(names)])
    assert [a.text for a in read(path, ids, 20)] == [f"reply {row}" for row in range(20)]
    with AnswerFile(path, ids) as file:
        file.skip()
        file.skip()
        assert file.next_answer().text == "reply 2"


def test_an_answer_to_something_else_is_named(tmp_path: Path, ids: RowIds) -> None:
    lines = [line_of(ids.id_of(row), answer("")) for row in (0, 2)]
    path = written(tmp_path / "a.jsonl", lines)
    with pytest.raises(DataError, match="no answer to this row") as caught:
        read(path, ids, 2)
    assert str(caught.value.where) == f"{path}:2"
    with pytest.raises(DataError, match="no answer to this row"):
        read(written(tmp_path / "b.jsonl", lines[:1]), ids, 2)
    with pytest.raises(StorageError):
        AnswerFile(tmp_path / "none.jsonl", ids)
    (tmp_path / "c.jsonl").write_text('{"custom_id": 5\n')
    with pytest.raises(DataError, match="no line of answers"):
        read(tmp_path / "c.jsonl", ids, 1)


def test_texts_of_any_kind_survive_the_file(tmp_path: Path, ids: RowIds) -> None:
    texts = ["", "line\nbreak\r\n", "\u2028 \x85 \x00", "Höhe 好 😀", '"quoted" \\ back', "half \ud83d"]
    path = tmp_path / "a.jsonl"
    written(path, [line_of(ids.id_of(i), answer("", text)) for i, text in enumerate(texts)])
    found = [a.text for a in read(path, ids, len(texts))]
    assert found == [*texts[:-1], "half \ufffd"]


YES = (True, "yes", None, False)
BODY = {"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}


@pytest.mark.parametrize(
    ("response", "error", "wanted"),
    [
        ({"status_code": 200, "body": BODY}, None, YES),
        (
            {"status_code": 200, "body": {**BODY, "usage": {"prompt_tokens": "7"}}},
            None,
            (True, "yes", None, False),
        ),
        ({"status_code": "200", "body": BODY}, None, YES),
        ({"body": BODY}, None, YES),
        ({"status_code": 200, "body": {"choices": []}}, None, (True, None, None, False)),
        ({"status_code": 500, "body": BODY}, None, (False, None, "answered 500", False)),
        ({"status_code": 200, "body": {"error": {"message": "no"}}}, None, (False, None, "no", False)),
        (None, {"code": "no_answer", "message": "lost"}, (False, None, "lost (no_answer)", True)),
        (None, {"message": "lost"}, (False, None, "lost", False)),
        (None, "lost", (False, None, "lost", False)),
        (None, None, (False, None, "no answer", False)),
    ],
)
def test_lines_of_every_form(response: Any, error: Any, wanted: tuple[object, ...]) -> None:
    line = json.dumps({"custom_id": "a", "response": response, "error": error}).encode()
    found = parse_answer(line, Path("x"), 1)
    assert (found.ok, found.text, found.error, found.missing) == wanted


def test_a_usual_line_is_read_as_the_longer_look_reads_it() -> None:
    message = {"role": "assistant", "content": "yes", "tool_calls": [{"id": "1"}]}
    body = {"choices": [{"message": message, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3}}
    line = {"custom_id": "a", "response": {"status_code": 200, "body": body}, "error": None}
    line |= {"cached": True, "answered_at": 17}
    odd = {**line, "response": {"status_code": 201, "body": body}}
    usual, slow = (parse_answer(json.dumps(one).encode(), Path("x"), 1) for one in (line, odd))
    assert usual == slow
    assert (usual.message, usual.cached, usual.answered_at) == (message, True, 17)
    assert (usual.prompt_tokens, usual.completion_tokens) == (3, None)


USAGE = {"prompt_tokens": 10, "completion_tokens": 2}


def _refusal(custom_id: str) -> Answer:
    raw = {
        "response": {
            "body": {"choices": [{"message": {"content": None, "refusal": "I won't."}}], "usage": USAGE}
        }
    }
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
    bench.write(asked, lambda row: next((a for a in answers if a.custom_id == name(row)), None))
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

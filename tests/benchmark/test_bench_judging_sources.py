"""Where answers to be judged come from: tables of any kind, chat files, batches, benchmarks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bench_parts import chat_row, write_rows

from ftkit.benchmarking.judging import AnswerSet, Columns, Given, open_answers
from ftkit.data import sha256_file
from ftkit.errors import DataError, UsageError
from ftkit.gateway import chat_request


def texts(answers: AnswerSet) -> list[tuple[str, dict[str, str | None]]]:
    return [(row.question, {m: g.text for m, g in row.answers.items()}) for row in answers.rows()]


def test_usual_columns_are_found(tmp_path: Path) -> None:
    table = tmp_path / "replies.csv"
    table.write_text("prompt,response\nWhy?,Because.\nHow?,\n")
    answers = open_answers(table)
    assert (answers.models, answers.name) == (("replies",), str(table))
    assert texts(answers) == [("Why?", {"replies": "Because."}), ("How?", {"replies": None})]


def test_a_chat_file_is_judged_by_its_final_answers(tmp_path: Path) -> None:
    rows = [chat_row("Profit rose", "positive"), chat_row("Loss", "negative")]
    answers = open_answers(write_rows(tmp_path / "train.jsonl", rows))
    assert texts(answers)[0] == ("system: Classify.\nuser: Profit rose", {"train": "positive"})


def test_objects_in_memory(tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame({"question": ["1+1?"], "answer": ["2"], "expected": ["2"]})
    for source in (frame, [{"question": "1+1?", "answer": "2", "expected": "2"}]):
        (row,) = open_answers(source).rows()
        assert list(row.answers.values()) == [Given("2", True)]


@pytest.mark.parametrize(
    ("metric", "answer", "right"),
    [("exact", "Drama", True), ("exact", "drama.", False), ("label", "drama.", True), ("label", "x", False)],
)
def test_a_metric_says_what_is_right(metric: str, answer: str, right: bool) -> None:
    rows = [{"question": "Genre?", "answer": answer, "expected": ["Drama", "Crime"]}]
    (row,) = open_answers(rows, metric=metric).rows()
    assert row.right == ("Drama", "Crime") and row.answers["answers"].right is right


def test_what_a_table_says_of_right_answers_counts(tmp_path: Path) -> None:
    lines = ["row,model,prompt,expected,answer,correct,outcome"]
    lines += [
        "0,m,Q0,A | B,B!,1,right",
        "0,n,Q0,A | B,C,0,wrong",
        "1,m,Q1,A,,0,empty",
        "1,n,Q1,A,A and,0,truncated",
    ]
    table = tmp_path / "answers.csv"
    table.write_text("\n".join(lines) + "\n")
    answers = open_answers(table)
    first, second = answers.rows()
    assert answers.models == ("m", "n")
    assert first.answers == {"m": Given("B!", True), "n": Given("C", False)} and first.right == ("A", "B")
    assert second.answers == {"m": Given(None, False), "n": Given(None, False)}
    (only,) = {tuple(row.answers) for row in answers.only(["n"]).rows()}
    assert only == ("n",)


@pytest.mark.parametrize(
    ("row", "columns", "said"),
    [
        ({"a": 1, "b": 2}, Columns(), "no column holds a question"),
        ({"question": "x"}, Columns(), "no column holds an answer"),
        ({"question": "x", "answer": "y"}, Columns(question="ask"), "no column 'ask'"),
        ({"question": "x", "answer": "y"}, Columns(answers=("b",)), "no column 'b'"),
    ],
)
def test_columns_that_are_not_there(row: dict[str, Any], columns: Columns, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        open_answers([row], columns=columns)
    assert "--question" in str(caught.value)


def test_rows_that_cannot_be_used(tmp_path: Path) -> None:
    rows = [{"question": "x", "answer": "y"}, {"question": " ", "answer": "y"}]
    with pytest.raises(DataError, match=r"rows\.jsonl:2: this row has no question"):
        open_answers(write_rows(tmp_path / "rows.jsonl", rows))
    twice = [{"row": 0, "question": "x", "answer": "y"}] * 2
    with pytest.raises(DataError, match="two answers"):
        list(open_answers(twice).rows())


def test_the_answers_of_a_batch_stand_beside_its_requests(tmp_path: Path) -> None:
    requests = [chat_request(f"r{n}", "m", [{"role": "user", "content": f"Q{n}"}]) for n in range(4)]

    def line(n: int, text: str, reason: str = "stop") -> dict[str, Any]:
        choice = {"message": {"role": "assistant", "content": text}, "finish_reason": reason}
        body = {"model": "m-2025", "choices": [choice]}
        return {"custom_id": f"r{n}", "response": {"status_code": 200, "body": body}, "error": None}

    failed = {"custom_id": "r3", "response": None, "error": {"code": "x", "message": "no"}}
    lines = [line(0, "A0"), line(1, "cut", "length"), line(2, " "), failed]
    asked = write_rows(tmp_path / "requests.jsonl", requests)
    answers = open_answers(write_rows(tmp_path / "answers.jsonl", lines), requests=asked)
    assert texts(answers) == [("Q0", {"m": "A0"}), *((f"Q{n}", {"m": None}) for n in (1, 2, 3))]
    assert all(given.right is None for row in answers.rows() for given in row.answers.values())
    with pytest.raises(DataError, match="does not stand at its place"):
        open_answers(write_rows(tmp_path / "odd.jsonl", lines[::-1]), requests=asked)


def benchmark_folder(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """What a benchmark leaves behind: the record, the table of answers, and the held-out file."""
    data = write_rows(folder / "test.jsonl", rows)
    out = folder / "out"
    out.mkdir()
    record = {"data": str(data), "data_sha256": sha256_file(data), "models": [{"model": "m"}]}
    (out / "report.json").write_text(json.dumps(record))
    table = ["row,model,prompt,expected,answer,predicted,correct,outcome,error"]
    table += [
        f"{n},m,{row['messages'][1]['content']},up,up,up,{int(n == 0)},right," for n, row in enumerate(rows)
    ]
    (out / "answers.csv").write_text("\n".join(table) + "\n")
    return out


def test_a_benchmark_is_judged_with_its_whole_conversations(tmp_path: Path) -> None:
    out = benchmark_folder(tmp_path, [chat_row("Profit rose", "up"), chat_row("Loss", "down")])
    answers = open_answers(out)
    assert answers.models == ("m",) and answers.notes == ()
    assert [row.question for row in answers.rows()] == [
        "system: Classify.\nuser: Profit rose",
        "system: Classify.\nuser: Loss",
    ]
    assert [row.answers["m"] for row in answers.rows()] == [Given("up", True), Given("up", False)]
    assert texts(open_answers(out / "report.json")) == texts(answers)


def test_a_benchmark_whose_file_has_changed_shows_what_it_has(tmp_path: Path) -> None:
    out = benchmark_folder(tmp_path, [chat_row("Profit rose", "up")])
    write_rows(tmp_path / "test.jsonl", [chat_row("Something else", "up")])
    answers = open_answers(out)
    assert texts(answers) == [("Profit rose", {"m": "up"})]
    assert "not as it was" in answers.notes[0]


def test_a_folder_that_is_no_benchmark(tmp_path: Path) -> None:
    out = benchmark_folder(tmp_path, [chat_row("Profit rose", "up")])
    (out / "answers.csv").unlink()
    with pytest.raises(DataError, match="answers are not there"):
        open_answers(out)
    (out / "report.json").write_text("[]")
    with pytest.raises(DataError, match="no benchmark's record"):
        open_answers(out)


def test_answers_of_several_models_without_numbers_stand_together_by_their_question() -> None:
    lines = [("m", "Q0", "a"), ("n", "Q0", "b"), ("m", "Q1", "c"), ("n", "Q2", "d"), ("n", "Q2", "e")]
    rows = [{"model": model, "question": question, "answer": text} for model, question, text in lines]
    answers = open_answers(rows)
    assert [
        (row.row, row.question, {m: g.text for m, g in row.answers.items()}) for row in answers.rows()
    ] == [
        (0, "Q0", {"m": "a", "n": "b"}),
        (1, "Q1", {"m": "c"}),
        (2, "Q2", {"n": "d"}),
        (3, "Q2", {"n": "e"}),  # a second answer to the same question is another row
    ]
    assert [tuple(row.answers) for row in answers.only(["m"]).rows()] == [("m",), ("m",), (), ()]


def test_columns_of_answers_leave_a_column_called_model_alone() -> None:
    rows = [{"model": "x", "question": "same", "a": "1", "b": "2"}] * 2
    answers = open_answers(rows, columns=Columns(answers=("a", "b")))
    assert answers.models == ("a", "b") and [row.row for row in answers.rows()] == [0, 1]


def test_the_same_answers_have_the_same_fingerprint_and_others_another() -> None:
    rows = [{"question": "q", "answer": "a", "expected": "a"}]
    first, same = open_answers(rows), open_answers([dict(row) for row in rows])
    assert first.sha256 == same.sha256
    for name in ("question", "answer", "expected"):
        assert open_answers([{**rows[0], name: "other"}]).sha256 != first.sha256


def test_content_in_parts_is_read(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "What is "}, {"type": "text", "text": "it?"}]
    messages = [{"role": "user", "content": parts}, {"role": "assistant", "content": [parts[1]]}]
    answers = open_answers(write_rows(tmp_path / "chat.jsonl", [{"messages": messages}]))
    assert texts(answers) == [("What is \nit?", {"chat": "it?"})]


def test_packed_and_columnar_tables(tmp_path: Path) -> None:
    import gzip

    import pandas as pd

    frame = pd.DataFrame({"prompt": ["Why?"], "output": ["Because."], "model": ["m"]})
    frame.to_parquet(tmp_path / "replies.parquet")
    with gzip.open(tmp_path / "replies.csv.gz", "wt") as file:
        frame.to_csv(file, index=False)
    for name in ("replies.parquet", "replies.csv.gz"):
        assert texts(open_answers(tmp_path / name)) == [("Why?", {"m": "Because."})]


def test_an_iterator_gives_its_rows_once_and_that_is_said() -> None:
    with pytest.raises(UsageError, match="only once"):
        list(open_answers(iter([{"question": "q", "answer": "a"}])).rows())

"""Training data for judges: exactly what a judge would be asked, with the verdict that the truth gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bench_parts import write_rows

from ftkit.benchmarking import judge_examples
from ftkit.benchmarking.judging import Columns, Rubric
from ftkit.benchmarking.judging.prompts import judge_messages
from ftkit.errors import UsageError

ROWS = [
    {"question": "1+1?", "answer": "2", "expected": "2"},
    {"question": "1+2?", "answer": "4", "expected": "3"},
    {"question": "1+3?", "answer": "", "expected": "4"},
    {"question": "Why?", "answer": "So.", "expected": ""},
]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_answer_that_is_known_to_be_right_or_wrong(tmp_path: Path) -> None:
    made = judge_examples(ROWS, tmp_path / "judge.jsonl", rubric="Be exact.")
    assert (made.rows, made.verdicts) == (2, {'{"verdict": "correct"}': 1, '{"verdict": "incorrect"}': 1})
    first, second = lines(made.out)
    rubric = Rubric(criteria="Be exact.", reasons=False)
    assert first["messages"][:2] == judge_messages(rubric, "1+1?", ["2"], ["2"])
    assert first["messages"][2] == {"role": "assistant", "content": '{"verdict": "correct"}'}
    assert second["messages"][2]["content"] == '{"verdict": "incorrect"}'
    assert "right_answer" not in str(first)


def test_the_right_answer_may_be_shown(tmp_path: Path) -> None:
    made = judge_examples(ROWS, tmp_path / "judge.jsonl", reference=True)
    assert all("<right_answer>" in row["messages"][1]["content"] for row in lines(made.out))


def test_pairs_are_written_in_both_orders(tmp_path: Path) -> None:
    rows = [
        {"question": "1+1?", "a": "2", "b": "3", "expected": "2"},
        {"question": "1+2?", "a": "4", "b": "3", "expected": "3"},
        {"question": "both right", "a": "x", "b": "x", "expected": "x"},
        {"question": "both wrong", "a": "y", "b": "z", "expected": "x"},
        {"question": "one missing", "a": "x", "b": None, "expected": "x"},
    ]
    made = judge_examples(
        rows, tmp_path / "judge.jsonl", pairwise=True, columns=Columns("question", ("a", "b"))
    )
    assert made.verdicts == {'{"better": "first"}': 2, '{"better": "second"}': 2}
    shown = [row["messages"][1]["content"] for row in lines(made.out)]
    assert shown[0].index("<first_answer>\n2") < shown[0].index("<second_answer>\n3")
    assert "<first_answer>\n3" in shown[1] and "<second_answer>\n2" in shown[1]
    swapped = judge_examples(
        rows, tmp_path / "other.jsonl", pairwise=("b", "a"), columns=Columns("question", ("a", "b"))
    )
    assert swapped.rows == made.rows


def test_one_model_s_answers_alone(tmp_path: Path) -> None:
    rows = [{"question": "q", "a": "x", "b": "y", "expected": "x"}]
    columns = Columns("question", ("a", "b"))
    made = judge_examples(rows, tmp_path / "judge.jsonl", models=["b"], columns=columns)
    assert made.verdicts == {'{"verdict": "incorrect"}': 1}


def test_a_metric_says_what_is_right(tmp_path: Path) -> None:
    rows = [{"question": "Genre?", "answer": "It is drama.", "expected": "Drama"}]
    out = tmp_path / "judge.jsonl"
    assert judge_examples(rows, out, metric="exact").verdicts == {'{"verdict": "incorrect"}': 1}
    assert judge_examples(rows, out, metric="contains").verdicts == {'{"verdict": "correct"}': 1}


def test_without_truth_there_is_no_file(tmp_path: Path) -> None:
    out = tmp_path / "judge.jsonl"
    with pytest.raises(UsageError, match="nothing says which"):
        judge_examples([{"question": "Why?", "answer": "So."}], out)
    with pytest.raises(UsageError, match="gives no scores"):
        judge_examples(ROWS, out, rubric=Rubric(scale=5))
    assert not out.exists()


def test_they_pass_the_project_s_own_validation(tmp_path: Path) -> None:
    from ftkit.validation import validate

    rows = [{"question": f"{n}+1?", "answer": str(n + 1 + n % 2), "expected": str(n + 1)} for n in range(20)]
    made = judge_examples(write_rows(tmp_path / "sums.jsonl", rows), tmp_path / "judge.jsonl")
    report = validate(made.out)
    assert report.ok and report.rows == 20, report.findings

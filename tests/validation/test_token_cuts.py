"""What is lost of a row that is too long: the message, the character, the answer; and models that end."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from ftkit.settings import Settings
from ftkit.validation import Finding, ValidateOptions, ValidationReport, validate

WORDS = {"provider": "local", "tokenizer": "words", "chat_template": "words"}


def said(role: str, words: int) -> dict[str, str]:
    return {"role": role, "content": " ".join(["word"] * words)}


def check(row: Any, limit: int, tmp_path: Path, **limits: int) -> ValidationReport:
    chosen = Settings(models={"m": {**WORDS, "limits": limits or {"training_context": limit}}})
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps(row) + "\n")
    return validate(
        path, models=["m"], settings=chosen, options=ValidateOptions(ignore=("FT112", "FT5", "FT2"))
    )


def finding(row: Any, limit: int, tmp_path: Path) -> Finding:
    return next(f for f in check(row, limit, tmp_path).findings if f.code == "FT301")


CHAT = {
    "messages": [
        said("system", 2),
        said("user", 10),
        said("assistant", 4),
        said("user", 1),
        said("assistant", 6),
    ]
}


@pytest.mark.parametrize(
    ("limit", "words", "pointer"),
    [
        (1, "in message 0 (system) after about 4 of its 9 characters, and the answer is lost", "/messages/0"),
        (7, "in message 1 (user) after about 24 of its 49 characters, and the answer is lost", "/messages/1"),
        (17, "in message 4 (assistant)", "/messages/4"),
        (
            20,
            "in message 4 (assistant) after about 14 of its 29 characters, within the answer",
            "/messages/4",
        ),
        (
            22,
            "in message 4 (assistant) after about 24 of its 29 characters, within the answer",
            "/messages/4",
        ),
    ],
)
def test_the_place_of_the_cut_and_the_fate_of_the_answer(
    limit: int, words: str, pointer: str, tmp_path: Path
) -> None:
    found = finding(CHAT, limit, tmp_path)
    assert found.message.startswith(f"23 tokens, {23 - limit} over the training context of m ({limit})")
    assert f": it would be cut {words}" in found.message
    assert found.pointer == pointer and found.column is not None


def test_a_row_that_fits_is_cut_nowhere(tmp_path: Path) -> None:
    assert check(CHAT, 23, tmp_path).counts == {}


def test_what_follows_the_last_answer_may_go(tmp_path: Path) -> None:
    row = {"messages": [said("user", 2), said("assistant", 3), said("user", 9)]}
    assert "in message 2 (user)" in finding(row, 8, tmp_path).message
    assert "after the last answer" in finding(row, 8, tmp_path).message


def test_a_preference_row_is_as_long_as_its_longer_output(tmp_path: Path) -> None:
    row = {
        "input": {"messages": [said("user", 5)]},
        "preferred_output": [said("assistant", 2)],
        "non_preferred_output": [said("assistant", 7)],
    }
    assert check(row, 12, tmp_path).counts == {}
    found = finding(row, 9, tmp_path)
    assert found.message.startswith("12 tokens, 3 over") and "within the answer" in found.message
    assert found.pointer == "/non_preferred_output/0"
    found = finding(row, 3, tmp_path)
    assert found.pointer == "/input/messages/0" and "the answer is lost" in found.message


@pytest.mark.parametrize(
    ("limit", "words", "pointer"),
    [
        (2, "in the prompt, after about 9 of its 15 characters, and the completion is lost", "/prompt"),
        (4, "in the completion, after about 4 of its 10 characters", "/completion"),
    ],
)
def test_a_completion_row_is_one_text(limit: int, words: str, pointer: str, tmp_path: Path) -> None:
    found = finding({"prompt": "word word word ", "completion": "word words"[:10]}, limit, tmp_path)
    assert words in found.message and found.pointer == pointer


def test_a_prompt_for_graders_has_no_answer_to_lose(tmp_path: Path) -> None:
    row = {"messages": [said("user", 8)], "reference_answer": "word"}
    found = finding(row, 4, tmp_path)
    assert "and what follows is lost" in found.message and "answer" not in found.message


def test_the_inference_context_is_held_against_where_no_other_is_known(tmp_path: Path) -> None:
    report = check(CHAT, 0, tmp_path, inference_context=20)
    assert [(f.code, f.severity) for f in report.findings] == [("FT302", "warning")]
    assert "over the context of m (20): it would be cut in message 4" in report.findings[0].message
    assert report.ok


def run(rows: list[Any], models: dict[str, Any], limits: dict[str, Any], **options: Any) -> ValidationReport:
    entries = {name: {**WORDS, "provider": "p", **fields} for name, fields in models.items()}
    chosen = Settings(platform="p", models=entries, providers={"p": {"limits": limits}})
    given = {"ignore": ("FT112", "FT5"), **options}
    return validate(rows, models=list(models), settings=chosen, options=ValidateOptions(**given))


SHORT = {"messages": [said("user", 2), said("assistant", 1)]}


@pytest.mark.parametrize(
    ("tunable", "method", "severities"),
    [
        (["sft"], None, []),
        (["sft", "dpo"], "sft", []),
        (["dpo"], None, ["warning"]),
        (["dpo", "rft"], "sft", ["error"]),
        ([], "sft", []),
    ],
)
def test_models_that_are_not_tunable_by_this_method(
    tunable: list[str], method: Any, severities: list[str]
) -> None:
    report = run([SHORT], {"m": {"tunable": tunable}}, {}, method=method)
    assert [f.severity for f in report.findings if f.code == "FT303"] == severities
    assert report.ok == ("error" not in severities)


def day(offset: int) -> str:
    return str(date.today() + timedelta(days=offset))


@pytest.mark.parametrize(
    ("shutdown", "severity", "words"),
    [
        ({}, None, ""),
        ({"on": day(500)}, None, ""),
        ({"on": day(-1)}, "warning", "m was shut down on"),
        ({"on": day(0)}, "warning", "m was shut down on"),
        ({"on": day(9), "no_new_jobs_after": day(-1)}, "warning", "m takes no new tuning jobs since"),
        ({"on": day(20)}, "info", "m will be shut down on"),
        ({"on": day(400), "no_new_jobs_after": day(5)}, "info", "m will be closed to new tuning jobs after"),
    ],
)
def test_models_that_end(shutdown: dict[str, str], severity: str | None, words: str) -> None:
    found = [f for f in run([SHORT], {"m": {"shutdown": shutdown}}, {}).findings if f.code == "FT304"]
    assert [f.severity for f in found] == ([severity] if severity else [])
    assert all(f.message.startswith(words) for f in found)


def test_the_tokens_of_the_file_are_held_against_what_a_job_may_read() -> None:
    rows, models = [SHORT] * 4, {"a": {}, "b": {}}
    assert run(rows, models, {"max_training_tokens": 12}).counts == {}
    report = run(rows, models, {"max_training_tokens": 11})
    assert [f.message for f in report.findings] == [
        f"12 tokens for {name}; p takes 11 in a job, over all epochs" for name in "ab"
    ]

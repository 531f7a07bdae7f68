"""Replies that should be one of a few labels: which are refused, what is guessed, and what is counted."""

from __future__ import annotations

from typing import Any

import pytest

from ftkit.data import ExampleTemplate
from ftkit.settings import Settings
from ftkit.validation import ValidateOptions, ValidationReport, validate

LOCAL = Settings(platform="local")
U = {"role": "user", "content": "Is it good?"}


def reply(text: Any) -> dict[str, Any]:
    return {"messages": [U, {"role": "assistant", "content": text}]}


def check(rows: list[Any], *labels: str, **options: Any) -> ValidationReport:
    chosen = ValidateOptions(labels=labels, ignore=("FT112", "FT5"), **options)
    return validate(rows, settings=LOCAL, options=chosen)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("Good", "Write 'good'."),
        (" good", "Write 'good'."),
        ("good.", "Write 'good'."),
        ("'good'!", "Write 'good'."),
        ("GOOD\n", "Write 'good'."),
        ("godo", "Write 'good'."),
        ("STRASSE", "Write 'Straße'."),
        ("neither", "Labels are: good, bad, Straße."),
        ([{"type": "text", "text": "Good"}], "Write 'good'."),
    ],
)
def test_a_reply_that_is_nearly_a_label_is_refused_with_the_label(text: Any, hint: str) -> None:
    report = check([reply("good"), reply("bad"), reply("Straße"), reply(text)], "good", "bad", "Straße")
    assert [(f.code, f.line, f.pointer, f.hint) for f in report.findings] == [
        ("FT401", 4, "/messages/1/content", hint)
    ]


def test_a_reply_in_parts_is_read_as_one() -> None:
    parts = [{"type": "text", "text": "go"}, {"type": "text", "text": "od"}]
    assert check([reply(parts)], "good").ok


def test_only_the_last_reply_has_to_be_a_label() -> None:
    first = {"role": "assistant", "content": "Let me think."}
    talk = {"messages": [U, first, U, {"role": "assistant", "content": "good"}]}
    assert check([talk], "good").ok


def test_a_row_without_a_reply_is_not_called_a_wrong_label() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    calling = {"messages": [U, {"role": "assistant", "content": None, "tool_calls": [call]}]}
    unanswered = {"messages": [{"role": "assistant", "content": "good"}, U]}
    report = check([calling, unanswered], "good")
    assert set(report.counts) == {"FT214", "FT402"}


def test_many_labels_are_not_all_listed() -> None:
    labels = [f"label {n:03}" for n in range(200)]
    report = check([*map(reply, labels), reply("#")], *labels)
    hint = str(report.findings[0].hint)
    assert hint.startswith("Labels are: label 000, ") and hint.endswith("label 019.")


def test_a_long_reply_is_cut_where_it_is_named() -> None:
    report = check([reply("x" * 500), reply("good")], "good")
    assert report.findings[0].message == f"the reply '{'x' * 40}' is not one of the labels"


def test_a_label_only_of_rejected_rows_is_missing() -> None:
    rejected = {"messages": [{**U, "content": ""}, {"role": "assistant", "content": "bad"}]}
    report = check([reply("good"), rejected], "good", "bad")
    assert [f.message for f in report.findings if f.code == "FT402"] == [
        "no row has the label 'bad' as its reply"
    ]


def test_missing_labels_are_no_matter_where_no_row_is_sound() -> None:
    assert "FT402" not in check([{"messages": []}], "good", "bad").counts


def test_labels_of_a_table_are_checked_through_its_template() -> None:
    rows = [{"text": f"t{n}", "label": label} for n, label in enumerate(["good", "bad", "goood"])]
    template = ExampleTemplate(user="{text}", assistant="{label}")
    report = check(rows, "good", "bad", template=template)
    assert [(f.code, f.line, f.column, f.hint) for f in report.findings] == [
        ("FT401", 3, None, "Write 'good'.")
    ]
    assert report.labels == {"bad": 1, "good": 1}


def test_labels_with_odd_characters_are_compared_as_they_are() -> None:
    labels = ("a, b", "naïve", "日本", "🙂", "{x}", "")
    rows = [reply(label) for label in labels[:-1]]
    assert check(rows, *labels[:-1]).ok
    assert check([reply("nai\u0308ve")], *labels).counts["FT401"] == 1


def test_an_empty_choice_of_labels_allows_none() -> None:
    assert check([reply("good")]).counts == {"FT401": 1}

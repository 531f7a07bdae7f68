"""Verdicts: their schema, and what is read from the replies of judges that keep to it or do not."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest

from ftkit.benchmarking.judging.forms import (
    Verdict,
    form_words,
    read_verdict,
    response_format,
    schema_of,
    word_of,
    written,
)
from ftkit.benchmarking.judging.rubric import Rubric

CORRECT, SCORE, PAIR = Rubric(), Rubric(scale=10), Rubric(kind="pair")


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ('{"reason": "It fits.", "verdict": "correct"}', Verdict(1, "It fits.")),
        ('{"verdict": "incorrect", "reason": "No."}', Verdict(0, "No.")),
        ('```json\n{"reason": "a", "verdict": "Correct"}\n```', Verdict(1, "a")),
        ('My verdict: {"reason": "x {y}", "verdict": "incorrect"} as said.', Verdict(0, "x {y}")),
        ('<think>{"verdict": "incorrect"} or not?</think>{"verdict": "correct"}', Verdict(1)),
        ('{"reason": "two\nlines", "verdict": "correct"}', Verdict(1, "two\nlines")),
        ('{"verdict": true}', Verdict(1)),
        ('{"verdict": 0}', Verdict(0)),
        ('{"verdict": "correct", "reason": 7}', Verdict(1)),
        ('{"a": 1} {"verdict": "correct"} {"verdict": "correct"}', Verdict(1)),
        ("**Correct.**", Verdict(1)),
        ("incorrect", Verdict(0)),
        (" No! ", Verdict(0)),
        ('{not json} {\'verdict\'} {"verdict": "correct"}', Verdict(1)),
    ],
)
def test_replies_of_judges_of_right_and_wrong(reply: str, verdict: Verdict) -> None:
    assert read_verdict(reply, CORRECT) == verdict


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ("", "empty"),
        ("<think>correct</think>", "empty"),
        ("The answer is correct, or is it incorrect?", "no JSON object"),
        ('{"verdict": "perhaps"}', "not allowed"),
        ('{"verdict": ["correct"]}', "not allowed"),
        ('{"verdict": null}', "not allowed"),
        ('{"verdict": "correct"} {"verdict": "incorrect"}', "several"),
        ('{"score": 7}', 'no JSON object with "verdict"'),
        ('{"verdict": "correct"', "no JSON object"),
        ("{" * 5000, "no JSON object"),
        ("[" * 100_000 + '{"a":', "no JSON object"),
    ],
)
def test_replies_without_a_verdict_say_what_is_wrong(reply: str, problem: str) -> None:
    found = read_verdict(reply, CORRECT)
    assert isinstance(found, str) and problem in found


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ('{"score": 7}', 7),
        ('{"score": 7.0}', 7),
        ('{"score": "7/10"}', 7),
        ('{"score": "10 out of 10"}', 10),
        ('{"reason": "none", "score": 0}', 0),
        ("8", 8),
        ("8/10.", 8),
        ('{"score": 11}', None),
        ('{"score": -1}', None),
        ('{"score": 7.5}', None),
        ('{"score": "7/5"}', None),
        ('{"score": true}', None),
        ('{"score": NaN}', None),
        ("I give it 8 of 10, or 9", None),
    ],
)
def test_scores_are_whole_numbers_of_the_scale(reply: str, value: int | None) -> None:
    found = read_verdict(reply, SCORE)
    assert (found.value if isinstance(found, Verdict) else None) == value


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ('{"better": "first"}', 1),
        ('{"better": "Second"}', 2),
        ('{"better": "tie"}', 0),
        ('{"better": 2}', 2),
        ("tie", 0),
        ("answer 2", 2),
        ('{"better": "both"}', None),
    ],
)
def test_choices_between_two(reply: str, value: int | None) -> None:
    found = read_verdict(reply, PAIR)
    assert (found.value if isinstance(found, Verdict) else None) == value


@pytest.mark.parametrize("rubric", [CORRECT, SCORE, PAIR, Rubric(reasons=False), Rubric(scale=3)])
def test_what_is_written_fits_the_schema_and_is_read_again(rubric: Rubric) -> None:
    schema = schema_of(rubric)
    values = range((rubric.scale or (2 if rubric.kind == "pair" else 1)) + 1)
    for value in values:
        text = written(rubric, value, "so")
        jsonschema_rs.validate(schema, json.loads(text))
        assert read_verdict(text, rubric) == Verdict(value, "so" if rubric.reasons else "")
        assert word_of(rubric, value) in text
    wrong = {**json.loads(written(rubric, 0, "so")), "more": 1}
    assert not jsonschema_rs.is_valid(schema, wrong)


def test_the_reason_is_asked_for_before_the_verdict() -> None:
    assert list(schema_of(CORRECT)["properties"]) == ["reason", "verdict"]
    assert form_words(CORRECT).index("reason") < form_words(CORRECT).index("verdict")
    assert "reason" not in form_words(Rubric(reasons=False))


def test_the_form_is_strict_and_says_every_member_is_required() -> None:
    form = response_format(SCORE)["json_schema"]
    assert form["strict"] is True and form["schema"]["required"] == ["reason", "score"]
    assert form["schema"]["additionalProperties"] is False
    assert form["schema"]["properties"]["score"]["enum"] == list(range(11))

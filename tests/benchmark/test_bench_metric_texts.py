"""Metrics of plain texts: contains and regex, with their options."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftkit.benchmarking import find_metric
from ftkit.benchmarking.metrics import Score, contains, regex
from ftkit.errors import UsageError


@pytest.mark.parametrize(
    ("answer", "expected", "right"),
    [
        ("The capital is Paris.", ["paris"], True),
        ("The capital\n  is **Paris**", ["Capital is"], True),
        ("Comparison", ["Paris"], False),
        ("art", ["part"], False),
        ("London or Rome", ["Paris", "Rome"], True),
        ("C++ and Rust", ["c++"], True),
        ("ＰＡＲＩＳ", ["paris"], True),
    ],
)
def test_a_right_answer_may_stand_anywhere_as_whole_words(
    answer: str, expected: list[str], right: bool
) -> None:
    assert contains.score(answer, expected, ()) == Score(right, float(right))


def test_every_right_answer_is_wanted_and_their_share_is_the_value() -> None:
    every = find_metric("contains", every=True)
    assert every.score("red and blue", ["red", "blue"], ()) == Score(True, 1.0)
    assert every.score("red only", ["red", "blue", "green", "grey"], ()) == Score(False, 0.25)


def test_case_and_parts_of_words_as_wished() -> None:
    assert not find_metric("contains", case=True).score("paris", ["Paris"], ()).correct
    assert find_metric("contains", case=True).score("in  Paris", ["in Paris"], ()).correct
    assert find_metric("contains", words="false").score("Comparison", ["paris"], ()).correct


@given(st.text(), st.text(min_size=1).filter(str.strip), st.text())
def test_a_text_between_spaces_is_always_contained(before: str, right: str, after: str) -> None:
    metric = find_metric(contains, words=False, case=True)
    assert metric.score(f"{before} {right} {after}", [right], ()).correct


def test_the_row_has_the_pattern() -> None:
    assert regex.score("Order 4711 is on its way", [r"order \d+", r"Order \d{4}"], ()).correct
    assert not regex.score("order 4711", [r"Order \d{4}"], ()).correct
    assert find_metric("regex", ignore_case=True).score("order 4711", [r"Order \d{4}"], ()).correct
    whole = find_metric("regex", whole=True)
    assert whole.score(" 4711\n", [r"\d{4}"], ()).correct
    assert not whole.score("no. 4711", [r"\d{4}"], ()).correct


def test_a_row_without_a_good_pattern_is_refused_when_it_is_read() -> None:
    assert regex.right_answers(" a+ ") == ("a+",)
    with pytest.raises(ValueError, match=r"'\(' is no regular expression"):
        regex.right_answers("(")
    assert find_metric("regex", pattern=r"\((.*)\)").right_answers("(") == ("(",), "a text, not a pattern"


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        ("Think. Answer: Rome", Score(True, 1.0)),
        ("Answer: Paris\nNo. Answer:  Rome ", Score(True, 1.0)),
        ("Answer: Paris", Score(False, 0.0)),
        ("Rome", Score(False, 0.0, None, True)),
    ],
)
def test_one_pattern_takes_the_answer_out_of_every_reply(answer: str, score: Score) -> None:
    assert find_metric("regex", pattern=r"Answer:\s*(\w+)").score(answer, ["Rome"], ()) == score


def test_a_pattern_without_a_group_takes_what_it_matches() -> None:
    year = find_metric("regex", pattern=r"\d{4}")
    assert year.score("In 1999, no, 2001", ["2001"], ()).correct
    either = find_metric("regex", pattern=r"(?:A:(\w))|(?:B:(\w))")
    assert either.score("B:x", ["x"], ()).correct
    loose = find_metric("regex", pattern=r"is (\w+)", ignore_case=True, whole=True)
    assert loose.score("IS ROME", ["Rome"], ()).correct
    assert loose.score("it is Rome", ["Rome"], ()).invalid


def test_a_pattern_that_is_none_is_a_wrong_option() -> None:
    with pytest.raises(UsageError, match=r"'regex' cannot have these options: .* is no regular expression"):
        find_metric("regex", pattern="[")

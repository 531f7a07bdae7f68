"""The metric of keywords: how they are read, and the F1 of two sets against scikit-learn's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support
from sklearn.preprocessing import MultiLabelBinarizer

from ftkit.benchmarking import find_metric
from ftkit.benchmarking.metrics import Score, keywords
from ftkit.benchmarking.metrics.keyword_sets import keywords_of

WORDS = st.sets(st.sampled_from(["red", "green", "blue", "grey", "pink"]), min_size=1)


@pytest.mark.parametrize(
    "text",
    [
        "red, green wine",
        "Green Wine; RED",
        "- red\n- green  wine\n",
        "1. Red\n2) green wine.",
        '["red", "Green wine"]',
        "• red\n• green wine",
        "red, green wine, red,",
    ],
)
def test_keywords_however_they_are_listed(text: str) -> None:
    assert keywords_of(text) == {"red", "green wine"}


def test_a_list_that_is_no_json_is_a_text() -> None:
    assert keywords_of("[red, green]") == {"red", "green"}
    assert keywords_of('["red", ') == {"red"}
    assert keywords_of("2024, 7 dwarfs") == {"2024", "7 dwarfs"}
    assert keywords_of("a|b, c", "|") == {"a", "b, c"}


@settings(max_examples=50)
@given(WORDS, WORDS)
def test_f1_precision_and_recall_are_those_of_scikit_learn(found: set[str], right: set[str]) -> None:
    score = keywords.score(", ".join(found), [", ".join(right)], ())
    matrix = MultiLabelBinarizer(classes=["blue", "green", "grey", "pink", "red"]).fit([found])
    precision, recall, f1, _ = precision_recall_fscore_support(
        matrix.transform([right]), matrix.transform([found]), average="samples", zero_division=0
    )
    assert score.value == pytest.approx(f1)
    assert score.parts == pytest.approx({"precision": precision, "recall": recall})
    assert score.correct == (found == right)


def test_the_nearest_of_several_right_sets_counts() -> None:
    assert keywords.score("a, b", ["c, d, e", "a, b, c"], ()).value == pytest.approx(0.8)
    assert keywords.score("a, b", ["x"], ()) == Score(False, 0.0, parts={"precision": 0, "recall": 0})


def test_a_threshold_says_what_is_right() -> None:
    assert find_metric("keywords", threshold="0.8").score("a, b", ["a, b, c"], ()).correct
    assert not find_metric("keywords", threshold=0.81).score("a, b", ["a, b, c"], ()).correct


@pytest.mark.parametrize("answer", [",,", "- \n", "[]"])
def test_no_keyword_at_all_is_invalid(answer: str) -> None:
    assert keywords.score(answer, ["a"], ()).invalid


@pytest.mark.parametrize(
    ("given_", "right"),
    [
        ("a, b", ("a, b",)),
        (["a, with a comma", "b"], ('["a, with a comma", "b"]',)),
        ([["a"], ["b", "c"]], ('["a"]', '["b", "c"]')),
        (" ", ()),
    ],
)
def test_what_a_row_may_bring(given_: Any, right: tuple[str, ...]) -> None:
    assert keywords.right_given(given_) == right  # type: ignore[attr-defined]


@pytest.mark.parametrize("given_", [[], [[]], 7, [1], [["a"], "b"], {}])
def test_what_are_no_keywords(given_: Any) -> None:
    with pytest.raises(ValueError, match="list of keywords"):
        keywords.right_given(given_)  # type: ignore[attr-defined]


def test_a_listed_keyword_keeps_its_comma() -> None:
    (right,) = keywords.right_given(["a, with a comma", "b"])  # type: ignore[attr-defined]
    assert keywords.score('["A, with a comma", "b"]', [right], ()).correct

"""Allowed labels out of an instruction: what is found, and when it is believed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftkit.benchmarking.heldout import LabelCensus
from ftkit.benchmarking.metrics import labels_in, read_label
from ftkit.errors import Where

HERE = Where("test.jsonl", 1)
GENRES = "Action, Adventure, Comedy, Crime, Drama, Fantasy, Horror, Romance, Science Fiction"


def told(text: Any, role: str = "system") -> list[dict[str, Any]]:
    """A conversation with this instruction."""
    return [{"role": role, "content": text}, {"role": "user", "content": "Profit rose."}]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("Classify. Answer with one word: positive, negative or neutral.", "positive negative neutral"),
        ("Answer with exactly one of: good, bad.", "good bad"),
        ("Choose one of the following labels: good, bad, or ugly", "good bad ugly"),
        ("Pick one of good/bad/ugly.", "good bad ugly"),
        ("Labels: good | bad", "good bad"),
        ("The possible answers are: yes, no. Be brief.", "yes no"),
        ("Reply with 'yes' or 'no' and nothing else.", "yes no"),
        ("Classify the text as spam or ham", "spam ham"),
        ("Say whether it is true or false.", "true false"),
        ("Answer with one word: yes, no, please.", "yes no"),
        ('Respond with one of ["A", "B", "C"].', "A B C"),
        ("Choose a category:\n- sport\n- politics\n- science\nNo other words.", "sport politics science"),
        ("Categories:\n1. sport: games and players\n2) arts — plays and films\n", "sport arts"),
        ("Either positive or negative; nothing more.", "positive negative"),
    ],
)
def test_the_likeliest_list_is_the_one_that_is_meant(text: str, labels: str) -> None:
    assert labels_in(told(text))[0] == tuple(labels.split())


def test_labels_of_several_words() -> None:
    (found, *_) = labels_in(told(f"Name the genre. Answer with exactly one of: {GENRES}."))
    assert found == tuple(GENRES.split(", "))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Translate to French.",
        "Summarise the text in a sentence that a child of ten would understand without any help.",
        "You are a helpful assistant.",
        "One of: only",
        None,
        [{"type": "image_url", "image_url": {"url": "x"}}],
    ],
)
def test_no_list_where_none_is_told(text: Any) -> None:
    assert labels_in(told(text)) == ()


def test_the_first_message_stands_in_for_a_missing_instruction() -> None:
    asked = told("Is this good or bad? Answer with one of: good, bad\n\nProfit rose.", "user")
    assert labels_in(asked)[0] == ("good", "bad")
    parts = [{"type": "text", "text": "Answer with one of: good, bad"}]
    assert labels_in(told(parts, "developer"))[0] == ("good", "bad")
    assert labels_in([]) == ()


@given(st.text(max_size=300))
def test_any_instruction_can_be_read(text: str) -> None:
    for labels in labels_in(told(text)):
        assert len(labels) > 1
        assert all(read_label(label, labels) == label for label in labels)


def census(instruction: str, answers: list[str], given_: tuple[str, ...] = ()) -> LabelCensus:
    """The labels of rows that all have this instruction."""
    counted = LabelCensus(given_)
    for answer in answers:
        counted.add([answer], HERE, told(instruction))
    return counted


SENTIMENT = "Answer with one word: positive, negative or neutral."


def test_a_label_that_never_occurs_is_known_from_the_instruction() -> None:
    counted = census(SENTIMENT, ["negative", "Positive", "negative"])
    assert counted.labels == ("positive", "negative", "neutral")
    assert (counted.source, counted.majority) == ("instruction", ("negative", pytest.approx(2 / 3)))


def test_an_instruction_that_lacks_a_right_answer_is_not_believed() -> None:
    counted = census(SENTIMENT, ["negative", "mixed"])
    assert (counted.labels, counted.source) == (("mixed", "negative"), "rows")


def test_what_is_given_wins() -> None:
    counted = census(SENTIMENT, ["negative"], ("negative", "positive"))
    assert (counted.labels, counted.source) == (("negative", "positive"), "given")


def test_a_vaguer_list_does_not_beat_the_announced_one() -> None:
    text = "Sort mail as urgent, normal or junk. Answer with one letter: u, n or j."
    assert census(text, ["u", "n"]).labels == ("u", "n", "j")
    assert census(text, ["urgent"]).labels == ("urgent", "normal", "junk")

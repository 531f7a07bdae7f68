"""The untrained linear model: which labels it finds in a prompt, and which of them it gives."""

from __future__ import annotations

import time

import pytest

from ftkit.local.engines.base import ModelSpec
from ftkit.local.engines.linear import LinearEngine
from ftkit.local.engines.linear.labels import MAX_LABELS, named_labels
from ftkit.local.engines.linear.untrained import NO_LABELS

LINEAR = ModelSpec("linear", "linear")


@pytest.mark.parametrize(
    ("instructions", "labels"),
    [
        ("Say it as positive, negative or neutral. One word.", ["positive", "negative", "neutral"]),
        ("Reply with exactly one word: positive, negative, or neutral.", ["positive", "negative", "neutral"]),
        ("Answer with 'spam' or 'ham'.", ["spam", "ham"]),
        ('It is one of "yes", "no". Don\'t write more.', ["yes", "no"]),
        ("Use “gut” oder “schlecht”.", ["gut", "schlecht"]),
        ("Reply `true` or `false`.", ["true", "false"]),
        ("Pick one of: Action, Sci-Fi and Horror.", ["Action", "Sci-Fi", "Horror"]),
        ("Choose:\n- Action\n- Crime: bad\n* Romantic comedy\n", ["Action", "Crime", "Romantic comedy"]),
        ("Labels:\n1. low\n2. high", ["low", "high"]),
        ("What is it? Options: very good; good; bad", ["very good", "good", "bad"]),
        ("Is it true or false?", ["true", "false"]),
        ("Into one of these: action, romantic comedy, or drama.", ["action", "romantic comedy", "drama"]),
        ("You are a classifier and helper. Say positive or negative.", ["positive", "negative"]),
        ("Say hello to the world.", []),
        ("", []),
        ("Just 'one' quoted word.", []),
        ("positive, Positive or POSITIVE", []),
    ],
)  # fmt: skip
def test_labels_are_found(instructions: str, labels: list[str]) -> None:
    assert named_labels(instructions) == labels


def test_there_is_a_limit_to_labels() -> None:
    many = "One of: " + ", ".join(f"label{number}" for number in range(500))
    assert len(named_labels(many)) == MAX_LABELS


def test_long_instructions_are_read_quickly() -> None:
    begun = time.monotonic()
    for text in ("a, " * 50_000, "word " * 50_000, '"' * 100_000, "- x\n" * 30_000, "a or " * 40_000):
        named_labels(text)
    assert time.monotonic() - begun < 5


def respond(system: str, text: str) -> str:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    [first] = LinearEngine().base(LINEAR).respond([messages])
    [again] = LinearEngine().base(LINEAR).respond([messages])
    assert first == again
    return first


NAMED = "Is the subject sports, politics or weather?"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("a political debate", "politics"),
        ("SPORTS news", "sports"),
        ("the weatherman", "weather"),
        ("quux", "sports"),
        ("", "sports"),
    ],
)
def test_the_label_most_like_the_text_wins(text: str, label: str) -> None:
    assert respond(NAMED, text) == label


def test_labels_may_stand_in_the_message_itself() -> None:
    [answer] = LinearEngine().base(LINEAR).respond([[{"role": "user", "content": "Is snow hot or cold?"}]])
    assert answer == "hot"


def test_without_labels_it_says_so() -> None:
    assert respond("Be kind.", "Hello!") == NO_LABELS
    assert LinearEngine().base(LINEAR).respond([[], [{"role": "system", "content": NAMED}]]) == [
        NO_LABELS,
        "sports",
    ]

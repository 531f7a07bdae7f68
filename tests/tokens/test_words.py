"""The tokenizer without a vocabulary: what a word is, and that no character is lost."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftkit.tokens.words import WORD_PATTERN, WordTokenizer, count_words, split_words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  \n\t ", []),
        ("Profit rose.", ["Profit", "rose", "."]),
        ("EUR 1,250.5 mn in Q4", ["EUR", "1,250.5", "mn", "in", "Q4"]),
        ("don't 'quote'", ["don't", "'", "quote", "'"]),
        ("a_b __", ["a_b", "_", "_"]),
        ("up 3%, down.", ["up", "3", "%", ",", "down", "."]),
        ("Yhtiön liikevoitto nousi", ["Yhtiön", "liikevoitto", "nousi"]),
        ("好 😀😀", ["好", "😀", "😀"]),
        ("10mln", ["10", "mln"]),
    ],
)
def test_words_numbers_and_marks(text: str, expected: list[str]) -> None:
    assert split_words(text) == expected
    assert count_words(text) == len(expected)
    assert WordTokenizer().count(text) == len(expected)


@given(st.text())
def test_every_visible_character_belongs_to_one_token(text: str) -> None:
    tokens = split_words(text)
    assert "".join(tokens) == re.sub(r"\s", "", text)
    assert count_words(text) == len(tokens)


def test_the_pattern_has_no_group() -> None:
    assert re.compile(WORD_PATTERN).groups == 0

"""The regrouped pattern is built from the published ones and matches what they match."""

from __future__ import annotations

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from ftkit.tokens.pattern import alternatives, regrouped
from ftkit.tokens.vocabulary import SPECS

PATTERNS = sorted({spec.pattern for spec in SPECS.values()})


def test_alternatives_are_cut_outside_groups_and_classes() -> None:
    assert alternatives(r"a|(b|c)|[|]|\||(?i:'s|'t)?d|[[|]x]|\(|\[|e") == [
        *("a", "(b|c)", "[|]", r"\|", "(?i:'s|'t)?d", "[[|]x]", r"\(", r"\[", "e"),
    ]
    assert alternatives("") == [""]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_published_patterns_are_regrouped(pattern: str) -> None:
    ours = regrouped(pattern)
    first, *rest = alternatives(ours)
    assert rest == [r"\s+(?!\S)", r"\s"]
    assert "(?!" not in first
    assert first.endswith(r"|\s+$)")
    assert alternatives(first.removeprefix("(?:").removesuffix(")"))[:-1] == alternatives(pattern)[:-2]


@pytest.mark.parametrize(
    "pattern",
    [
        r"\w+",
        r"\s+(?!\S)|\s+",
        r"\w+|\s+",
        r"\w+(?=x)|\s+(?!\S)|\s+",
        r"(?<!x)\w|\s+(?!\S)|\s+",
        r"\w|\s+|\s+(?!\S)",
    ],
)
def test_a_pattern_of_another_form_stays(pattern: str) -> None:
    assert regrouped(pattern) == pattern


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=200, deadline=None)
@given(text=st.text(st.sampled_from(" \n\r\t\u00a0\u2003abAB1-'s/é好"), max_size=30))
def test_both_cut_a_text_in_the_same_places(pattern: str, text: str) -> None:
    """By another engine than tiktoken's: the package regex, which knows the same syntax."""
    theirs = regex.findall(pattern, text)
    assert regex.findall(regrouped(pattern).replace("$", r"\Z"), text) == theirs
    assert "".join(theirs) == text

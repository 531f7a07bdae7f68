"""What may be written for a model."""

from __future__ import annotations

import pytest

from ftkit.errors import UsageError
from ftkit.registry import CHAMPION, Reference, reference


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sentiment", Reference("sentiment", CHAMPION)),
        ("sentiment@champion", Reference("sentiment", "champion")),
        ("a.b_c-1@fall-back", Reference("a.b_c-1", "fall-back")),
        ("sentiment@3", Reference("sentiment", version=3)),
        ("7@12", Reference("7", version=12)),
    ],
)
def test_a_name_with_an_alias_or_a_version(text: str, expected: Reference) -> None:
    assert reference(text) == expected
    assert reference(str(expected)) == expected


@pytest.mark.parametrize(
    "text",
    ["", "@champion", "Sentiment", "a b", "a/b", "../a", ".a", "a@", "a@B", "a@b@c", "a@²", "ä", "x" * 65],
)
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(UsageError, match="cannot be"):
        reference(text)

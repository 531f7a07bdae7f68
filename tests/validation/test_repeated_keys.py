"""A key that stands twice is found however the line is written, and never where there is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftkit.settings import Settings
from ftkit.validation import Context, RowView, ValidateOptions, load_rules
from ftkit.validation.decode import decode_line

RULE = load_rules().get("duplicate-key")
LOCAL = Settings(platform="local")
CONTEXT = Context("data.jsonl", LOCAL.catalog.provider("local"), (), ValidateOptions())


def said_of(line: str) -> list[str]:
    value = decode_line(line.encode())
    assert isinstance(value, dict), value
    return [found.message for found in RULE.check(RowView(value, 1, line.encode(), CONTEXT))]


def repeated_in(line: str) -> list[str]:
    """The keys that stand twice in one object, in another way than the rule finds them."""
    twice: dict[str, None] = {}

    def look(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        twice.update(dict.fromkeys(name for place, name in enumerate(names) if name in names[:place]))
        return dict(pairs)

    json.loads(line, object_pairs_hook=look)
    return list(twice)


@pytest.mark.parametrize(
    "line",
    [
        '{"a" : 1, "b": 1, "b": 2}',  # a blank before one colon hides what another key adds
        '{"a"\t: 1, "b":1, "b":2}',
        '{"a"  \t : 1, "b": 2, "b": 3}',
        '{"k\\\\": 1, "b": 1, "b": 2}',  # a key that ends with a backslash
        '{"k\\\\\\"": 1, "b": 1, "b": 2}',
        '{"say": "\\":", "b": 1, "b": 2}',
        '{"say": "\\\\\\":", "b": 1, "b": 2}',
        '{"say": " : ", "b": 1, "b": 2}',
        '{"": 1, "": 2, "b": 1, "b": 2}',
        '{"a": {"b": 1, "b": 2}, "c": [[{"b": 1, "b": 2}]]}',
        '{"b": {"x": 1, "y": 2, "z": 3}, "b": 2}',  # the first value's keys go with it
    ],
)
def test_a_repeated_key_is_not_hidden_by_how_the_rest_is_written(line: str) -> None:
    keys = repeated_in(line)
    assert "b" in keys
    assert said_of(line) == [f"the key {key!r} stands twice in one object" for key in keys]


@pytest.mark.parametrize(
    "line",
    [
        '{"arguments": "{\\"a\\": 1, \\"a\\": 2}"}',
        '{"text": "a : b : c \\t: d"}',
        '{"a\\\\": 1, "a": 2, "a\\\\\\\\": 3}',
        '{"a": 1, "A": 2, "\\u00e4": 3, "a\\u0308": 4}',
        '[{"a": 1}, {"a": 2}]',
    ],
)
def test_what_only_looks_repeated_is_left_alone(line: str) -> None:
    value = '{"rows": ' + line + "}"
    assert repeated_in(value) == [] and said_of(value) == []


TEXTS = st.text('ab":\\ \t,{}', max_size=4)
BLANKS = st.sampled_from(["", "", " ", "\t", "  "])


@st.composite
def written(draw: st.DrawFn, depth: int = 2) -> str:
    """JSON text with any blanks, any texts, and keys that may repeat."""
    pairs = []
    for _ in range(draw(st.integers(0, 4))):
        kind = draw(st.integers(0, 3 if depth else 1))
        if kind == 3:
            value = draw(written(depth - 1))
        elif kind == 2:
            value = f"[{draw(written(depth - 1))},{draw(BLANKS)}{draw(written(depth - 1))}]"
        else:
            value = json.dumps(draw(TEXTS)) if kind else "1"
        key = json.dumps(draw(TEXTS))
        pairs.append(f"{draw(BLANKS)}{key}{draw(BLANKS)}:{draw(BLANKS)}{value}{draw(BLANKS)}")
    return "{" + ",".join(pairs) + "}"


@given(written())
@settings(max_examples=120, deadline=None)
def test_repeated_keys_are_found_exactly(line: str) -> None:
    assert said_of(line) == [f"the key {key!r} stands twice in one object" for key in repeated_in(line)]


def test_rows_that_were_no_text_have_no_repeated_keys() -> None:
    assert list(RULE.check(RowView({"a": 1}, 1, None, CONTEXT))) == []

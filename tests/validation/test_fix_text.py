"""Nearly right JSON: what is mended, what is refused, and that numbers and texts keep their spelling."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftkit.validation.fixing.mender import Mender, NotMendable

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
rows = st.dictionaries(st.text(), json_values, max_size=3)


def mend(*lines: str) -> tuple[list[str], set[str]]:
    mender = Mender()
    for number, line in enumerate(lines, 1):
        mender.feed(line, number)
    values = mender.finish()
    changes = {name for value in values for name in value.changes} | set(mender.loose)
    return [value.text for value in values], changes


@pytest.mark.parametrize(
    ("text", "mended", "changes"),
    [
        ('{"a": 1,}', ['{"a":1}'], {"trailing-comma-removed"}),
        ('{"a": [1, 2,],},', ['{"a":[1,2]}'], {"trailing-comma-removed"}),
        ('{"a": 1} // one', ['{"a":1}'], {"comment-removed"}),
        ('/* x */ {"a": /* "y" */ 1 # z', None, set()),
        ('{"a": "// no comment", "b": "#"}', ['{"a":"// no comment","b":"#"}'], set()),
        ('{"a": 1} {"b": 2}', ['{"a":1}', '{"b":2}'], set()),
        ('{"a": 1}, {"b": 2}', ['{"a":1}', '{"b":2}'], {"trailing-comma-removed"}),
        ("{'a': True, 'b': None}", ['{"a":true,"b":null}'], {"quotes-made-double", "python-word-replaced"}),
        ("""{'a': "it's", 'b': 'say "x"'}""", ['{"a":"it\'s","b":"say \\"x\\""}'], {"quotes-made-double"}),
        ("""{'a': "it's \\x41"}""", ['{"a":"it\'s A"}'], {"quotes-made-double"}),
        ('{"a": "x\ty"}', ['{"a":"x\\ty"}'], {"control-character-escaped"}),
        (
            '{"a": 1.50E+2, "b": -0.0, "c": 123456789012345678901}',
            ['{"a":1.50E+2,"b":-0.0,"c":123456789012345678901}'],
            set(),
        ),
        ('{"\\u00e9": "\\/é"}', ['{"\\u00e9":"\\/é"}'], set()),
        ("# a comment alone", [], {"comment-removed"}),
    ],
)
def test_what_is_mended(text: str, mended: list[str] | None, changes: set[str]) -> None:
    if mended is None:
        with pytest.raises(NotMendable):
            mend(text)
    else:
        assert mend(text) == (mended, changes)


@pytest.mark.parametrize(
    "text", ['{"a": NaN}', '{"a": -Infinity}', "{a: 1}", '{"a": undefined}', '{"a": “x”}']
)
def test_words_that_are_no_values_are_refused(text: str) -> None:
    with pytest.raises(NotMendable):
        mend(text)


@pytest.mark.parametrize(
    "text", ['{"a": 01}', '{"a": +1}', '{"a": .5}', '{"a": 1.}', "{'a': 1_000}", '{1: "a"}']
)
def test_numbers_of_other_languages_are_refused(text: str) -> None:
    with pytest.raises(NotMendable):
        mend(text)


@pytest.mark.parametrize(
    "text",
    [
        "{'a': b'x'}",
        "{'a': {1, 2}}",
        "{'a': (1, 2)}",
        "{'a': f'x'}",
        "['a' 'b']",
        "{'a': '\\/'}",
        "{'a': '\\ud83d'}",
    ],
)
def test_what_only_python_knows_is_refused(text: str) -> None:
    with pytest.raises(NotMendable):
        mend(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            '{"a" 1}',
            '{"a": 1 "b": 2}',
            '{"a":}',
            '{"a": 1',
            '{"a": "x',
            '{"a": "x\\',
            '{"a": 1}}',
            '{"a": [1}',
        ),
        *('{"a": "\\x41"}', "{,}", "[,]", '{"a": 1,, "b": 2}', ", {}", "{},,{}", "text", "5", '"text"'),
        *("[" * 600 + "]" * 600, '{"a": 1} x', '{"a": 1}\x0c{"b": 2}'),
    ],
)
def test_what_is_not_certain_is_refused(text: str) -> None:
    with pytest.raises(NotMendable):
        mend(text)


def test_a_value_over_several_lines() -> None:
    assert mend("{", ' "a": [', "  1,", "  ],", "}") == (
        ['{"a":[1]}'],
        {"lines-joined", "trailing-comma-removed"},
    )


def test_a_text_over_several_lines_keeps_its_breaks() -> None:
    texts, changes = mend('{"a": "one', "", '  two", "b":', "3}")
    assert json.loads(texts[0]) == {"a": "one\n\n  two", "b": 3}
    assert changes == {"lines-joined", "control-character-escaped"}


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_line_that_was_cut_off_swallows_no_other(cut: int) -> None:
    line = (
        '{"messages": [{"role": "user", "content": "a \\"b\\" {c}"}, {"role": "x", "b": ["d", 1.5, null]}]}'
    )
    mender = Mender()
    with pytest.raises(NotMendable):  # at the third line at the latest: after a bracket one may follow
        for number, text in enumerate((line[:cut], line, line), 1):
            mender.feed(text, number)


@given(rows)
def test_what_is_json_keeps_its_values(row: dict[str, Any]) -> None:
    for text in (json.dumps(row), json.dumps(row, ensure_ascii=False, separators=(",", ":"))):
        try:
            text.encode()
        except UnicodeEncodeError:
            continue
        texts, changes = mend(text)
        assert json.loads(texts[0]) == row and not changes
    texts, changes = mend(*json.dumps(row, indent=1).split("\n"))
    assert json.loads(texts[0]) == row and changes <= {"lines-joined"}


@given(rows)
def test_what_python_printed_keeps_its_values(row: dict[str, Any]) -> None:
    texts, _ = mend(repr({"row": row}))
    assert json.loads(texts[0]) == {"row": row}


@given(st.text("{}[],:\"'\\/#*-.019eEntruTFN \t\nax\x00é", max_size=40))
def test_whatever_is_mended_is_json_and_mended_no_more(text: str) -> None:
    try:
        texts, _ = mend(*text.split("\n"))
    except NotMendable:
        return
    for mended in texts:
        json.loads(mended, parse_constant=lambda name: pytest.fail(name))
        assert mend(mended) == ([mended], set())

"""Replies taken apart into frames and fields: nothing is lost, and only what has a form has slots."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftkit.local.engines.base import TrainingError
from ftkit.local.engines.linear.book import ABSENT, UNKNOWN, Numbers, ReplyBook, Targets
from ftkit.local.engines.linear.replies import MAX_LENGTH, MAX_SLOTS, Frame, take_apart

LEAF = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.lists(st.integers(), max_size=3)
OBJECT = st.recursive(
    LEAF, lambda inner: st.dictionaries(st.text(max_size=5), inner, max_size=4), max_leaves=8
)


def fields_of(reply: str) -> dict[str, str]:
    frame, values = take_apart(reply)
    return dict(zip(frame.fields, values, strict=True))


def leaves(value: Any, pointer: str = "") -> dict[str, Any]:
    """What a JSON object's slots are, by a reader of its own."""
    found: dict[str, Any] = {}
    for key, inner in value.items():
        place = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
        found |= leaves(inner, place) if isinstance(inner, dict) else {place: inner}
    return found


@settings(deadline=None)
@given(text=st.text(alphabet='{}[]":,;| ab1\n\\/~', max_size=40) | st.text(max_size=30))
def test_any_text_put_together_again_is_itself(text: str) -> None:
    frame, values = take_apart(text)
    assert frame.fill(values) == text
    assert len(frame.texts) == len(frame.fields) + 1 == len(values) + 1
    assert len(set(frame.fields)) == len(frame.fields)


@settings(deadline=None)
@given(
    value=st.dictionaries(st.text(max_size=5), OBJECT, max_size=5),
    indent=st.sampled_from([None, 2]),
    ascii_only=st.booleans(),
    compact=st.booleans(),
    around=st.sampled_from([("", ""), ("```json\n", "\n```"), ("Here: ", ""), ("", "\nDone.")]),
)
def test_every_value_of_a_json_object_has_a_slot(
    value: dict[str, Any], indent: int | None, ascii_only: bool, compact: bool, around: tuple[str, str]
) -> None:
    separators = (",", ":") if compact else None
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only, separators=separators)
    reply = around[0] + text + around[1]
    found = {field: json.loads(raw) for field, raw in fields_of(reply).items()}
    assert found == leaves(value)
    frame, values = take_apart(reply)
    assert frame.fill(values) == reply


@pytest.mark.parametrize(
    ("reply", "fields"),
    [
        ("positive", {}),
        ("", {}),
        ("{}", {}),
        ('{"a": }', {}),
        ('{"a": 1', {}),
        ('{"a": 1} and {"b": 2}', {"/a": "1"}),
        ('{"a": 1, "a": 2}', {}),
        ('[{"a": 1}]', {}),
        ('{"a": [1, {"b": 2}]}', {"/a": '[1, {"b": 2}]'}),
        ('{"a/b": {"c~d": true}}', {"/a~1b/c~0d": "true"}),
        ('{"a": {}, "b": null}', {"/b": "null"}),
        ("label: spam\nurgent: no", {"label": "spam", "urgent": "no"}),
        ("Label: spam; Urgent: no", {"Label": "spam", "Urgent": "no"}),
        ("a: 1, b: 2", {"a": "1", "b": "2"}),
        ("a: 1 | b: 2 | c: x y", {"a": "1", "b": "2", "c": "x y"}),
        ("spam|not urgent", {"#1": "spam", "#2": "not urgent"}),
        ("spam; low", {"#1": "spam", "#2": "low"}),
        ("Sorry, no.", {}),
        ("Hello; we will answer you as soon as we can.", {}),
        ("Thanks: yes", {}),
        ("a: 1\nno pair", {}),
        ("a: 1\na: 2", {}),
        ("one\ntwo", {}),
    ],
)
def test_what_has_slots(reply: str, fields: dict[str, str]) -> None:
    assert fields_of(reply) == fields


@pytest.mark.parametrize(
    "reply",
    [
        json.dumps({f"k{number}": 1 for number in range(MAX_SLOTS + 1)}),
        json.dumps({"long": "x" * MAX_LENGTH}),
        '{"a": ' + "[" * 100_000,
        '{"a": ' * 5000,
        "|".join("a" for _ in range(MAX_SLOTS + 1)),
        "a: " + "b " * 9000 + "\n" + "c" * 900,
    ],
    ids=["many", "long", "deep-list", "deep-object", "bars", "blanks"],
)
def test_what_is_too_much_stays_whole(reply: str) -> None:
    assert take_apart(reply) == (Frame((reply,)), ())


def test_objects_are_entered_to_a_bounded_depth() -> None:
    value: Any = 1
    for number in range(20):
        value = {f"k{number}": value}
    [(field, raw)] = fields_of(json.dumps(value)).items()
    assert field.count("/") == 8 and json.loads(raw) == {"k11": json.loads(raw)["k11"]}


def test_a_book_numbers_replies_in_the_order_in_which_they_come() -> None:
    book = ReplyBook()
    learnt = [book.learn(reply) for reply in ("no idea", '{"a": 1, "b": 2}', '{"a": 3, "b": 2}', '{"b": 4}')]
    assert learnt == [Numbers(0, ()), Numbers(1, (0, 0)), Numbers(1, (1, 0)), Numbers(2, (1,))]
    assert book.sizes == [3, 2, 2]
    assert book.fields == {"/a": ["1", "3"], "/b": ["2", "4"]}
    assert book.find('{"a": 3, "b": 4}') == Numbers(1, (1, 1)), "a reply never seen, of values that were"
    assert book.find('{"a": 9, "b": 4}') == Numbers(1, (UNKNOWN, 1))
    assert book.find('{"c": 1}') == Numbers(UNKNOWN, ())
    again = ReplyBook(book.frames, book.fields)
    assert again.find('{"b": 4}') == Numbers(2, (1,)) and again.sizes == book.sizes


def test_targets_are_a_table_of_frames_and_values() -> None:
    book, targets = ReplyBook(), Targets()
    for reply in ('{"a": 1, "b": 2}', "other", '{"b": 3}'):
        targets.add(book.learn(reply))
    targets.add(book.find('{"b": 2, "a": 1}'))
    targets.add(book.find('{"a": 5, "b": 3}'))
    assert targets.matrix(book).tolist() == [
        [0, 0, 0],
        [1, ABSENT, ABSENT],
        [2, ABSENT, 1],
        [UNKNOWN, ABSENT, ABSENT],
        [0, UNKNOWN, 1],
    ]
    assert Targets().matrix(ReplyBook()).shape == (0, 1)


def test_a_field_of_too_many_values_is_refused_by_its_name() -> None:
    book = ReplyBook()
    with pytest.raises(TrainingError) as refused:
        for number in range(2000):
            book.learn(json.dumps({"label": "ham", "reason": f"because {number}"}))
    assert refused.value.code == "too_many_replies" and refused.value.param == "training_file"
    assert "'/reason'" in refused.value.message and "more than 1024" in refused.value.message
    assert book.sizes == [1, 1, 1024]


def test_all_fields_together_have_a_limit() -> None:
    book = ReplyBook()
    with pytest.raises(TrainingError, match="more than 4096 different values in all"):
        for number in range(1000):
            book.learn(json.dumps({f"f{field}": number for field in range(6)}))
    assert sum(book.sizes) == 4096

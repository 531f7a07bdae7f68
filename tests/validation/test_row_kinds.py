"""Which kind a row is, by its keys and by what the data is for; a plain chat row is always chat."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftkit.validation.kinds import KINDS_OF_METHOD, kind_of_row, messages_of

USER, REPLY = {"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}
ASKED = [{"role": "developer", "content": "Add."}, USER]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"messages": [USER, REPLY]}, "chat"),
        ({"messages": [USER]}, "chat"),
        ({"messages": [USER], "tools": []}, "chat"),
        ({"messages": [USER], "id": 3}, "chat"),
        ({"messages": [USER, REPLY], "reference_answer": "4"}, "chat"),
        ({"messages": ASKED, "reference_answer": "4"}, "reinforcement"),
        ({"messages": [USER], "Expected": "4"}, "reinforcement"),
        ({"messages": "x", "answer": "4"}, "chat"),
        ({"messages": [], "answer": "4"}, "chat"),
        ({"messages": [3], "answer": "4"}, "chat"),
        ({"messages": [{"role": []}], "answer": "4"}, "chat"),
        ({"input": {"messages": [USER]}, "preferred_output": [REPLY]}, "preference"),
        ({"non_preferred_output": None}, "preference"),
        ({"input": {"messages": [USER]}}, "preference"),
        ({"prompt": "2+2?", "chosen": "4", "rejected": "5"}, "preference"),
        ({"messages": [USER], "rejected": "5"}, "preference"),
        ({"prompt": "2+2?", "completion": " 4"}, "completion"),
        ({"completion": " 4"}, "completion"),
        ({"prompt": "2+2?", "messages": [USER, REPLY]}, "chat"),
        ({"instruction": "Add.", "output": "4"}, "chat"),
        ({}, "chat"),
    ],
)
def test_kinds_by_keys(value: dict[str, Any], kind: str) -> None:
    assert kind_of_row(value) == kind


@pytest.mark.parametrize(
    ("value", "method", "kind"),
    [
        ({"messages": [USER]}, "rft", "reinforcement"),
        ({"messages": ASKED, "reference_answer": "4"}, "sft", "chat"),
        ({"messages": [USER, REPLY]}, "dpo", "chat"),
        ({"preferred_output": []}, "sft", "preference"),
        ({"prompt": "a", "completion": "b"}, "rft", "completion"),
        ({"question": "a"}, "dpo", "preference"),
        ({"question": "a"}, "rft", "reinforcement"),
        ({"question": "a"}, "sft", "chat"),
    ],
)
def test_what_the_data_is_for_decides_where_keys_do_not(
    value: dict[str, Any], method: Any, kind: str
) -> None:
    assert kind_of_row(value, method) == kind


@pytest.mark.parametrize(
    ("value", "kind", "found", "at"),
    [
        ({"messages": [USER]}, "chat", [USER], ("messages",)),
        ({"messages": [USER]}, "reinforcement", [USER], ("messages",)),
        ({"input": {"messages": [USER]}}, "preference", [USER], ("input", "messages")),
        ({"input": [USER]}, "preference", None, ("input", "messages")),
        ({"prompt": "a"}, "preference", None, ("input", "messages")),
        ({"prompt": "a"}, "completion", [], ()),
        ({}, "chat", None, ("messages",)),
    ],
)
def test_where_the_messages_stand(value: Any, kind: Any, found: Any, at: tuple[str, ...]) -> None:
    assert messages_of(value, kind) == (found, at)


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    ["messages", "input", "prompt", "completion", "chosen", "preferred_output", "answer", "x"]
)


@given(st.dictionaries(KEYS, JSON, max_size=4), st.sampled_from([None, "sft", "dpo", "rft"]))
def test_any_object_has_a_kind(value: dict[str, Any], method: Any) -> None:
    kind = kind_of_row(value, method)
    assert kind in ("chat", "preference", "reinforcement", "completion")
    messages_of(value, kind)
    if method and value.keys().isdisjoint(
        {"messages", "input", "prompt", "completion", "chosen", "preferred_output"}
    ):
        assert kind in KINDS_OF_METHOD[method]

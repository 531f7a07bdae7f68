"""What the built-in rules promise holds for any row: they look at nothing but what they name, they never
fail, and what they point at is there."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftkit.settings import Settings
from ftkit.validation import Context, Found, RowView, Rule, ValidateOptions, load_rules, validate
from ftkit.validation.kinds import kind_of_row, messages_of

RULES = [rule for rule in load_rules().rules if rule.scope in ("row", "message")]
PROMISING = [rule for rule in RULES if rule.reads is not None]
ROLES = ("system", "developer", "user", "assistant", "tool", "function", "User", "human")
MESSAGE_KEYS = ("name", "weight", "tool_calls", "tool_call_id", "function_call", "refusal", "audio", "note")
ROW_KEYS = ("tools", "functions", "parallel_tool_calls", "metadata", "reference_answer", "note")


@cache
def context() -> Context:
    provider = Settings(platform="openai").catalog.provider("openai")
    return Context("data.jsonl", provider, (), ValidateOptions())


def view(value: dict[str, Any]) -> RowView:
    kind = kind_of_row(value)
    messages, at = messages_of(value, kind)
    listed = messages if isinstance(messages, list) else []
    pairs = [(i, m) for i, m in enumerate(listed) if isinstance(m, dict)]
    return RowView(value, 1, None, context(), pairs, kind=kind, messages_at=at)


def says(rule: Rule, row: RowView) -> Iterator[tuple[tuple[Any, ...], Found]]:
    """What a rule says of a row, each with the whole way to the place."""
    if row.kind not in rule.kinds:
        return
    if rule.scope == "row":
        yield from ((found.at, found) for found in rule.check(row))
        return
    for index, message in row.messages:
        yield from (((*row.messages_at, index, *found.at), found) for found in rule.check(message, row))


texts = st.text(min_size=1, max_size=12).filter(lambda text: not text.isspace())
odd = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        2.5,
        "",
        " ",
        "x",
        "c1",
        "{}",
        [],
        {},
        ["x"],
        [{}],
        {"name": "f", "arguments": "{"},
    ]
)


@st.composite
def pairs_of_rows(draw: st.DrawFn, rule: Rule) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two rows with the same roles, the same keys and the same under the keys that the rule names."""
    named = rule.reads or frozenset()

    def fill(keys: tuple[str, ...], *into: dict[str, Any]) -> None:
        for key in draw(st.lists(st.sampled_from(keys), max_size=3, unique=True)):
            value = draw(odd)
            for table in into:
                table[key] = value if key in named else draw(odd)

    first, second = [], []
    for role in draw(st.lists(st.sampled_from(ROLES), min_size=1, max_size=5)):
        nothing = draw(st.integers(0, 5)) == 0  # null belongs to a row's form, as its keys do
        one, two = ({"role": role, "content": None if nothing else draw(texts)} for _ in range(2))
        fill(MESSAGE_KEYS, one, two)
        first.append(one)
        second.append(two)
    rows: tuple[dict[str, Any], dict[str, Any]] = ({"messages": first}, {"messages": second})
    fill(ROW_KEYS, *rows)
    if "preference" not in rule.kinds or draw(st.booleans()):
        return rows
    outputs = {"preferred_output": [], "non_preferred_output": []}
    return {"input": rows[0], **outputs}, {"input": rows[1], **outputs}


@pytest.mark.parametrize("rule", PROMISING, ids=lambda rule: rule.code)
def test_a_rule_reads_only_what_it_names(rule: Rule) -> None:
    @settings(max_examples=15, deadline=None, database=None)
    @given(pairs_of_rows(rule))
    def check(rows: tuple[dict[str, Any], dict[str, Any]]) -> None:
        one, two = ([(at, found.message) for at, found in says(rule, view(row))] for row in rows)
        assert one == two

    check()


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6)
words = st.sampled_from(
    [
        "user",
        "assistant",
        "tool",
        "system",
        "function",
        "text",
        "image_url",
        "object",
        "array",
        "c1",
        "f",
        "{}",
    ]
)
_INNER_KEYS = """role content type text image_url url detail file input_audio function name arguments id
parameters properties required items strict $ref anyOf description"""
names = st.sampled_from(_INNER_KEYS.split())
anything = st.recursive(
    scalars | words,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)
some_message = st.dictionaries(
    st.sampled_from(("role", "content", *MESSAGE_KEYS)), anything | words, max_size=5
)
some_row = st.fixed_dictionaries(
    {},
    optional={
        "messages": st.lists(some_message | anything, max_size=4) | anything,
        "input": anything | st.fixed_dictionaries({"messages": st.lists(some_message), "tools": anything}),
        "preferred_output": anything,
        "prompt": anything,
        **dict.fromkeys(ROW_KEYS, anything),
    },
)


def is_there(value: Any, at: tuple[Any, ...]) -> bool:
    """Whether a place is in the value; its last key may be one that is missing."""
    for key in at[:-1]:
        value = value[key]
    return not at or isinstance(value, (dict, list))


@settings(max_examples=150, deadline=None)
@given(some_row)
def test_no_row_makes_a_rule_fail_and_every_place_is_there(value: dict[str, Any]) -> None:
    row = view(value)
    for rule in RULES:
        for at, found in says(rule, row):
            assert is_there(value, at), (rule.code, at)
            assert found.message and "\n" not in found.message, rule.code


def found_in(path: Path, rows: list[Any], numbers: list[int]) -> set[tuple[int, str, str | None]]:
    path.write_text("".join(json.dumps(rows[number]) + "\n" for number in numbers), "utf-8")
    options = ValidateOptions(select=tuple(rule.code for rule in RULES), max_findings=10_000)
    report = validate(path, settings=Settings(platform="local"), options=options)
    return {(numbers[f.line - 1], f.code, f.pointer) for f in report.findings if f.line}


@settings(max_examples=25, deadline=None)
@given(st.lists(some_row, min_size=2, max_size=6))
def test_what_is_said_of_a_row_does_not_depend_on_the_rows_before(rows: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, order = Path(folder) / "data.jsonl", list(range(len(rows)))
        assert found_in(path, rows, order) == found_in(path, rows, order[::-1])


U, A = {"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}


@pytest.mark.parametrize(
    ("before", "row"),
    [
        ({"messages": []}, {"messages": "hello"}),
        ({"messages": [U, A], "tools": []}, {"messages": [None, U, A], "tools": []}),
        (
            {"input": {"messages": [U]}, "preferred_output": [A], "non_preferred_output": [A]},
            {"input": {"messages": [U], "tools": 5}, "preferred_output": [A], "non_preferred_output": [A]},
        ),
        ({"messages": [U, A], "tools": []}, {"messages": [U, A], "tools": [5]}),
        ({"messages": [U, {**A, "weight": 1}]}, {"messages": [U, {**A, "weight": 2}]}),
        ({"messages": [U, A]}, {"messages": [{**U, "content": " "}, A]}),
        (
            {"messages": [U, {**A, "content": None, "refusal": "No."}]},
            {"messages": [U, {**A, "content": None, "refusal": ""}]},
        ),
        (
            {"messages": [U, {**A, "refusal": ""}]},
            {"messages": [U, {**A, "content": None, "refusal": ""}]},
        ),
        ({"messages": [{**U, "role": "User"}, A]}, {"messages": [{**U, "role": "Bot"}, A]}),
    ],
)
def test_a_row_is_seen_though_one_of_the_same_form_was_sound(before: Any, row: Any, tmp_path: Path) -> None:
    alone = found_in(tmp_path / "data.jsonl", [before, row], [1])
    assert alone
    assert alone <= found_in(tmp_path / "data.jsonl", [before, row], [0, 1])
